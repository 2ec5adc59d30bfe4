//! A request as the backend sees it.

use axum::body::Body;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::{Extensions, HeaderValue, Method, Request, Version};
use http_body::Body as _;

use crate::http::{Problem, ProblemKind};
use crate::outgoing::Target;

/// Sends `request` to `target`: same path behind the prefix, same query, the target's authority as host. What the server
/// said about `expect` is settled, and extensions are for this process alone.
pub(super) fn aim(target: &Target, mut request: Request<Body>) -> Result<Request<Body>, Problem> {
    *request.uri_mut() = target.uri(request.uri().path_and_query()).map_err(|_| Problem::from(UNFIT))?;
    *request.version_mut() = Version::HTTP_11;
    *request.extensions_mut() = Extensions::new();
    // The client drops the body of a GET or HEAD whose length nobody said, unless it is told that there is one.
    let unsaid = !request.body().is_end_stream() && !request.headers().contains_key(CONTENT_LENGTH);
    let has_odd_body = unsaid && matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers_mut();
    if has_odd_body && target.host().is_some() {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    headers.remove(EXPECT);
    match target.host() {
        Some(host) => headers.insert(HOST, host.clone()),
        None => headers.remove(HOST),
    };
    Ok(request)
}

const UNFIT: ProblemKind = ProblemKind::BadRequest("The request target cannot be passed on.");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::forward::tests::options;
    use crate::outgoing::{ForwardOptions, Protocol};

    fn aimed(url: &str, protocol: Protocol, path: &str) -> Request<Body> {
        let target = Target::new(&ForwardOptions { protocol, ..options(url) }).unwrap();
        let request = Request::get(path).version(Version::HTTP_2).header(HOST, "issuer.bank.example");
        aim(&target, request.header(EXPECT, "100-continue").body(Body::empty()).unwrap()).unwrap()
    }

    #[test]
    fn path_and_query_stay_byte_for_byte_behind_the_prefix() {
        let path = "/tsh/V1/a%20b;c=d?e=f%2Fg&&h";
        for (url, expected) in [
            ("http://backend:8080", "http://backend:8080"),
            ("http://backend:8080/", "http://backend:8080"),
            ("https://backend/base/path", "https://backend/base/path"),
            ("https://backend/base/path/", "https://backend/base/path"),
        ] {
            assert_eq!(aimed(url, Protocol::Auto, path).uri().to_string(), format!("{expected}{path}"));
        }
    }

    #[test]
    fn the_backend_is_asked_for_by_its_own_name_and_expects_nothing() {
        let request = aimed("http://backend:8080", Protocol::Auto, "/");
        assert_eq!(request.headers()[HOST], "backend:8080");
        assert!(!request.headers().contains_key(EXPECT));
        assert_eq!(request.version(), Version::HTTP_11);
        assert!(!aimed("http://backend:8080", Protocol::Http2, "/").headers().contains_key(HOST));
    }
}
