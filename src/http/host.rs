//! The host of a request must be the environment's, and there must be only one of it (RFC 9110 section 7.2, RFC 9112 section
//! 3.2, RFC 9113 section 8.3.1).

use std::net::Ipv6Addr;

use ::http::header::HOST;
use ::http::request::Parts;
use ::http::uri::{self, Uri};
use ::http::{HeaderValue, Version};

use super::stack::Connection;
use super::{Problem, ProblemKind};

/// Refuses a request with no host, with several, with one that is malformed (400), or with that of somebody else (421).
/// What passes has exactly one `host` header and its target in origin form, whatever the HTTP version.
pub(crate) fn check(parts: &mut Parts, connection: &Connection) -> Result<(), Problem> {
    let authority = match parts.uri.authority() {
        Some(authority) => Some(Host::parse(authority.as_str().as_bytes()).ok_or(MALFORMED)?),
        None => None,
    };
    let mut fields = parts.headers.get_all(HOST).iter();
    let header = match (fields.next(), fields.next()) {
        (None, _) => None,
        (Some(only), None) => Some(Host::parse(only.as_bytes()).ok_or(MALFORMED)?),
        (Some(_), Some(_)) => return Err(Problem::bad_request("The request has several hosts.")),
    };
    let host = match (&authority, &header) {
        (Some(authority), Some(header)) if !authority.same_as(header) => {
            return Err(Problem::bad_request("The host and the authority of the request differ."));
        }
        (Some(_), None) if parts.version < Version::HTTP_2 => return Err(MISSING.into()),
        (_, Some(host)) | (Some(host), None) => host,
        (None, None) => return Err(MISSING.into()),
    };
    if connection.host().is_some_and(|ours| !host.name.eq_ignore_ascii_case(ours)) {
        return Err(ProblemKind::HostMismatch.into());
    }
    if header.is_none() {
        let value = parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        parts.headers.insert(HOST, value.ok_or(MALFORMED)?);
    }
    to_origin_form(&mut parts.uri)
}

const MALFORMED: ProblemKind = ProblemKind::BadRequest("The host of the request is malformed.");
const MISSING: ProblemKind = ProblemKind::BadRequest("The request has no host.");

fn to_origin_form(uri: &mut Uri) -> Result<(), Problem> {
    let Some(scheme) = uri.scheme() else { return Ok(()) };
    if *scheme != uri::Scheme::HTTPS && *scheme != uri::Scheme::HTTP {
        return Err(Problem::bad_request("The scheme of the request target is not https."));
    }
    let mut target = uri::Parts::default();
    target.path_and_query = uri.path_and_query().cloned();
    *uri = Uri::from_parts(target).map_err(|_| Problem::bad_request("The request target is malformed."))?;
    Ok(())
}

/// The host name of the environment as it is compared: without a trailing dot.
pub(crate) fn without_trailing_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// A host and a port, as in `Host` and in an authority without user information.
struct Host<'a> {
    name: &'a str,
    port: Option<u16>,
}

impl<'a> Host<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let value = std::str::from_utf8(value).ok()?;
        let (name, port) = if let Some(rest) = value.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            // The brackets stay out of the comparison: only an address can hold a colon.
            (address, port)
        } else {
            let (name, port) = value.split_at(value.find(':').unwrap_or(value.len()));
            let name = without_trailing_dot(name);
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
                return None;
            }
            (name, port)
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            None if port.is_empty() => None,
            _ => return None,
        };
        Some(Self { name, port })
    }

    /// The same host, and the same port where both say one.
    fn same_as(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(other.name)
            && self.port.is_none_or(|port| other.port.is_none_or(|other| port == other))
    }
}

#[cfg(test)]
mod tests {
    use ::http::Request;

    use super::*;
    use crate::http::testing;

    fn head(uri: &str, version: Version, hosts: &[&str]) -> Parts {
        let (mut parts, ()) = Request::builder().uri(uri).version(version).body(()).unwrap().into_parts();
        for host in hosts {
            parts.headers.append(HOST, host.parse().unwrap());
        }
        parts
    }

    fn outcome(uri: &str, version: Version, hosts: &[&str]) -> u16 {
        let connection = testing::connection(Some("issuer.bank.example"));
        match check(&mut head(uri, version, hosts), &connection) {
            Ok(()) => 200,
            Err(problem) => problem.status().as_u16(),
        }
    }

    #[test]
    fn case_port_and_trailing_dot_do_not_matter() {
        for host in [
            "issuer.bank.example",
            "ISSUER.Bank.Example",
            "issuer.bank.example:8443",
            "issuer.bank.example.",
            "Issuer.bank.example.:443",
        ] {
            assert_eq!(outcome("/", Version::HTTP_11, &[host]), 200, "{host}");
            assert_eq!(outcome(&format!("https://{host}/a"), Version::HTTP_2, &[]), 200, "{host}");
        }
    }

    #[test]
    fn another_host_is_misdirected() {
        for host in
            ["other.bank.example", "bank.example", "issuer.bank.example.evil.example", "127.0.0.1", "[::1]:8443"]
        {
            assert_eq!(outcome("/", Version::HTTP_11, &[host]), 421, "{host}");
            assert_eq!(outcome(&format!("https://{host}/a"), Version::HTTP_2, &[]), 421, "{host}");
        }
    }

    #[test]
    fn a_malformed_host_is_a_bad_request() {
        for host in [
            "",
            ":8443",
            ".",
            "user@issuer.bank.example",
            "issuer.bank.example@evil.example",
            "issuer.bank.example, evil.example",
            "issuer.bank.example evil",
            "issuer.bank.example:",
            "issuer.bank.example:+443",
            "issuer.bank.example:99999",
            "issuer.bank.example:443:443",
            "issuer.bank.example/path",
            "[::1",
            "[zz]",
            "issuer%2ebank.example",
        ] {
            assert_eq!(outcome("/", Version::HTTP_11, &[host]), 400, "{host}");
        }
        assert_eq!(outcome("https://user@issuer.bank.example/", Version::HTTP_2, &[]), 400);
    }

    #[test]
    fn a_missing_host_several_hosts_and_hosts_that_differ_are_bad_requests() {
        let ours = "issuer.bank.example";
        assert_eq!(outcome("/", Version::HTTP_11, &[]), 400);
        assert_eq!(outcome("/", Version::HTTP_2, &[]), 400);
        assert_eq!(outcome("https://issuer.bank.example/", Version::HTTP_11, &[]), 400);
        assert_eq!(outcome("/", Version::HTTP_11, &[ours, ours]), 400);
        assert_eq!(outcome("/", Version::HTTP_11, &[ours, "evil.example"]), 400);
        assert_eq!(outcome("https://issuer.bank.example/", Version::HTTP_11, &["evil.example"]), 400);
        assert_eq!(outcome("https://evil.example/", Version::HTTP_11, &[ours]), 400);
        assert_eq!(outcome("https://issuer.bank.example/", Version::HTTP_2, &["evil.example"]), 400);
        assert_eq!(outcome("https://issuer.bank.example:1/", Version::HTTP_2, &["issuer.bank.example:2"]), 400);
        assert_eq!(outcome("https://issuer.bank.example/", Version::HTTP_2, &["Issuer.bank.example:443"]), 200);
    }

    #[test]
    fn without_a_configured_host_any_single_valid_one_is_taken() {
        let connection = testing::connection(None);
        assert_eq!(check(&mut head("/", Version::HTTP_11, &["any.example"]), &connection), Ok(()));
        assert!(check(&mut head("/", Version::HTTP_11, &["a@b"]), &connection).is_err());
        assert!(check(&mut head("/", Version::HTTP_11, &[]), &connection).is_err());
    }

    #[test]
    fn handlers_see_one_form_of_target_and_host_whatever_the_version() {
        let connection = testing::connection(Some("issuer.bank.example"));
        let mut parts = head("https://issuer.bank.example/a?b=c", Version::HTTP_2, &[]);
        assert_eq!(check(&mut parts, &connection), Ok(()));
        assert_eq!(parts.uri, "/a?b=c");
        assert_eq!(parts.headers[HOST], "issuer.bank.example");
        let mut parts = head("ftp://issuer.bank.example/a", Version::HTTP_11, &["issuer.bank.example"]);
        assert!(check(&mut parts, &connection).is_err());
    }
}
