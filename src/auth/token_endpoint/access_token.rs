//! The token that is issued: a JWT as RFC 9068 section 2 has it, with the environment besides.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use zeroize::Zeroizing;

use super::answer::Refused;
use super::options::TokenEndpointOptions;

/// A token on its way to the client.
pub(super) struct AccessToken {
    pub(super) text: Zeroizing<String>,
    /// Seconds.
    pub(super) lifetime: u64,
    /// Separated by blanks; empty = none.
    pub(super) scope: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    client_id: &'a str,
    aud: &'a str,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    environment: &'a str,
}

impl AccessToken {
    /// Signs a token for `client`, with these scopes, from `now` on.
    pub(super) fn issue(
        options: &TokenEndpointOptions,
        client: &str,
        scope: String,
        now: SystemTime,
    ) -> Result<Self, Refused> {
        // A clock before 1970 issues what has expired.
        let iat = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let lifetime = options.lifetime.as_secs();
        let claims = Claims {
            iss: &options.issuer,
            sub: client,
            client_id: client,
            aud: &options.audience,
            iat,
            nbf: iat,
            exp: iat.saturating_add(lifetime),
            jti: token_id().ok_or(Refused::ServerError)?,
            scope: &scope,
            environment: &options.environment,
        };
        let text = options.keys.sign(&claims).map_err(|_| Refused::ServerError)?;
        Ok(Self { text: Zeroizing::new(text), lifetime, scope })
    }
}

/// 128 random bits.
fn token_id() -> Option<String> {
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id).ok()?;
    Some(URL_SAFE_NO_PAD.encode(id))
}
