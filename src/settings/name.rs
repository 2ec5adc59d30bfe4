//! Names that an operator chooses for environments, backends, keys and the like.

use super::reader::Section;

/// A name of small letters, digits and underscores: variables are folded to lower case, and `__` separates names in them.
/// `what` it names stands in problems with its article, such as "an environment".
pub(super) fn check(section: &mut Section<'_>, what: &str, name: &str) -> Option<String> {
    if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
        let lower = name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let remedy = format!("Use small letters, digits and underscores, such as \"{lower}\".");
        let mut what = what.to_owned();
        if let Some(first) = what.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        section.report(None, format!("{what} cannot have this name."), remedy);
        return None;
    }
    if name.starts_with('_') || name.ends_with('_') || name.contains("__") {
        let key = section.path().to_owned();
        section.warn(format!("{key} cannot be reached by variables: __ separates names in them."));
    }
    Some(name.to_owned())
}
