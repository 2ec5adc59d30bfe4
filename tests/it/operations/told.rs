//! What callers are told of each cause, in literals: status, `retry-after`, body, and whether the call may come again.

use serde_json::{Value, json};

use crate::support::Reply;

/// A cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The words say what is wrong with the path.
    BadRequest(&'static str),
    MissingHeader,
    Unauthenticated,
    UnknownId,
    UnknownOperation,
    MethodNotAllowed,
    TooLarge,
    BodyTimeout,
    HostMismatch,
    BackendUnavailable,
    BackendBroken,
    BackendTimeout,
    IdentityProviderUnavailable,
    Retired,
}

/// What is told of a cause.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) retryable: bool,
    retry_after: Option<&'static str>,
    body: Option<(&'static str, Value)>,
    /// In the log.
    pub(super) name: &'static str,
}

/// Name, title, status and `retry-after` of a cause; cof and the issuer gateways have other statuses.
type Line = (&'static str, &'static str, u16, Option<&'static str>);

fn line(cause: Cause) -> Line {
    match cause {
        Cause::BadRequest(_) => ("bad-request", "Bad request", 400, None),
        Cause::MissingHeader => ("missing-header", "Missing header", 400, None),
        Cause::Unauthenticated => ("unauthenticated", "Authentication required", 401, None),
        Cause::UnknownId => ("unknown-id", "Unknown id", 404, None),
        Cause::UnknownOperation => ("unknown-operation", "Unknown operation", 404, None),
        Cause::MethodNotAllowed => ("method-not-allowed", "Method not allowed", 405, None),
        Cause::TooLarge => ("too-large", "Content too large", 413, None),
        Cause::BodyTimeout => ("body-timeout", "Request timeout", 408, None),
        Cause::HostMismatch => ("host-mismatch", "Misdirected request", 421, None),
        Cause::BackendUnavailable => ("backend-unavailable", "Backend unavailable", 503, Some("5")),
        Cause::BackendBroken => ("backend-broken", "Bad gateway", 502, Some("5")),
        Cause::BackendTimeout => ("backend-timeout", "Gateway timeout", 504, None),
        Cause::IdentityProviderUnavailable => {
            ("identity-provider-unavailable", "Identity provider unavailable", 503, Some("5"))
        }
        Cause::Retired => ("retired", "Connection retired", 503, Some("1")),
    }
}

/// The words for people.
fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::BadRequest(words) => words,
        Cause::MissingHeader => "The header that names the issuer is missing.",
        Cause::Unauthenticated => "An access token that is valid here is needed.",
        Cause::UnknownId => "The issuer that the call names is not served here.",
        Cause::UnknownOperation => "There is no such operation here.",
        Cause::MethodNotAllowed => "The operation is called with another method.",
        Cause::TooLarge => "The body of the request is larger than the limit.",
        Cause::BodyTimeout => "The body of the request did not arrive in time.",
        Cause::HostMismatch => "The host of the request is not the host of this environment.",
        Cause::BackendUnavailable => "The backend cannot be reached. The request was not passed on.",
        Cause::BackendBroken => "The backend ended the exchange without a usable answer.",
        Cause::BackendTimeout => "No answer was ready within the deadline of the request.",
        Cause::IdentityProviderUnavailable => "Access tokens cannot be judged now.",
        Cause::Retired => "The client certificate of this connection has to be verified again: open a new connection.",
    }
}

impl Told {
    /// What callers of `product` are told.
    pub(super) fn of(product: &str, cause: Cause) -> Self {
        let (cause_name, title, status, retry_after) = line(cause);
        let detail = words(cause);
        // The log tells whose patience it was that ended.
        let name = if cause == Cause::BackendTimeout { "request-timeout" } else { cause_name };
        let retryable = matches!(status, 408 | 502 | 503 | 504);
        match product {
            // Whatever it is: without a body, and so that it comes again.
            "cof" => Self { status: 503, retryable: true, retry_after, body: None, name },
            "tsh" | "tsh-auxiliary" | "tsp" => {
                let status = if cause == Cause::UnknownId { 400 } else { status };
                let code = if cause == Cause::MissingHeader { 111 } else { 911 };
                let body = json!({ "responseCode": code, "errorMessage": detail });
                Self { status, retryable, retry_after, body: Some(("application/json", body)), name }
            }
            "d1" | "d1-ecom" => {
                let body = Some(("application/json", json!({ "error": detail })));
                Self { status, retryable, retry_after, body, name }
            }
            "transit" => {
                let body = json!({
                    "type": format!("urn:issuer-host:problem:{cause_name}"),
                    "title": title,
                    "status": status,
                    "detail": detail,
                    "retryable": retryable,
                });
                Self { status, retryable, retry_after, body: Some(("application/problem+json", body)), name }
            }
            other => panic!("there is no product {other}"),
        }
    }

    #[track_caller]
    pub(super) fn expect_in(&self, reply: &Reply, what: &str) {
        let text = reply.text();
        assert_eq!(reply.status, self.status, "{what}: {text}");
        assert_eq!(header(reply, "retry-after"), self.retry_after, "{what}: {text}");
        match &self.body {
            Some((kind, body)) => {
                assert_eq!(header(reply, "content-type"), Some(*kind), "{what}: {text}");
                assert_eq!(serde_json::from_slice::<Value>(&reply.body).ok().as_ref(), Some(body), "{what}: {text}");
            }
            None => assert_eq!((header(reply, "content-type"), text.as_str()), (None, ""), "{what}"),
        }
        for name in ["x-backend", "server"] {
            assert!(!reply.headers.contains_key(name), "{what} has {name}");
        }
    }
}

/// The only value of a header.
#[track_caller]
pub(super) fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let values: Vec<_> = reply.headers.get_all(name).iter().collect();
    assert!(values.len() < 2, "{name}: {values:?}");
    values.first().map(|value| value.to_str().unwrap())
}
