//! Why a request is not answered, and what to do about it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A loopback listener was called by another name.
    Host,
    /// It may come from somebody else's page: the text of the answer.
    Forged(&'static str),
    /// The listener can be reached from other machines, and nothing says who may.
    NoCredential,
    /// The same, and a token could be read on the way.
    NoTls,
    /// Nothing is shown that is known, nor anything that is a guess.
    Credential,
    /// A token is shown, and it is another one. Whoever asks is not told that it is this and not the one before.
    Wrong,
    /// A session is shown by its cookie, and its second secret, without which nothing can be changed, is not.
    Unmeant,
    /// So many that were shown from there were wrong that the next one has to wait: seconds.
    Slow(u32),
    /// The same for a client certificate, where nothing else will do.
    Certificate,
    /// The system has no random numbers for a session.
    NoRandomness,
}

impl Refusal {
    /// A stable name of a closed list: of metrics (`outcome`) and of the log (`reason`).
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Host => "unknown_host",
            Self::Forged(_) | Self::Unmeant => "forged",
            Self::NoCredential | Self::NoTls => "forbidden",
            Self::Credential | Self::Certificate => "unauthenticated",
            Self::Wrong => "wrong_token",
            Self::Slow(_) => "throttled",
            Self::NoRandomness => "failed",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer");
        match self {
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "this listener answers to localhost, and to the names in [admin] hosts\n",
            )
                .into_response(),
            Self::Forged(why) => (StatusCode::FORBIDDEN, why).into_response(),
            Self::NoCredential => (
                StatusCode::FORBIDDEN,
                "other machines can reach this listener, so nobody may: set both [admin.tls] and a credential, which is [admin] token_file or client_ca of [admin.tls]; or listen on loopback\n",
            )
                .into_response(),
            Self::NoTls => (
                StatusCode::FORBIDDEN,
                "other machines can reach this listener, so a token is taken over TLS alone: set [admin.tls] beside token_file, or listen on loopback\n",
            )
                .into_response(),
            Self::Credential | Self::Wrong => {
                let challenge = [(header::WWW_AUTHENTICATE, CHALLENGE)];
                (StatusCode::UNAUTHORIZED, challenge, "show the token of [admin]: authorization: Bearer TOKEN\n")
                    .into_response()
            }
            Self::Unmeant => (
                StatusCode::FORBIDDEN,
                "this changes something, and a cookie alone does not do: send the secret that the session was opened with as issuer-host-admin, or sign in again\n",
            )
                .into_response(),
            Self::Slow(seconds) => {
                let wait = [(header::RETRY_AFTER, HeaderValue::from(seconds))];
                (StatusCode::TOO_MANY_REQUESTS, wait, "too many wrong tokens came from there: wait\n").into_response()
            }
            Self::Certificate => (
                StatusCode::UNAUTHORIZED,
                "show a client certificate of [admin.tls] client_ca; after a change of it, over a new connection\n",
            )
                .into_response(),
            Self::NoRandomness => {
                (StatusCode::SERVICE_UNAVAILABLE, "there are no random numbers for a session\n").into_response()
            }
        }
    }
}
