//! What an operator reads about settings that are needed and absent.

use super::key;
use super::origin::Origin;
use super::reader::Section;
use super::variables::asset_variable;

/// Reports everything that is missing in a table, in one problem: without it, what the table describes (`whole`, such as "the
/// environment") cannot be `used`. `from_assets` says that an operator without a file describes it by the names of assets.
pub(super) fn report(section: &mut Section<'_>, whole: &str, used: &str, from_assets: bool) {
    let missing = section.take_missing();
    if missing.is_empty() {
        return;
    }
    let from_variable = matches!(section.origin(), Origin::Variable(_));
    let named: Vec<String> = missing
        .iter()
        .map(|setting| match asset_variable(setting).filter(|_| from_assets) {
            Some(variable) => variable.to_owned(),
            None if from_variable => key::variable(&format!("{}.{setting}", section.path())),
            None => setting.clone(),
        })
        .collect();
    let (are, them) = if missing.len() == 1 { ("is", "it") } else { ("are", "them") };
    let kind = if from_assets || from_variable { "variable" } else { "setting" };
    let kind = if missing.len() == 1 { kind.to_owned() } else { format!("{kind}s") };
    section.report(
        None,
        format!("The {kind} {} {are} missing.", join(&named)),
        format!("Set {them}: without {them} {whole} cannot be {used}."),
    );
}

/// Words as a sentence lists them.
pub(super) fn join(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
