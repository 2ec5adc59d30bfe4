//! Fields that concern one connection and not the message (RFC 9110 section 7.6.1): taken off in both directions.

use ::http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use ::http::request::Parts;

use super::Problem;
use super::stack::Connection;

/// Takes the hop-by-hop fields off a request. Comes before the identity headers are set, so that a `connection` field that
/// names one of them takes nothing of ours away; `host` and `content-length` it cannot take at all.
#[expect(clippy::unnecessary_wraps, reason = "a check of the stack")]
pub(crate) fn strip_request(parts: &mut Parts, _: &Connection) -> Result<(), Problem> {
    strip(&mut parts.headers);
    Ok(())
}

/// Takes the hop-by-hop fields off a response of a backend.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    strip(headers);
}

/// Whether `name` is a hop-by-hop field by itself, without being named by `connection`.
pub(crate) fn is_hop_by_hop(name: &str) -> bool {
    FIELDS.contains(&name) || name.starts_with(WEBSOCKET)
}

const FIELDS: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Without `upgrade` these mean nothing (RFC 6455); a backend that looks at them alone must not see them either.
const WEBSOCKET: &str = "sec-websocket-";

fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let values: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
        for name in values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
            match HeaderName::from_bytes(name.trim().as_bytes()) {
                Ok(name) if name != HOST && name != CONTENT_LENGTH => drop(headers.remove(name)),
                _ => {}
            }
        }
    }
    if !headers.keys().any(|name| is_hop_by_hop(name.as_str())) {
        return;
    }
    let found: Vec<HeaderName> = headers.keys().filter(|name| is_hop_by_hop(name.as_str())).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_by_hop_fields_and_those_that_connection_names_are_gone_and_the_rest_stays() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Drop-Me ,, ;nonsense"),
            ("connection", "host, content-length, x-drop-me-too"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "x"),
            ("proxy-authenticate", "x"),
            ("te", "trailers"),
            ("trailer", "x-sum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("sec-websocket-key", "x"),
            ("x-drop-me", "x"),
            ("x-drop-me-too", "x"),
            ("host", "a"),
            ("content-length", "0"),
            ("x-kept", "x"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        strip(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "host", "x-kept"]);
    }
}
