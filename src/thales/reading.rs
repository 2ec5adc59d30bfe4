//! From the texts of a catalogue or a configuration to the types of an operation. Each gives what is wrong and what to do about it.

use ::http::{HeaderName, Method};

use super::finding::Finding;
use super::key_expression::KeyExpression;
use super::operation::{Deduplication, Evidence, IssuerId, KeyOwner, Kind};
use super::template;

/// Verbs that an operation may have.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// A name becomes the value of a metric's label and a part of a key.
const LONGEST_NAME: usize = 64;

/// The name of an operation.
pub(crate) fn name(text: &str) -> Result<String, Finding> {
    let fit = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(fit) {
        return Err(Finding::new(
            "name",
            format!("{text:?} is no name for an operation"),
            format!("write at most {LONGEST_NAME} letters, digits, - and _"),
        ));
    }
    if text.eq_ignore_ascii_case("unknown") {
        return Err(Finding::new(
            "name",
            format!("{text:?} is what metrics call the operations that nobody knows"),
            "take another name",
        ));
    }
    Ok(text.to_owned())
}

/// A verb.
pub(crate) fn method(text: &str) -> Result<Method, Finding> {
    METHODS.into_iter().find(|method| method.as_str() == text).ok_or_else(|| {
        Finding::new(
            "method",
            format!("{text:?} is no verb of an operation"),
            format!("write one of {}", METHODS.map(|method| method.to_string()).join(", ")),
        )
    })
}

/// A kind.
pub(crate) fn kind(text: &str) -> Result<Kind, Finding> {
    one_of("kind", text, &Kind::ALL, Kind::name)
}

/// How sure one is of a path.
pub(crate) fn evidence(text: &str) -> Result<Evidence, Finding> {
    one_of("evidence", text, &Evidence::ALL, Evidence::name)
}

/// Who vouches for a deduplication key.
pub(crate) fn key_owner(text: &str) -> Result<KeyOwner, Finding> {
    one_of("deduplication_owner", text, &KeyOwner::ALL, KeyOwner::name)
}

/// A template below a base path.
pub(crate) fn path(text: &str) -> Result<String, Finding> {
    template::check(text).map(|()| text.to_owned()).map_err(|error| Finding::of_template("path", &error))
}

/// A base path.
pub(crate) fn base_path(text: &str) -> Result<String, Finding> {
    template::check_base(text).map(|()| text.to_owned()).map_err(|error| Finding::of_template("base_path", &error))
}

/// A key, of an operation with this template.
pub(crate) fn key(field: &'static str, parts: &[String], template: &str) -> Result<KeyExpression, Finding> {
    KeyExpression::parse(parts, template).map_err(|error| Finding::of_key(field, &error))
}

/// A deduplication key; without an owner it is only ours.
pub(crate) fn deduplication(
    parts: Option<&[String]>,
    owner: Option<KeyOwner>,
    template: &str,
) -> Result<Option<Deduplication>, Finding> {
    match parts {
        Some(parts) => {
            let key = key("deduplication", parts, template)?;
            Ok(Some(Deduplication { key, owner: owner.unwrap_or(KeyOwner::Ours) }))
        }
        None if owner.is_some() => Err(Finding::new(
            "deduplication_owner",
            "there is no deduplication key to vouch for",
            "write the key under \"deduplication\", or leave the owner away",
        )),
        None => Ok(None),
    }
}

/// Where the customer's id stands: `header:NAME`, `optional-header:NAME` or `path:NAME`.
pub(crate) fn issuer_id(text: &str, template: &str) -> Result<IssuerId, Finding> {
    let wrong = |problem: String| {
        Finding::new("issuer_id", problem, "write \"header:NAME\", \"optional-header:NAME\", \"path:NAME\" or \"none\"")
    };
    match text.split_once(':') {
        Some(("header", name)) => header("issuer_id", name).map(IssuerId::Header),
        Some(("optional-header", name)) => header("issuer_id", name).map(IssuerId::OptionalHeader),
        Some(("path", name)) if template::parameters(template).any(|parameter| parameter == name) => {
            Ok(IssuerId::Path(name.to_owned()))
        }
        Some(("path", name)) => Err(wrong(format!("the path {template} has no parameter {{{name}}}"))),
        _ => Err(wrong(format!("{text:?} is no place of an id"))),
    }
}

/// The name of a header.
pub(crate) fn header(field: &'static str, text: &str) -> Result<HeaderName, Finding> {
    HeaderName::try_from(text).map_err(|_| {
        Finding::new(field, format!("{text:?} is no name of a header"), "write a name as in \"x-correlation-id\"")
    })
}

/// The value of `all` that has this name.
pub(crate) fn one_of<T: Copy>(
    field: &'static str,
    text: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, Finding> {
    all.iter().copied().find(|&value| name(value) == text).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|&value| format!("{:?}", name(value))).collect();
        Finding::new(
            field,
            format!("{text:?} is none of the words for it"),
            format!("write one of {}", names.join(", ")),
        )
    })
}
