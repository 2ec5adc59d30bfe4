//! What the page is made of besides its text: compiled in, and the same for everybody.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/console.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Style, script and icon. They tell nothing of this server; the form for the token needs them as well.
pub(in crate::admin) fn routes() -> Router {
    Router::new()
        .route("/console/style.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route("/console/console.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/console/icon.svg", get(async || asset("image/svg+xml", ICON)))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}
