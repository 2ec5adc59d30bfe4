//! `[environments.NAME.operations]`: what is different about operations here, and operations of the customer's own.

use std::collections::BTreeMap;

use ::http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use ::http::{HeaderName, HeaderValue};

use super::deadlines::DEADLINE;
use super::products;
use super::quantity::duration;
use super::reader::Section;
use super::suggestion;
use super::typed::{Parsed, Raw, integer, list, one_of, optional_text, shown, text, words, wrong};
use crate::thales::operation::KeyOwner;
use crate::thales::routes::OperationOverride;
use crate::thales::{Kind, Product};

const OWNERS: &[(&str, KeyOwner)] = &[("thales", KeyOwner::Thales), ("ours", KeyOwner::Ours)];

/// Headers that frame a message are set by who sends it.
const FRAMING: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Reads `[environments.NAME.operations]`, in the order of their names. What is not set stays what the catalogue says; whether the rest
/// fits it, paths and keys above all, is not known here. No two names are the same but for case. `backends` are the names in `[backends]`; `products` those of the
/// environment, where they could be read.
pub(super) fn read(
    section: &mut Section<'_>,
    products: Option<&[Product]>,
    backends: &[String],
) -> Option<Vec<OperationOverride>> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let operations = section.each_within("operations", |name, section| {
        let operation = read_operation(name, section, products, backends);
        if let Some(other) = seen.insert(name.to_ascii_lowercase(), name.to_owned()) {
            let remedy = "Keep one of the two. A variable reaches names that are written in small letters.";
            section.report(None, format!("{other} is the same operation: case does not matter in names."), remedy);
            return None;
        }
        operation
    });
    operations.into_iter().collect()
}

fn read_operation(
    name: &str,
    section: &mut Section<'_>,
    products: Option<&[Product]>,
    backends: &[String],
) -> Option<OperationOverride> {
    let name = check_name(section, products, name);
    let product = product(section, products);
    let base_path = section.optional("base_path", optional_text);
    let method = section.optional("method", text);
    let path = section.optional("path", text);
    let kind = section.optional("kind", one_of(&words(&Kind::ALL, Kind::name)));
    let status = section.optional("status", integer(200..=299));
    let body = section.optional("body", optional_text);
    // Values of headers hold commas and semicolons, so a variable separates headers by bars.
    let headers = section.or("headers", Vec::new(), list('|', header));
    let deduplication = section.optional("deduplication", list(',', text));
    let deduplication_owner = section.optional("deduplication_owner", one_of(OWNERS));
    let ordering = section.optional("ordering", list(',', text));
    let secrets = section.optional("secrets", list(',', text));
    let backend = backend(section, backends);
    let deadline = section.optional("deadline", duration(DEADLINE));
    Some(OperationOverride {
        name: name?,
        product: product?,
        base_path: base_path?,
        method: method?,
        path: path?,
        kind: kind?,
        status: status?.and_then(|status| u16::try_from(status).ok()),
        body: body?,
        headers: headers?,
        deduplication: deduplication?,
        deduplication_owner: deduplication_owner?,
        ordering: ordering?,
        secrets: secrets?,
        backend: backend?,
        deadline: deadline?,
    })
}

/// An operation's name, perhaps behind the name of its product and a slash.
fn check_name(section: &mut Section<'_>, products: Option<&[Product]>, name: &str) -> Option<String> {
    let (product, bare) = name.split_once('/').map_or((None, name), |(product, bare)| (Some(product), bare));
    if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        section.report(
            None,
            "An operation cannot have this name.",
            "Use letters, digits, underscores and dashes, with the product and a slash before them where two products have it, \
             such as \"d1-ecom/notifyTokenUpdate\".",
        );
        return None;
    }
    if let Some(product) = product {
        products::among(section, None, products, &product.to_ascii_lowercase())?;
    }
    Some(name.to_owned())
}

#[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
fn product(section: &mut Section<'_>, products: Option<&[Product]>) -> Option<Option<Product>> {
    match section.optional("product", text)? {
        None => Some(None),
        Some(name) => products::among(section, Some("product"), products, &name).map(Some),
    }
}

#[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
fn backend(section: &mut Section<'_>, backends: &[String]) -> Option<Option<String>> {
    let Some(name) = section.optional("backend", text)? else { return Some(None) };
    if backends.contains(&name) {
        return Some(Some(name));
    }
    let remedy = match suggestion::nearest(&name, backends.iter().map(String::as_str)) {
        Some(nearest) => format!("Did you mean \"{nearest}\"?"),
        None => "Write a table [backends.NAME] with its url, and NAME here.".to_owned(),
    };
    section.report(Some("backend"), format!("There is no backend {}.", shown(&name)), remedy);
    None
}

/// A header as `name: value`.
fn header(raw: &Raw<'_>) -> Parsed<(String, String)> {
    let text = text(raw)?;
    let parts = text.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
    let Some((name, value)) = parts.filter(|(_, value)| HeaderValue::from_str(value).is_ok()) else {
        return wrong(format!("{} is not a header.", shown(&text)), "Write \"name: value\".");
    };
    match name.parse::<HeaderName>() {
        Ok(name) if FRAMING.contains(&name) => wrong(format!("{name} is set by the server itself."), "Take it out."),
        Ok(name) => Ok((name.as_str().to_owned(), value.to_owned())),
        Err(_) => wrong(format!("{} is not the name of a header.", shown(name)), "Write \"name: value\"."),
    }
}
