//! Against forged requests: a page of somebody else in an administrator's browser can have the browser post here with all that the
//! browser shows by itself, but it can neither set a header of its own nor hide where it comes from.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Says that a request is meant. No page of another origin can set it, since nothing here allows it to (Fetch standard, CORS-preflight).
/// Any value will do, but with a session: a cookie is shown by the browser itself, and to every port of this host, so that its session's
/// second secret has to be the value.
const INTENT: HeaderName = HeaderName::from_static("issuer-host-admin");

/// Why a request is taken for a forged one, and what to do.
///
/// # Errors
/// The text of the answer.
pub(super) fn refuse(method: &Method, headers: &HeaderMap, tls: bool) -> Result<(), &'static str> {
    if method.is_safe() {
        return Ok(());
    }
    if headers.get(INTENT).is_none_or(HeaderValue::is_empty) {
        return Err("this changes something: send the header issuer-host-admin: 1 with it\n");
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if is_own(origin.as_bytes(), headers, tls) => Ok(()),
        _ => Err("this changes something, and comes from a page that is not of this server\n"),
    }
}

/// What the request says that it is meant by.
pub(super) fn intent(headers: &HeaderMap) -> &[u8] {
    headers.get(INTENT).map(HeaderValue::as_bytes).unwrap_or_default()
}

/// Whether `origin` (RFC 6454 section 6.2) is the one that the request itself was sent to.
fn is_own(origin: &[u8], headers: &HeaderMap, tls: bool) -> bool {
    let scheme: &[u8] = if tls { b"https://" } else { b"http://" };
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes).filter(|host| !host.is_empty());
    host.zip(origin.strip_prefix(scheme)).is_some_and(|(host, origin)| host.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(method: &Method, headers: &[(&'static str, &str)], tls: bool) -> bool {
        let parse = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().map(parse) {
            map.append(name, value);
        }
        refuse(method, &map, tls).is_ok()
    }

    #[test]
    fn what_changes_something_has_to_be_meant() {
        let meant = ("issuer-host-admin", "1");
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::CONNECT] {
            assert!(!taken(&method, &[("host", "localhost:9090")], false), "{method}");
            assert!(!taken(&method, &[("issuer-host-admin", "")], false), "{method}");
            assert!(taken(&method, &[meant], false), "{method}");
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(taken(&method, &[("origin", "https://evil.example")], false), "{method}: nothing changes");
        }
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let meant = ("issuer-host-admin", "1");
        let host = ("host", "localhost:9090");
        for (origin, plain, tls) in [
            ("http://localhost:9090", true, false),
            ("http://LOCALHOST:9090", true, false),
            ("https://localhost:9090", false, true),
            ("http://localhost", false, false),
            ("http://localhost:3000", false, false),
            ("http://localhost:90901", false, false),
            ("http://evil.example", false, false),
            ("http://localhost:9090.evil.example", false, false),
            ("localhost:9090", false, false),
            ("null", false, false),
            ("", false, false),
        ] {
            assert_eq!(taken(&Method::POST, &[meant, host, ("origin", origin)], false), plain, "{origin}");
            assert_eq!(taken(&Method::POST, &[meant, host, ("origin", origin)], true), tls, "{origin} over TLS");
        }
        let own = ("origin", "http://localhost:9090");
        assert!(!taken(&Method::POST, &[meant, host, own, own], false), "two of them");
        assert!(!taken(&Method::POST, &[meant, own], false), "no host");
    }
}
