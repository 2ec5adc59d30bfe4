//! The span of a call to a backend: one for each request that is passed on, from its head to the end of the answer's body.

use axum::body::Body;
use http::{Request, StatusCode};

use crate::http::Call;
use crate::http::correlation::TRACEPARENT;
use crate::http::tellable::registered;
use crate::outgoing::Target;
use crate::traces::{Hop, Kind, Span};

/// Opens the span of `request`, which tells the backend of it. `None` where nobody records the request.
pub(super) fn open(target: &Target, request: &mut Request<Body>) -> Option<Span> {
    let mut span = request.extensions().get::<Hop>()?.open(Kind::Client)?;
    let method = registered(request.method());
    span.set("http.request.method", method.unwrap_or("_OTHER"));
    let method = method.unwrap_or("HTTP");
    match request.extensions().get::<Call>().and_then(Call::operation) {
        Some(operation) => span.name(format!("{method} {}", operation.full_path())),
        None => span.name(method),
    }
    span.set("url.scheme", if target.is_https() { "https" } else { "http" });
    span.set("server.address", target.authority().host().to_owned());
    if let Some(port) = target.authority().port_u16() {
        span.set("server.port", port);
    }
    // Until there is an answer.
    span.fail("abandoned");
    request.headers_mut().insert(TRACEPARENT, span.context().header());
    Some(span)
}

/// The backend has answered with this status.
pub(super) fn answered(span: &mut Span, status: StatusCode) {
    span.set("http.response.status_code", status.as_u16());
    // Of a client it is an error whoever's it is.
    if status.as_u16() >= 400 { span.fail(status.as_str().to_owned()) } else { span.succeed() }
}
