//! Whom an endpoint issues tokens to, and what they say.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::secret::LiveSecret;
use crate::auth::signing_key::SigningKeys;

/// What a [`TokenEndpoint`](super::TokenEndpoint) is made of.
#[derive(Clone, Debug)]
pub struct TokenEndpointOptions {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Their `aud`.
    pub audience: String,
    /// Their `environment`.
    pub environment: String,
    /// How long a token is good; whole seconds.
    pub lifetime: Duration,
    /// Whether id and secret may stand in the body. RFC 6749 section 2.3.1 advises against it.
    pub credentials_in_body: bool,
    /// How fast secrets may be guessed, by each caller and for each client id that it gives by itself.
    pub guesses: GuessLimit,
    /// Who may have tokens.
    pub clients: Vec<Client>,
    /// What they are signed with.
    pub keys: Arc<SigningKeys>,
}

/// Somebody who may have tokens.
#[derive(Clone, Debug)]
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// Any of these will do.
    pub secrets: Vec<LiveSecret>,
    /// What it may ask for, and gets when it asks for nothing in particular.
    pub scopes: Vec<String>,
}

/// How many wrong secrets are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessLimit {
    /// So many at once.
    pub burst: NonZeroU32,
    /// And another one after each such time.
    pub period: Duration,
}

impl Default for GuessLimit {
    /// Ten, and one a second.
    fn default() -> Self {
        Self { burst: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN), period: Duration::from_secs(1) }
    }
}

/// Why there is no endpoint with such options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenEndpointError {
    /// Two clients have one id.
    #[error("two clients of the token endpoint have the id {0:?}: give one client both secrets instead")]
    ClientTwice(String),
    /// An id that nobody can send.
    #[error("a client of the token endpoint has an empty id")]
    EmptyClientId,
    /// A client without a secret.
    #[error("the client {0:?} of the token endpoint has no secret, so it could never get a token")]
    NoSecret(String),
    /// A scope with other characters than RFC 6749 section 3.3 allows.
    #[error(
        "the scope {scope:?} of the client {client:?} is none: use printable characters other than blank, \" and \\"
    )]
    Scope {
        /// Its id.
        client: String,
        /// As it was written.
        scope: String,
    },
    /// Tokens that have expired when they are issued.
    #[error("tokens have to be good for a second at least")]
    Lifetime,
}

impl TokenEndpointOptions {
    pub(super) fn check(&self) -> Result<(), TokenEndpointError> {
        if self.lifetime < Duration::from_secs(1) {
            return Err(TokenEndpointError::Lifetime);
        }
        let mut ids = HashSet::new();
        for Client { id, secrets, scopes } in &self.clients {
            if id.is_empty() {
                return Err(TokenEndpointError::EmptyClientId);
            }
            if !ids.insert(id) {
                return Err(TokenEndpointError::ClientTwice(id.clone()));
            }
            if secrets.is_empty() {
                return Err(TokenEndpointError::NoSecret(id.clone()));
            }
            if let Some(scope) = scopes.iter().find(|scope| !is_scope(scope)) {
                return Err(TokenEndpointError::Scope { client: id.clone(), scope: scope.clone() });
            }
        }
        Ok(())
    }
}

/// scope-token of RFC 6749 section 3.3.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}
