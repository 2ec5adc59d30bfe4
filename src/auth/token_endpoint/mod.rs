//! The endpoint that issues access tokens: OAuth 2.0 client credentials (RFC 6749 section 4.4), answered as section 5 wants it.
//!
//! ```text
//! request        one of each parameter, form-urlencoded
//!   -> client    HTTP Basic, or the body where that is allowed; guesses are slowed down
//!   -> grant     client_credentials, with scopes of the client's own
//!   -> token     ES256, type at+jwt (RFC 9068)
//! ```

mod access_token;
mod answer;
mod client;
mod options;
mod request;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Response};

pub use answer::TokenOutcome;
pub use options::{Client, GuessLimit, TokenEndpointError, TokenEndpointOptions};

use crate::thales::operation::ExpiresIn;
use access_token::AccessToken;
use answer::{Failure, Refused};
use client::{Clients, Identified};
use request::TokenRequest;

/// Longest request body. Bytes. A real one has a few hundred.
pub const MAX_BODY: usize = 8 * 1024;

/// Issues access tokens to the clients of one environment.
pub struct TokenEndpoint {
    options: TokenEndpointOptions,
    clients: Clients,
}

impl TokenEndpoint {
    /// An endpoint for the clients in `options`.
    ///
    /// # Errors
    /// [`TokenEndpointError`] when clients cannot be told apart, or could never get a token.
    pub fn new(mut options: TokenEndpointOptions) -> Result<Self, TokenEndpointError> {
        options.check()?;
        let clients = Clients::new(std::mem::take(&mut options.clients), options.guesses);
        Ok(Self { options, clients })
    }

    /// The secrets of its clients: the client's id, the secret's name, and from when on it is good no more.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &str, Option<SystemTime>)> {
        self.clients.secrets()
    }

    /// Answers a POST with these headers and this body, which should not be longer than [`MAX_BODY`]. `caller` is the SHA-256 of the
    /// certificate that it came with: who guesses is slowed down by itself. What came of it is in the extensions of the answer, as
    /// [`TokenOutcome`].
    pub fn answer(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        caller: &[u8; 32],
        expires_in: ExpiresIn,
        now: SystemTime,
    ) -> Response<Bytes> {
        match self.issue(headers, body, caller, now) {
            Ok((issued, outcome)) => answer::success(&issued, expires_in, outcome),
            Err(failure) => answer::failure(failure),
        }
    }

    fn issue(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        caller: &[u8; 32],
        now: SystemTime,
    ) -> Result<(AccessToken, TokenOutcome), Failure> {
        let request = TokenRequest::parse(headers, body)?;
        let shown = request.credentials(self.options.credentials_in_body)?;
        let Identified { client, secret } = self.clients.identify(&shown, caller, now)?;
        let outcome = |error: Refused| Failure::of(error).by(&client.id);
        match request.grant_type.as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Err(outcome(Refused::UnsupportedGrantType)),
            None => return Err(outcome(Refused::InvalidRequest("The parameter grant_type is missing."))),
        }
        let scope = client.granted(request.scope.as_deref()).map_err(outcome)?;
        let issued = AccessToken::issue(&self.options, &client.id, scope, now).map_err(outcome)?;
        let outcome = TokenOutcome::Issued { client: client.id.clone(), secret: secret.name.clone() };
        Ok((issued, outcome))
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint").field("options", &self.options).finish_non_exhaustive()
    }
}
