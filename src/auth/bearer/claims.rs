//! The claims of a token (RFC 7519 section 4, RFC 9068 section 2.2), as they come and as others see them.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

/// What an accepted token says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// The `sub`.
    pub subject: Option<String>,
    /// The `client_id`, or what some identity providers call `azp` or `appid`.
    pub client: Option<String>,
    /// The `jti`.
    pub id: Option<String>,
    /// All its scopes.
    pub scopes: Vec<String>,
    /// The `exp`.
    pub expires: SystemTime,
}

impl TokenClaims {
    /// Who it was issued to, for logs: the client, or else the subject. Nothing after the first 128 characters.
    #[must_use]
    pub fn holder(&self) -> &str {
        const LONGEST: usize = 128;
        let holder = self.client.as_deref().or(self.subject.as_deref()).unwrap_or_default();
        holder.char_indices().nth(LONGEST).and_then(|(end, _)| holder.get(..end)).unwrap_or(holder)
    }
}

/// The claims as they stand in a token. A claim that stands there twice is refused by serde.
#[derive(Deserialize)]
pub(super) struct RawClaims {
    pub(super) iss: Option<String>,
    pub(super) aud: Option<OneOrSeveral>,
    pub(super) exp: Option<NumericDate>,
    pub(super) nbf: Option<NumericDate>,
    pub(super) iat: Option<NumericDate>,
    sub: Option<String>,
    jti: Option<String>,
    /// Text with blanks (RFC 8693 section 4.2), or a list.
    scope: Option<OneOrSeveral>,
    /// The same thing under another name.
    scp: Option<OneOrSeveral>,
    // Others' tokens may say anything under these names, so they are no reason to refuse one.
    client_id: Option<Value>,
    azp: Option<Value>,
    appid: Option<Value>,
    environment: Option<Value>,
}

impl RawClaims {
    pub(super) fn is_of_environment(&self, environment: &str) -> bool {
        self.environment.as_ref().and_then(Value::as_str) == Some(environment)
    }

    pub(super) fn is_for(&self, audience: &str) -> bool {
        self.aud.as_ref().is_some_and(|all| all.iter().any(|one| one == audience))
    }

    /// Whether all of `demanded`, separated by blanks, are among the scopes.
    pub(super) fn has_scope(&self, demanded: &str) -> bool {
        demanded.split_ascii_whitespace().all(|demanded| self.scopes().any(|scope| scope == demanded))
    }

    pub(super) fn into_claims(self, expires: SystemTime) -> TokenClaims {
        let scopes = self.scopes().map(str::to_owned).collect();
        let client = [self.client_id, self.azp, self.appid].into_iter().flatten().find_map(|value| match value {
            Value::String(client) => Some(client),
            _ => None,
        });
        TokenClaims { subject: self.sub, client, id: self.jti, scopes, expires }
    }

    fn scopes(&self) -> impl Iterator<Item = &str> {
        [&self.scope, &self.scp]
            .into_iter()
            .flatten()
            .flat_map(OneOrSeveral::iter)
            .flat_map(str::split_ascii_whitespace)
    }
}

/// A string or a list of strings.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}

impl OneOrSeveral {
    fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
        .iter()
        .map(String::as_str)
    }
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519 section 2).
#[derive(Clone, Copy, Deserialize)]
pub(super) struct NumericDate(f64);

impl NumericDate {
    /// `None` before 1970 and after 9999.
    pub(super) fn time(self) -> Option<SystemTime> {
        /// The first second of the year 10000.
        const END: f64 = 253_402_300_800.0;
        if !(0.0..END).contains(&self.0) {
            return None;
        }
        SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(self.0).ok()?)
    }
}
