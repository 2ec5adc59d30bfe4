//! The answers of the endpoint (RFC 6749 sections 5.1 and 5.2).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::access_token::AccessToken;
use crate::auth::secret::LiveSecret;
use crate::thales::operation::ExpiresIn;

/// What came of a request, for logs and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenOutcome {
    /// A token was issued.
    Issued {
        /// The id of the client.
        client: String,
        /// The name of the secret that it showed.
        secret: String,
    },
    /// None was.
    Refused {
        /// The `error` of the answer.
        error: &'static str,
        /// The id of the client, where there is one of that id.
        client: Option<String>,
        /// The name of the secret that it showed, where that has expired. The client is not told.
        expired: Option<String>,
    },
}

/// Why no token is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    InvalidRequest(&'static str),
    InvalidClient,
    UnsupportedGrantType,
    InvalidScope,
    /// Too many wrong secrets; so many seconds to wait.
    SlowDown(u32),
    ServerError,
}

/// A refusal with what the operator is to know of it.
pub(super) struct Failure {
    refused: Refused,
    outcome: TokenOutcome,
}

impl Failure {
    pub(super) fn of(refused: Refused) -> Self {
        let outcome = TokenOutcome::Refused { error: refused.error(), client: None, expired: None };
        Self { refused, outcome }
    }

    /// Names the client that was refused; of no name = of nobody.
    pub(super) fn by(mut self, id: &str) -> Self {
        if let TokenOutcome::Refused { client, .. } = &mut self.outcome {
            *client = (!id.is_empty()).then(|| id.to_owned());
        }
        self
    }

    /// Names the secret that was shown after its time.
    pub(super) fn with_expired(mut self, secret: Option<&LiveSecret>) -> Self {
        if let TokenOutcome::Refused { expired, .. } = &mut self.outcome {
            *expired = secret.map(|secret| secret.name.clone());
        }
        self
    }
}

impl Refused {
    fn error(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            // RFC 6749 has no code for it here; this one it has in section 4.1.2.1, for a server that is to be asked later.
            Self::SlowDown(_) => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest(description) => description,
            Self::InvalidClient => "The client could not be authenticated.",
            Self::UnsupportedGrantType => "The grant type has to be client_credentials.",
            Self::InvalidScope => "The scope is not one of the client's.",
            Self::SlowDown(_) => "Too many attempts failed. Try again later.",
            Self::ServerError => "No token could be issued.",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest(_) | Self::UnsupportedGrantType | Self::InvalidScope => StatusCode::BAD_REQUEST,
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::SlowDown(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[derive(Serialize)]
struct Success<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: Lifetime,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Lifetime {
    Number(u64),
    Text(String),
}

#[derive(Serialize)]
struct ErrorBody {
    error: &'static str,
    error_description: &'static str,
}

pub(super) fn success(issued: &AccessToken, expires_in: ExpiresIn, outcome: TokenOutcome) -> Response<Bytes> {
    let expires_in = match expires_in {
        ExpiresIn::Number => Lifetime::Number(issued.lifetime),
        ExpiresIn::Text => Lifetime::Text(issued.lifetime.to_string()),
    };
    let body = Success { access_token: &issued.text, token_type: "Bearer", expires_in, scope: &issued.scope };
    answer(StatusCode::OK, &body, outcome)
}

pub(super) fn failure(Failure { refused, outcome }: Failure) -> Response<Bytes> {
    let body = ErrorBody { error: refused.error(), error_description: refused.description() };
    let mut answer = answer(refused.status(), &body, outcome);
    match refused {
        Refused::InvalidClient => {
            let basic = HeaderValue::from_static("Basic realm=\"token\", charset=\"UTF-8\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, basic);
        }
        Refused::SlowDown(seconds) => {
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        _ => {}
    }
    answer
}

/// No answer of this endpoint may be kept by anybody on its way.
fn answer(status: StatusCode, body: &impl Serialize, outcome: TokenOutcome) -> Response<Bytes> {
    // Text and numbers alone: there is nothing in it that JSON could not say.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    answer.extensions_mut().insert(outcome);
    answer
}
