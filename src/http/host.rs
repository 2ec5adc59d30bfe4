//! The host of a request must be the environment's, and there must be only one of it (RFC 9110 section 7.2, RFC 9112 section
//! 3.2, RFC 9113 section 8.3.1).

use std::net::Ipv6Addr;

use ::http::header::HOST;
use ::http::request::Parts;
use ::http::uri::{self, Uri};
use ::http::{HeaderValue, Version};

use super::stack::Connection;
use super::{Problem, ProblemKind};
use crate::tls::hosts::{HostPattern, without_trailing_dot};

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
    if !is_ours(host.name, connection) {
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

/// Whether the environment that the connection belongs to answers for `name`.
///
/// A wildcard stands for many names, and the handshake may have been about one of them only: another one may be the host of
/// another environment, or have a certificate of its own. So the name that the client asked for in TLS is the only one that
/// its requests may name (RFC 9110 section 7.4); an HTTP/2 client that reuses the connection for another name (RFC 9113 section
/// 9.1.1) has to open a second one.
fn is_ours(name: &str, connection: &Connection) -> bool {
    let Some(ours) = connection.host().map(HostPattern::new) else { return true };
    let asked_for = connection.client().tls().server_name.as_deref().filter(|_| ours.is_wildcard());
    ours.matches(name) && asked_for.is_none_or(|asked_for| without_trailing_dot(asked_for).eq_ignore_ascii_case(name))
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
            // What ends the name has to be a colon, or nothing.
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            let length = value.bytes().position(|byte| !is_name(byte)).unwrap_or(value.len());
            let (name, port) = value.split_at_checked(length)?;
            let name = without_trailing_dot(name);
            if name.is_empty() {
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

    /// The outcome for a host on a connection of the environment `*.bank.example`, for which the client named `server_name`.
    fn outcome_of_wildcard(server_name: Option<&str>, host: &str) -> [u16; 2] {
        let connection = testing::connection_for(Some("*.bank.example"), server_name);
        let outcome =
            |mut parts| check(&mut parts, &connection).map_or_else(|problem| problem.status().as_u16(), |()| 200);
        [
            outcome(head("/", Version::HTTP_11, &[host])),
            outcome(head(&format!("https://{host}/a"), Version::HTTP_2, &[])),
        ]
    }

    #[test]
    fn behind_a_wildcard_the_host_is_the_name_that_the_client_asked_for_in_tls() {
        for server_name in ["tsh.bank.example", "tsh.bank.example."] {
            for host in ["tsh.bank.example", "TSH.Bank.Example", "tsh.bank.example.:8443"] {
                assert_eq!(outcome_of_wildcard(Some(server_name), host), [200; 2], "{server_name} {host}");
            }
            // A connection that was opened for one name of the wildcard is not taken for another one of it.
            for host in ["d1.bank.example", "bank.example", "a.tsh.bank.example", "other.example", "192.0.2.7"] {
                assert_eq!(outcome_of_wildcard(Some(server_name), host), [421; 2], "{server_name} {host}");
            }
        }
        assert_eq!(outcome_of_wildcard(Some("d1.bank.example"), "d1.bank.example"), [200; 2], "control");
    }

    #[test]
    fn behind_a_wildcard_a_client_that_named_nothing_in_tls_may_name_what_the_wildcard_stands_for() {
        for host in ["tsh.bank.example", "D1.bank.example.:8443"] {
            assert_eq!(outcome_of_wildcard(None, host), [200; 2], "{host}");
        }
        for host in ["bank.example", "a.b.bank.example", "other.example", "192.0.2.7", "[::1]"] {
            assert_eq!(outcome_of_wildcard(None, host), [421; 2], "{host}");
        }
    }

    #[test]
    fn a_name_in_tls_changes_nothing_where_the_host_is_one_name() {
        let connection = testing::connection_for(Some("issuer.bank.example"), Some("issuer.bank.example."));
        assert_eq!(check(&mut head("/", Version::HTTP_11, &["issuer.bank.example"]), &connection), Ok(()));
        assert!(check(&mut head("/", Version::HTTP_11, &["other.bank.example"]), &connection).is_err());
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
