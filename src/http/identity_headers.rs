//! Who the caller is, as headers: whatever the request says about it is taken off, then set from the handshake. Identity comes
//! from the handshake only.

use ::http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use ::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Problem;
use super::stack::Connection;
use crate::tls::VerifiedClient;

/// RFC 4514 subject of the leaf.
pub(crate) const SUBJECT: HeaderName = HeaderName::from_static("issuer-host-client-subject");
/// RFC 4514 issuer of the leaf.
pub(crate) const ISSUER: HeaderName = HeaderName::from_static("issuer-host-client-issuer");
/// Serial number of the leaf, lower-case hexadecimal.
pub(crate) const SERIAL: HeaderName = HeaderName::from_static("issuer-host-client-serial");
/// SHA-256 of the leaf's DER, lower-case hexadecimal.
pub(crate) const SHA256: HeaderName = HeaderName::from_static("issuer-host-client-sha256");
/// Name of the environment that admitted the caller.
pub(crate) const ENVIRONMENT: HeaderName = HeaderName::from_static("issuer-host-environment");
/// RFC 9440: the leaf, as a structured field's byte sequence.
pub(crate) const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
/// RFC 9440: the rest of the presented chain, as a list of byte sequences.
pub(crate) const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The identity headers of a connection, made once, so that a request costs inserts alone.
#[derive(Debug)]
pub(crate) struct IdentityHeaders(Vec<(HeaderName, HeaderValue)>);

impl IdentityHeaders {
    /// The headers for `client`; the whole certificate only when `with_certificate`, since it can overflow a backend's header
    /// limit.
    pub(crate) fn new(client: &VerifiedClient, with_certificate: bool) -> Self {
        let identity = client.identity();
        let mut headers = vec![
            (SUBJECT, text(&identity.subject)),
            (ISSUER, text(&identity.issuer)),
            (SERIAL, text(&identity.serial)),
            (SHA256, text(&identity.sha256.to_string())),
            (ENVIRONMENT, text(client.environment())),
            (FORWARDED_FOR, text(&client.peer().ip().to_canonical().to_string())),
            (FORWARDED_PROTO, HeaderValue::from_static("https")),
        ];
        if with_certificate && let Some((leaf, rest)) = client.chain().split_first() {
            headers.push((CLIENT_CERT, text(&byte_sequence(leaf))));
            if !rest.is_empty() {
                let list: Vec<String> = rest.iter().map(|certificate| byte_sequence(certificate)).collect();
                headers.push((CLIENT_CERT_CHAIN, text(&list.join(", "))));
            }
        }
        Self(headers)
    }
}

/// Takes identity and forwarding headers off the request, in every spelling, then sets those of the connection. Comes after
/// the host check, which leaves exactly one `host`, and after the hop-by-hop fields were taken off.
#[expect(clippy::unnecessary_wraps, reason = "a check of the stack")]
pub(crate) fn strip_then_set(parts: &mut Parts, connection: &Connection) -> Result<(), Problem> {
    strip(&mut parts.headers);
    // At once, and for the ids that follow: a map that grows moves what it holds.
    parts.headers.reserve(connection.identity_headers().0.len() + 3);
    for (name, value) in &connection.identity_headers().0 {
        parts.headers.insert(name.clone(), value.clone());
    }
    if let Some(host) = parts.headers.get(HOST).cloned() {
        parts.headers.insert(FORWARDED_HOST, host);
    }
    parts.extensions.insert(connection.client().clone());
    Ok(())
}

/// Whether a header, or a trailer, of this name speaks about who the caller is or where it comes from, or is read by some
/// backends as what was checked here under another name.
pub(crate) fn is_identity(name: &str) -> bool {
    EXACT.iter().any(|field| same_spelling(name, field) && name.len() == field.len())
        || PREFIXES.iter().any(|prefix| same_spelling(name, prefix))
        || FRAMING.iter().any(|field| same_spelling(name, field) && name.len() == field.len() && name != *field)
}

/// The second line overrides the target or method that was checked, for frameworks that heed it.
const EXACT: [&str; 8] = [
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-arr-clientcert", //
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
];
/// `x-forwarded-client-cert` and the rest of the forwarding family are under `x-forwarded-`.
const PREFIXES: [&str; 8] = [
    "client-cert",
    "issuer-host-",
    "ssl-client-",
    "x-amzn-mtls-",
    "x-client-",
    "x-forwarded-",
    "x-ssl-",
    "x-tls-client-",
];
/// Framing, and the id that was checked, under another spelling, which a backend may take for the real one.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "x-issuer-id"];

/// Whether `name` starts with `wanted`, where every separator is like every other: CGI and its heirs turn `-` and `_`, and
/// some of them `.` too, into one and the same. Names are in lower case already.
fn same_spelling(name: &str, wanted: &str) -> bool {
    name.len() >= wanted.len()
        // Each begins with a letter, by which most are told apart.
        && name.as_bytes().first() == wanted.as_bytes().first()
        && name.bytes().zip(wanted.bytes()).all(|(byte, wanted)| match wanted {
            b'-' => !byte.is_ascii_alphanumeric(),
            _ => byte == wanted,
        })
}

fn strip(headers: &mut HeaderMap) {
    if !headers.keys().any(|name| is_identity(name.as_str())) {
        return;
    }
    let found: Vec<HeaderName> = headers.keys().filter(|name| is_identity(name.as_str())).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

fn byte_sequence(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

/// Identities are printable ASCII by construction; should one not be, its header is empty and never another's.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    const FORGED: [&str; 32] = [
        "client-cert",
        "Client-Cert-Chain",
        "client_cert",
        "client_cert-chain",
        "client.cert",
        "x-forwarded-client-cert",
        "x_forwarded_client_cert",
        "X-SSL-Client-S-DN",
        "x-ssl-anything",
        "x_ssl_cert",
        "ssl-client-verify",
        "ssl_client_verify",
        "x-client-dn",
        "x_client-cert",
        "issuer-host-client-subject",
        "issuer_host_client_subject",
        "Issuer-Host_Anything",
        "forwarded",
        "x-forwarded-for",
        "x_forwarded_proto",
        "x-real-ip",
        "x_real_ip",
        "x-amzn-mtls-clientcert-subject",
        "x-tls-client-dn",
        "x-arr-clientcert",
        "true-client-ip",
        "x-original-url",
        "x_rewrite_url",
        "x-http-method-override",
        "transfer_encoding",
        "content_length",
        "x_issuer_id",
    ];

    #[test]
    fn forged_identity_is_replaced_by_that_of_the_handshake_in_every_spelling() {
        let connection = testing::connection(Some("issuer.bank.example"));
        let (mut parts, ()) = ::http::Request::new(()).into_parts();
        parts.headers.insert(HOST, HeaderValue::from_static("issuer.bank.example"));
        parts.headers.insert("x-kept", HeaderValue::from_static("yes"));
        for name in FORGED {
            let name: HeaderName = name.parse().unwrap();
            parts.headers.append(name.clone(), HeaderValue::from_static("forged"));
            parts.headers.append(name, HeaderValue::from_static("forged twice"));
        }
        // Control: the forgeries are there before the check.
        assert_eq!(
            parts.headers.values().filter(|value| value.as_bytes().starts_with(b"forged")).count(),
            2 * FORGED.len()
        );
        strip_then_set(&mut parts, &connection).unwrap();
        assert!(parts.headers.values().all(|value| !value.as_bytes().starts_with(b"forged")), "{:?}", parts.headers);
        assert_eq!(parts.headers["x-kept"], "yes");
        assert_eq!(parts.headers[SUBJECT], "CN=caller");
        assert_eq!(parts.headers[ENVIRONMENT], "preprod");
        assert_eq!(parts.headers[FORWARDED_HOST], "issuer.bank.example");
        assert_eq!(parts.headers[FORWARDED_FOR], "192.0.2.7");
        assert!(parts.extensions.get::<VerifiedClient>().is_some());
    }

    #[test]
    fn names_that_only_look_alike_are_kept() {
        for name in [
            "forwarded-note",
            "x-real-ips",
            "x-clientele",
            "authorization",
            "x-issuer-id",
            "x-sslx",
            "clientcert",
            "content-length",
        ] {
            assert!(!is_identity(name), "{name}");
        }
    }

    #[test]
    fn the_whole_certificate_is_sent_on_request_alone() {
        let client = testing::client();
        let names = |headers: IdentityHeaders| headers.0.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert!(!names(IdentityHeaders::new(&client, false)).contains(&CLIENT_CERT));
        let headers = IdentityHeaders::new(&client, true).0;
        let value = |wanted: HeaderName| headers.iter().find(|(name, _)| *name == wanted).unwrap().1.clone();
        assert_eq!(value(CLIENT_CERT), ":bGVhZg==:");
        assert_eq!(value(CLIENT_CERT_CHAIN), ":aW50ZXJtZWRpYXRl:, :cm9vdA==:");
    }
}
