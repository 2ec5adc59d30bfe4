//! The token endpoint as a handler: reads the request's body, which is short, and has it answered.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};

use super::Others;
use crate::auth::token_endpoint::{MAX_BODY, TokenEndpoint, TokenOutcome};
use crate::http::{Problem, ProblemKind};
use crate::telemetry::events;
use crate::thales::operation::ExpiresIn;
use crate::tls::VerifiedClient;

/// Answers a request for an access token.
pub(super) async fn answer(
    others: Arc<Others>,
    endpoint: Arc<TokenEndpoint>,
    expires_in: ExpiresIn,
    request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return Ok(Problem::from(ProblemKind::TooLarge).response(parts.version));
        }
        // What the stack in front found out is told there.
        Err(_) => return Ok(Problem::bad_request("The body of the request could not be read.").response(parts.version)),
    };
    let caller = parts.extensions.get::<VerifiedClient>();
    // Where there is no door in front that verifies them, all callers are one.
    let certificate = caller.map_or([0; 32], |caller| *caller.identity().sha256.as_bytes());
    let answer = endpoint.answer(&parts.headers, &body, &certificate, expires_in, SystemTime::now());
    if let (Some(metrics), Some(outcome)) = (others.token_metrics.get(), answer.extensions().get()) {
        match outcome {
            TokenOutcome::Issued { .. } => metrics.issued(),
            TokenOutcome::Refused { expired: Some(_), .. } => metrics.refused("secret_expired"),
            TokenOutcome::Refused { error, .. } => metrics.refused(error),
        }
    }
    if let Some(TokenOutcome::Refused { error, client, expired }) = answer.extensions().get()
        && let Some(unsaid) = others.refusals.turn(error)
    {
        tracing::warn!(
            event = events::TOKEN_REFUSED,
            environment = caller.map(VerifiedClient::environment),
            reason = error,
            client,
            expired_secret = expired,
            peer = caller.map(|caller| tracing::field::display(caller.peer())),
            subject = caller.map(|caller| caller.identity().subject.as_str()),
            sha256 = caller.map(|caller| tracing::field::display(caller.identity().sha256)),
            unsaid,
            "a verified client got no access token"
        );
    }
    Ok(answer.map(Body::from))
}
