//! Access tokens that callers show: RFC 6750, JWTs of our own or of an identity provider.
//!
//! ```text
//! authorization header -> one, Bearer, of bounded length
//!                      -> remembered?  taken again as long as it is good and the keys are the same
//!                      -> check        header, key by its id, algorithm by the key, signature, claims
//! ```

mod check;
mod claims;
mod refusal;
mod remembered;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use http::HeaderMap;
use zeroize::Zeroizing;

pub use claims::TokenClaims;
pub use refusal::TokenRefusal;

use super::authorization::{Authorization, NotOne};
use super::jwks::Jwks;
use super::secret::sha256;
use super::signing_key::SigningKeys;
use super::verification_keys::VerificationKeys;
use crate::metrics::JwksMetrics;
use remembered::Remembered;

/// Longest token that is looked at. Ours have about 600 bytes, those of identity providers a few thousand.
pub const LONGEST_TOKEN: usize = 8 * 1024;

/// What a token must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerOptions {
    /// The `iss`, byte for byte.
    pub issuer: String,
    /// What must be among the `aud`.
    pub audience: String,
    /// What must be among the scopes; several are separated by blanks. `None` = nothing.
    pub scope: Option<String>,
    /// The `environment`, which our own tokens carry. `None` = not looked at.
    pub environment: Option<String>,
}

/// Verifies access tokens. Cheap to clone; clones share what is remembered.
#[derive(Clone)]
pub struct BearerTokens(Arc<Verifier>);

struct Verifier {
    keys: Keys,
    options: BearerOptions,
    remembered: Remembered,
}

enum Keys {
    Own(Arc<SigningKeys>),
    OfIdentityProvider(Jwks),
}

impl BearerTokens {
    /// A verifier of the tokens that [`TokenEndpoint`](super::TokenEndpoint) issues with the same keys.
    #[must_use]
    pub fn own(keys: Arc<SigningKeys>, options: BearerOptions) -> Self {
        Self::new(Keys::Own(keys), options)
    }

    /// A verifier of the tokens of an identity provider.
    #[must_use]
    pub fn of_identity_provider(keys: Jwks, options: BearerOptions) -> Self {
        Self::new(Keys::OfIdentityProvider(keys), options)
    }

    fn new(keys: Keys, options: BearerOptions) -> Self {
        Self(Arc::new(Verifier { keys, options, remembered: Remembered::default() }))
    }

    /// Counts fetches of keys in what `metrics` yields, where they are an identity provider's. Returns whether they are.
    pub(crate) fn count_in(&self, metrics: impl FnOnce() -> JwksMetrics) -> bool {
        let Keys::OfIdentityProvider(jwks) = &self.0.keys else { return false };
        jwks.count_in(metrics());
        true
    }

    /// Has the keys fetched that are not there yet, and takes those over that `before` has from the same place.
    pub fn prepare(&self, before: Option<&Self>, now: SystemTime) {
        let Keys::OfIdentityProvider(jwks) = &self.0.keys else { return };
        if let Some(Keys::OfIdentityProvider(before)) = before.map(|before| &before.0.keys) {
            jwks.adopt(before);
        }
        jwks.prefetch(now);
    }

    /// The ids of the keys that tokens are judged by now; of an identity provider's that have none, nothing is told.
    #[must_use]
    pub fn key_ids(&self, now: SystemTime) -> Vec<String> {
        match &self.0.keys {
            Keys::Own(keys) => keys.ids().map(str::to_owned).collect(),
            Keys::OfIdentityProvider(jwks) => {
                jwks.held(now).map(|keys| keys.ids().map(str::to_owned).collect()).unwrap_or_default()
            }
        }
    }

    /// Judges the token of a request.
    pub fn verify(&self, headers: &HeaderMap, now: SystemTime) -> Verdict {
        let token = match token(headers) {
            Ok(token) => token,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        match &self.0.keys {
            Keys::Own(keys) => self.0.judge(token, keys.verifying(), now).into(),
            Keys::OfIdentityProvider(jwks) => match self.0.judge_by(jwks, token, now) {
                Err(TokenRefusal::NoKeys) => self.once_fetched(jwks, token, now),
                judged => judged.into(),
            },
        }
    }

    /// Judges `token` when keys were fetched. Where none may be fetched yet, nobody waits for it: the caller may ask again.
    fn once_fetched(&self, jwks: &Jwks, token: &[u8], now: SystemTime) -> Verdict {
        let Some(fetch) = jwks.fetch(now) else { return Verdict::Refused(TokenRefusal::NoKeys) };
        let (verifier, jwks, token) = (Arc::clone(&self.0), jwks.clone(), Zeroizing::new(token.to_vec()));
        Verdict::Pending(Box::pin(async move {
            fetch.await;
            verifier.judge_by(&jwks, &token, now)
        }))
    }
}

impl Verifier {
    /// Judges `token` by the keys of an identity provider that are in use. That its key does not exist is final, and is said of keys
    /// that are as new as the token alone; older ones do not know.
    fn judge_by(&self, jwks: &Jwks, token: &[u8], now: SystemTime) -> Result<Arc<TokenClaims>, TokenRefusal> {
        // Asked before the keys are taken: newer ones may come in between, and nothing may be said of those in the name of these.
        let fresh = jwks.are_fresh(now);
        let keys = jwks.keys(now).ok_or(TokenRefusal::NoKeys)?;
        match self.judge(token, &keys, now) {
            Err(TokenRefusal::UnknownKey) if !fresh => Err(TokenRefusal::NoKeys),
            judged => judged,
        }
    }

    /// Judges `token` by one set of keys.
    fn judge(&self, token: &[u8], keys: &VerificationKeys, now: SystemTime) -> Result<Arc<TokenClaims>, TokenRefusal> {
        let digest = sha256(token);
        if let Some(claims) = self.remembered.find(&digest, keys.generation, now) {
            return Ok(claims);
        }
        let checked = check::check(token, keys, &self.options, now)?;
        let claims = Arc::new(checked.claims);
        self.remembered.remember(digest, keys.generation, Arc::clone(&claims), checked.good, now);
        Ok(claims)
    }
}

impl fmt::Debug for BearerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerTokens").field("options", &self.0.options).finish_non_exhaustive()
    }
}

/// What [`BearerTokens::verify`] says.
pub enum Verdict {
    /// The token is good.
    Accepted(Arc<TokenClaims>),
    /// It is not.
    Refused(TokenRefusal),
    /// Keys have to be fetched first. The future is done within seconds, one way or the other.
    Pending(BoxFuture<'static, Result<Arc<TokenClaims>, TokenRefusal>>),
}

impl From<Result<Arc<TokenClaims>, TokenRefusal>> for Verdict {
    fn from(judged: Result<Arc<TokenClaims>, TokenRefusal>) -> Self {
        match judged {
            Ok(claims) => Self::Accepted(claims),
            Err(refusal) => Self::Refused(refusal),
        }
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(claims) => f.debug_tuple("Accepted").field(claims).finish(),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
            Self::Pending(_) => f.debug_tuple("Pending").finish_non_exhaustive(),
        }
    }
}

/// The token of a request (RFC 6750 section 2.1; the ways of sections 2.2 and 2.3 do not exist here).
fn token(headers: &HeaderMap) -> Result<&[u8], TokenRefusal> {
    let authorization = Authorization::of(headers).map_err(|none| match none {
        NotOne::Missing => TokenRefusal::Missing,
        NotOne::Several => TokenRefusal::Several,
    })?;
    if !authorization.is("Bearer") {
        return Err(TokenRefusal::Missing);
    }
    if authorization.credentials.len() > LONGEST_TOKEN {
        return Err(TokenRefusal::TooLong);
    }
    Ok(authorization.credentials)
}
