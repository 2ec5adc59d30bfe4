//! `/session`: a browser shows the token once, and a cookie from then on; with what changes something, also the secret that it is told
//! here.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};

use super::connection::Connection;
use super::guard::Guard;
use super::{session, token};

/// A token that takes longer to come is not typed any more: it is here already.
const PATIENCE: Duration = Duration::from_secs(10);

/// The routes. Whoever asks is judged by what it shows here.
pub(super) fn routes(guard: Arc<Guard>) -> Router {
    Router::new().route("/session", post(open).delete(close)).with_state(guard)
}

/// The token is the whole body, or stands in `authorization`.
async fn open(State(guard): State<Arc<Guard>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let connection = Connection::of(&head.extensions);
    let Ok(Ok(body)) = tokio::time::timeout(PATIENCE, to_bytes(body, token::LONGEST)).await else {
        return (StatusCode::BAD_REQUEST, "the body is the token, and nothing else\n").into_response();
    };
    match guard.log_in(&head.headers, &connection, &body) {
        Ok(Some(opened)) => {
            let told = Json(serde_json::json!({ "secret": opened.secret })).into_response();
            with(told, session::cookie(Some(&opened.id), &head.headers, connection.tls))
        }
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// The browser forgets the session even where it is not ended, since its secret is not shown: that one ends by itself.
async fn close(State(guard): State<Arc<Guard>>, headers: HeaderMap, request: Request) -> Response {
    let connection = Connection::of(request.extensions());
    let closed = guard.log_out(&headers, &connection);
    let told = closed.map_or_else(IntoResponse::into_response, |()| StatusCode::NO_CONTENT.into_response());
    with(told, session::cookie(None, &headers, connection.tls))
}

fn with(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
