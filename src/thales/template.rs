//! A path template: literals in Thales' spelling, ids as `{name}`.

use thiserror::Error;

/// Parameters that a template may have; no call of Thales' has more than three.
pub(crate) const MOST_PARAMETERS: usize = 6;

/// Why a path is no template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// It does not begin at the root.
    #[error("{0:?} does not begin with a slash")]
    Relative(String),
    /// A slash too many at the end.
    #[error("{0:?} ends with a slash, which would be another path")]
    TrailingSlash(String),
    /// `//`, `.` or `..`.
    #[error("{0:?} has a segment that is empty or made of dots: such paths are refused when they are called")]
    Unclean(String),
    /// A character that a path cannot have, or would have to encode.
    #[error("{path:?} holds {character:?}")]
    Character {
        /// The whole path.
        path: String,
        /// The character.
        character: char,
    },
    /// Braces that do not stand around a whole segment.
    #[error("{0:?} is neither a literal nor a parameter")]
    Braces(String),
    /// Two parameters of one name.
    #[error("{{{0}}} stands twice in the path")]
    RepeatedParameter(String),
    /// More parameters than are found without an allocation.
    #[error("{0:?} has more than {MOST_PARAMETERS} parameters")]
    TooManyParameters(String),
    /// A parameter where none may be.
    #[error("{0:?} has a parameter, and a base path has none")]
    ParameterInBase(String),
}

impl TemplateError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Relative(_) => "write a slash before it",
            Self::TrailingSlash(_) => "leave the last slash away",
            Self::Unclean(_) => "write the path as it is called, without such segments",
            Self::Character { .. } => "write letters, digits and - . _ ~ ! $ & ' ( ) * + , ; = : @ only",
            Self::Braces(_) => {
                "put braces around a whole segment, as in /cards/{cardId}, with letters, digits and _ in them"
            }
            Self::RepeatedParameter(_) => "give the second one a name of its own",
            Self::TooManyParameters(_) => "write some of them as literals, in an operation for each",
            Self::ParameterInBase(_) => "move the parameter into the path",
        }
    }
}

/// A segment of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment<'t> {
    /// Text that has to be there, in any case.
    Literal(&'t str),
    /// An id of this name.
    Parameter(&'t str),
}

/// The segments of a template that was checked; their order is that of the path, without the empty one before the first slash.
pub(crate) fn segments(template: &str) -> impl Iterator<Item = Segment<'_>> {
    template.split('/').skip(1).map(|segment| match parameter(segment) {
        Some(name) => Segment::Parameter(name),
        None => Segment::Literal(segment),
    })
}

/// The names of a template's parameters, in order.
pub(crate) fn parameters(template: &str) -> impl Iterator<Item = &str> {
    segments(template).filter_map(|segment| match segment {
        Segment::Parameter(name) => Some(name),
        Segment::Literal(_) => None,
    })
}

/// Checks what an operation's path has to be.
pub(crate) fn check(path: &str) -> Result<(), TemplateError> {
    check_shape(path)?;
    for segment in path.split('/').skip(1) {
        match parameter(segment) {
            Some(name) if name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') => {}
            None if !segment.contains(['{', '}']) => {}
            _ => return Err(TemplateError::Braces(segment.to_owned())),
        }
    }
    let mut seen = Vec::new();
    for name in parameters(path) {
        if seen.contains(&name) {
            return Err(TemplateError::RepeatedParameter(name.to_owned()));
        }
        seen.push(name);
    }
    if seen.len() > MOST_PARAMETERS {
        return Err(TemplateError::TooManyParameters(path.to_owned()));
    }
    Ok(())
}

/// Checks what a base path has to be: empty, or a path without parameters.
pub(crate) fn check_base(path: &str) -> Result<(), TemplateError> {
    if path.is_empty() {
        return Ok(());
    }
    if path.contains(['{', '}']) {
        return Err(TemplateError::ParameterInBase(path.to_owned()));
    }
    check_shape(path)
}

fn check_shape(path: &str) -> Result<(), TemplateError> {
    let Some(below) = path.strip_prefix('/') else { return Err(TemplateError::Relative(path.to_owned())) };
    // The characters of a path segment that need no encoding (RFC 3986 section 3.3), and the braces of our own.
    let unfit = |character: &char| !(character.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@{}".contains(*character));
    if let Some(character) = path.chars().find(unfit) {
        return Err(TemplateError::Character { path: path.to_owned(), character });
    }
    if below.is_empty() || below.ends_with('/') {
        return Err(TemplateError::TrailingSlash(path.to_owned()));
    }
    if below.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(TemplateError::Unclean(path.to_owned()));
    }
    Ok(())
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}').filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_literals_and_parameters() {
        let template = "/issuers/{issuerId}/cards";
        assert_eq!(check(template), Ok(()));
        assert_eq!(
            segments(template).collect::<Vec<_>>(),
            [Segment::Literal("issuers"), Segment::Parameter("issuerId"), Segment::Literal("cards")]
        );
    }

    #[test]
    fn what_could_never_be_called_is_no_template() {
        for path in [
            "",
            "tokens",
            "/",
            "/tokens/",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/a%2fb",
            "/a?b",
            "/a#b",
            "/a b",
            "/\u{e4}",
            "/a\\b",
            "/{}",
            "/{a",
            "/a}",
            "/x{a}",
            "/{a}x",
            "/{a}{b}",
            "/{a-b}",
            "/{*rest}",
            "/{a}/{a}",
            "/{a}/{b}/{c}/{d}/{e}/{f}/{g}",
        ] {
            assert!(check(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_base_path_may_be_empty_and_has_no_parameter() {
        assert_eq!(check_base(""), Ok(()));
        assert_eq!(check_base("/tsh-cof"), Ok(()));
        for path in ["/", "tsh-cof", "/tsh-cof/", "/{issuerId}", "/a%20b"] {
            assert!(check_base(path).is_err(), "{path:?}");
        }
    }
}
