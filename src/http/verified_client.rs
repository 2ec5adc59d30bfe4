//! [`VerifiedClient`] as an axum extractor: a handler that asks for it knows who is calling.

use std::convert::Infallible;

use ::http::StatusCode;
use ::http::request::Parts;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};

use crate::tls::VerifiedClient;

/// The handler was called from elsewhere than the stack, so there is no verified client: the router is mounted outside of
/// issuer-host. That is a fault of the program, and answered with 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no verified client: this router is mounted outside of issuer-host, serve it as an embedded handler")]
pub struct NotBehindIssuerHost;

impl IntoResponse for NotBehindIssuerHost {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for VerifiedClient {
    type Rejection = NotBehindIssuerHost;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(NotBehindIssuerHost)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for VerifiedClient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}
