//! `[environments.NAME.api_keys]`: what callers of card on file show beside their certificate.

use std::time::SystemTime;

use config::ValueKind;

use super::moment::moment;
use super::name;
use super::reader::Section;
use super::secret::SecretSource;
use super::typed::{Parsed, Raw, text, what, wrong};

/// `[environments.NAME.api_keys.KEY]`. Several live side by side while one takes the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeySettings {
    /// What it is called in logs: `[a-z0-9_]+`.
    pub name: String,
    /// The key.
    pub key: SecretSource,
    /// The user that HTTP Basic (RFC 7617) must name with it; `None` = any.
    pub username: Option<String>,
    /// From when on it is refused; `None` = never.
    pub expires: Option<SystemTime>,
}

/// Reads the keys, in the order of their names.
pub(super) fn read(section: &mut Section<'_>) -> Option<Vec<ApiKeySettings>> {
    section.each_within("api_keys", read_key).into_iter().collect()
}

fn read_key(name: &str, section: &mut Section<'_>) -> Option<ApiKeySettings> {
    let name = name::check(section, "an API key", name);
    let key = section.caller_secret("key");
    let username = section.optional("username", username);
    let expires = section.optional("expires", moment);
    Some(ApiKeySettings { name: name?, key: key?, username: username?, expires: expires? })
}

/// A user of HTTP Basic (RFC 7617 section 2): no colon, which ends it. It is not repeated in problems: key and all may have been
/// put here.
fn username(raw: &Raw<'_>) -> Parsed<String> {
    if !matches!(raw.kind, ValueKind::String(_)) {
        return wrong(format!("It is {}, but text is expected.", what(raw.kind)), "Write it in quotes.");
    }
    let text = text(raw)?;
    if text.chars().any(|c| c == ':' || c.is_control()) {
        return wrong(
            "There is a colon or a control character in it, which no user of HTTP Basic has.",
            "Write what stands before the colon, and the key as key, key_file or key_sha256.",
        );
    }
    Ok(text)
}
