//! From a cause to what the caller sees of it where no product says otherwise, and to the cause as the dialects of the products
//! know it.
//!
//! The body is a problem document (RFC 9457) with one extension member, `retryable`. Nothing in it comes from the peer.

use ::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use ::http::{HeaderValue, Response, StatusCode, Version};
use axum::response::IntoResponse;
use serde::Serialize;

use super::ResponseBody;
use crate::thales::dialect::Cause;

/// Why a request was not answered by its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The verdict on the connection's client certificate no longer holds.
    Retired,
    /// The server takes no new requests on this connection any more.
    Draining,
    /// The request is for a host that is not the environment's (RFC 9110 section 7.4).
    HostMismatch,
    /// The request is malformed or ambiguous; the words say how.
    BadRequest(&'static str),
    /// A method that is not for an origin server: CONNECT, TRACE.
    MethodRefused,
    /// A header that the product demands is not there; the words say which.
    MissingHeader(&'static str),
    /// The second key of the product is missing or wrong; the words say which one it is.
    Unauthenticated(&'static str),
    /// The call names an issuer or merchant gateway that is not the environment's; the words say so.
    UnknownId(&'static str),
    /// No operation knows the call, and such calls are not passed on.
    UnknownOperation,
    /// The path is an operation's, the method is none of its.
    MethodNotAllowed,
    /// The keys by which tokens are judged cannot be had.
    IdentityProviderUnavailable,
    /// The inbox cannot keep the notification now, so that it must not be acknowledged.
    StoreUnavailable,
    /// The head is larger than the limit.
    HeadTooLarge,
    /// The body is larger than the limit.
    TooLarge,
    /// The body did not arrive within its deadline.
    BodyTimeout,
    /// The handler gave no response head within the request's deadline.
    RequestTimeout,
    /// No connection to the backend could be made; the request did not leave.
    BackendUnavailable,
    /// The backend broke the exchange after the request, or a part of it, had left.
    BackendBroken,
    /// The backend gave no response head within its deadline.
    BackendTimeout,
    /// A handler panicked.
    HandlerFailed,
}

/// A refusal or failure as the caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: ProblemKind,
    retryable: bool,
}

impl Problem {
    /// A request that is malformed or ambiguous: 400 with `detail`, which must not hold anything of the request.
    #[must_use]
    pub fn bad_request(detail: &'static str) -> Self {
        ProblemKind::BadRequest(detail).into()
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The cause.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// Whether the same request may succeed later, unchanged.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.retryable
    }

    /// The stable name of the cause, for metrics and for the `type` member.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.entry().name
    }

    /// What was wrong, in words that hold nothing of the request.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        self.entry().detail
    }

    /// The cause, as the dialects of the products know it.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self.kind {
            ProblemKind::Retired => Cause::Retired,
            ProblemKind::Draining => Cause::Draining,
            ProblemKind::HostMismatch => Cause::Misdirected,
            ProblemKind::BadRequest(_) => Cause::BadRequest,
            ProblemKind::MissingHeader(_) => Cause::MissingHeader,
            ProblemKind::Unauthenticated(_) => Cause::Unauthenticated,
            ProblemKind::UnknownId(_) => Cause::UnknownId,
            ProblemKind::UnknownOperation => Cause::UnknownOperation,
            ProblemKind::MethodRefused | ProblemKind::MethodNotAllowed => Cause::MethodNotAllowed,
            ProblemKind::IdentityProviderUnavailable => Cause::IdentityProviderUnavailable,
            ProblemKind::StoreUnavailable => Cause::StoreUnavailable,
            ProblemKind::HeadTooLarge | ProblemKind::TooLarge => Cause::TooLarge,
            ProblemKind::BodyTimeout => Cause::BodyTimeout,
            ProblemKind::RequestTimeout | ProblemKind::BackendTimeout => Cause::BackendTimeout,
            ProblemKind::BackendUnavailable => Cause::BackendUnavailable,
            ProblemKind::BackendBroken => Cause::BackendBroken,
            ProblemKind::HandlerFailed => Cause::Internal,
        }
    }

    /// The response to a request of `version`. It carries the problem in its extensions, so that the outermost layer can put it
    /// into the words of the caller's product. `connection: close` is set where the connection has to end; HTTP/2 has no
    /// such header (RFC 9113 section 8.2.2).
    #[must_use]
    pub fn response(self, version: Version) -> Response<ResponseBody> {
        let entry = self.entry();
        let document = Document {
            r#type: format_args!("urn:issuer-host:problem:{}", entry.name).to_string(),
            title: entry.title,
            status: self.status.as_u16(),
            detail: entry.detail,
            retryable: self.retryable,
        };
        // Strings and a number: their serialization has no way to fail.
        let mut response = Response::new(ResponseBody::from(serde_json::to_vec(&document).unwrap_or_default()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = entry.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        if self.kind == ProblemKind::MethodRefused {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        }
        if entry.closes && version < Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }

    fn entry(&self) -> Entry {
        Entry::of(self.kind)
    }
}

impl From<ProblemKind> for Problem {
    fn from(kind: ProblemKind) -> Self {
        let Entry { status, retryable, .. } = Entry::of(kind);
        Self { status, kind, retryable }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        self.response(Version::HTTP_2)
    }
}

#[derive(Serialize)]
struct Document {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
    retryable: bool,
}

struct Entry {
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    detail: &'static str,
    retryable: bool,
    /// Whole seconds. One where a new connection is enough; five where a backend has to come back.
    retry_after: Option<&'static str>,
    /// Whether an HTTP/1 connection ends with the response: its verdict, its framing or its peer is not to be relied on.
    closes: bool,
}

impl Entry {
    fn of(kind: ProblemKind) -> Self {
        match kind {
            ProblemKind::Retired => Self::new(503, "retired", "Connection retired")
                .detail("The client certificate of this connection has to be verified again: open a new connection.")
                .retry_after("1")
                .closes(),
            ProblemKind::Draining => Self::new(503, "draining", "Server is draining")
                .detail("This server finishes what is in flight and takes nothing new: open a new connection.")
                .retry_after("1")
                .closes(),
            ProblemKind::HostMismatch => Self::new(421, "host-mismatch", "Misdirected request")
                .detail("The host of the request is not the host of this environment."),
            ProblemKind::BadRequest(detail) => Self::new(400, "bad-request", "Bad request").detail(detail).closes(),
            ProblemKind::MethodRefused => Self::new(405, "method-refused", "Method not allowed")
                .detail("CONNECT and TRACE are not for this server."),
            ProblemKind::MissingHeader(detail) => Self::new(400, "missing-header", "Bad request").detail(detail),
            ProblemKind::Unauthenticated(detail) => Self::new(401, "unauthenticated", "Unauthorized").detail(detail),
            ProblemKind::UnknownId(detail) => Self::new(404, "unknown-id", "Not found").detail(detail),
            ProblemKind::UnknownOperation => {
                Self::new(404, "unknown-operation", "Not found").detail("There is no such operation here.")
            }
            ProblemKind::MethodNotAllowed => Self::new(405, "method-not-allowed", "Method not allowed")
                .detail("The operation is called with another method."),
            ProblemKind::IdentityProviderUnavailable => {
                Self::new(503, "identity-provider-unavailable", "Identity provider unavailable")
                    .detail("Access tokens cannot be judged now.")
                    .retry_after("5")
            }
            ProblemKind::StoreUnavailable => Self::new(503, "store-unavailable", "Store unavailable")
                .detail("The notification cannot be kept now. It was not acknowledged.")
                .retry_after("5"),
            ProblemKind::HeadTooLarge => Self::new(431, "head-too-large", "Request header fields too large")
                .detail("The head of the request is larger than the limit."),
            ProblemKind::TooLarge => Self::new(413, "too-large", "Content too large")
                .detail("The body of the request is larger than the limit.")
                .closes(),
            ProblemKind::BodyTimeout => Self::new(408, "body-timeout", "Request timeout")
                .detail("The body of the request did not arrive in time.")
                .retryable()
                .closes(),
            ProblemKind::RequestTimeout => Self::new(504, "request-timeout", "Gateway timeout")
                .detail("No answer was ready within the deadline of the request.")
                .retryable(),
            ProblemKind::BackendUnavailable => Self::new(503, "backend-unavailable", "Backend unavailable")
                .detail("The backend cannot be reached. The request was not passed on.")
                .retry_after("5"),
            ProblemKind::BackendBroken => Self::new(502, "backend-broken", "Bad gateway")
                .detail("The backend ended the exchange without a usable answer.")
                .retryable(),
            ProblemKind::BackendTimeout => Self::new(504, "backend-timeout", "Gateway timeout")
                .detail("The backend did not answer in time.")
                .retryable(),
            ProblemKind::HandlerFailed => Self::new(500, "handler-failed", "Internal server error")
                .detail("The request could not be handled.")
                .retryable(),
        }
    }

    fn new(status: u16, name: &'static str, title: &'static str) -> Self {
        // Every number above is a status; the test below asks for each kind.
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, name, title, detail: "", retryable: false, retry_after: None, closes: false }
    }

    fn detail(self, detail: &'static str) -> Self {
        Self { detail, ..self }
    }

    fn retryable(self) -> Self {
        Self { retryable: true, ..self }
    }

    fn retry_after(self, seconds: &'static str) -> Self {
        Self { retry_after: Some(seconds), ..self.retryable() }
    }

    fn closes(self) -> Self {
        Self { closes: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_problem_is_a_json_document_that_says_whether_to_retry() {
        let response = Problem::from(ProblemKind::BackendUnavailable).response(Version::HTTP_11);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[RETRY_AFTER], "5");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "urn:issuer-host:problem:backend-unavailable");
        assert_eq!(body["status"], 503);
        assert_eq!(body["retryable"], true);
    }

    #[test]
    fn each_cause_has_its_status() {
        let statuses = [
            (ProblemKind::Retired, 503),
            (ProblemKind::Draining, 503),
            (ProblemKind::HostMismatch, 421),
            (ProblemKind::BadRequest("words"), 400),
            (ProblemKind::MethodRefused, 405),
            (ProblemKind::MissingHeader("words"), 400),
            (ProblemKind::Unauthenticated("words"), 401),
            (ProblemKind::UnknownId("words"), 404),
            (ProblemKind::UnknownOperation, 404),
            (ProblemKind::MethodNotAllowed, 405),
            (ProblemKind::IdentityProviderUnavailable, 503),
            (ProblemKind::StoreUnavailable, 503),
            (ProblemKind::HeadTooLarge, 431),
            (ProblemKind::TooLarge, 413),
            (ProblemKind::BodyTimeout, 408),
            (ProblemKind::RequestTimeout, 504),
            (ProblemKind::BackendUnavailable, 503),
            (ProblemKind::BackendBroken, 502),
            (ProblemKind::BackendTimeout, 504),
            (ProblemKind::HandlerFailed, 500),
        ];
        for (kind, status) in statuses {
            assert_eq!(Problem::from(kind).status(), status, "{kind:?}");
        }
    }

    #[test]
    fn only_http1_is_told_to_close() {
        let retired = Problem::from(ProblemKind::Retired);
        assert_eq!(retired.response(Version::HTTP_11).headers()[CONNECTION], "close");
        assert!(retired.response(Version::HTTP_2).headers().get(CONNECTION).is_none());
    }
}
