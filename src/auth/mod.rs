//! Second keys: what a caller shows besides its certificate. API keys, access tokens, and the endpoint that issues them.
//!
//! Nothing here opens a socket to a caller, and time is handed in. What is compared with a secret is compared in constant time;
//! what is kept of a secret is its digest.

pub mod api_key;
mod authorization;
pub mod bearer;
pub mod jwks;
pub mod secret;
pub mod signing_key;
#[cfg(test)]
mod testing;
mod throttle;
pub mod token_endpoint;
mod verification_keys;

pub use api_key::{ApiKeyRefusal, ApiKeys};
pub use bearer::{BearerOptions, BearerTokens, TokenClaims, TokenRefusal, Verdict};
pub use jwks::{Jwks, JwksSource, JwksSourceError};
pub(crate) use secret::sha256;
pub use secret::{LiveSecret, SecretError};
pub use signing_key::{SigningKeyError, SigningKeys};
pub(crate) use throttle::Throttle;
pub use token_endpoint::{Client, GuessLimit, TokenEndpoint, TokenEndpointError, TokenEndpointOptions, TokenOutcome};

pub use crate::outgoing::{ConnectError, Fetch, FetchError, HttpsFetch};
