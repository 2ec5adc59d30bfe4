//! `[environments.NAME.backend]`: where calls are forwarded to.

use std::path::Path;
use std::time::Duration;

use ::http::Uri;

use super::path::pem;
use super::pem_source::PemSource;
use super::quantity::duration;
use super::reader::Section;
use super::typed::{self, Parsed, Raw, integer, one_of, shown, wrong};

/// `[environments.NAME.backend]` or `[backends.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendSettings {
    /// `http` or `https`, host and port. It has no path: calls keep the path that Thales called.
    pub url: Uri,
    /// Certificates that the backend's certificate must chain to; `None` for the CAs that Mozilla trusts. Only with
    /// `https`.
    pub ca: Option<PemSource>,
    /// Our certificate and key towards the backend. Only with `https`.
    pub client_credential: Option<BackendCredential>,
    /// From the start of a connection attempt to its end, TLS included.
    pub connect_timeout: Duration,
    /// From the end of the request to the head of the response.
    pub response_timeout: Duration,
    /// Connections that are kept open without a request.
    pub max_idle_connections: usize,
    /// How long they are kept.
    pub idle_timeout: Duration,
    /// The HTTP version spoken to the backend.
    pub protocol: BackendProtocol,
}

impl BackendSettings {
    /// Every file that they name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let credential = self.client_credential.as_ref();
        let sources = [
            self.ca.as_ref(),
            credential.map(|credential| &credential.certificate),
            credential.map(|credential| &credential.key),
        ];
        sources.into_iter().flatten().filter_map(PemSource::path)
    }
}

/// What we show to a backend that asks for a client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendCredential {
    /// Chain, leaf first.
    pub certificate: PemSource,
    /// Its private key.
    pub key: PemSource,
}

/// The HTTP version spoken to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendProtocol {
    /// What ALPN chooses with `https`, HTTP/1.1 with `http`.
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; with `http`, by prior knowledge.
    Http2,
}

const PROTOCOLS: &[(&str, BackendProtocol)] =
    &[("auto", BackendProtocol::Auto), ("http1", BackendProtocol::Http1), ("http2", BackendProtocol::Http2)];
const DEADLINE: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60 * 60);

pub(super) fn read(section: &mut Section<'_>) -> Option<BackendSettings> {
    let url = section.required("url", url);
    let ca = section.optional("ca", pem(false));
    let certificate = section.optional("client_certificate", pem(false));
    let key = section.optional_private_key("client_key");
    let connect_timeout = section.or("connect_timeout", Duration::from_secs(5), duration(DEADLINE));
    let response_timeout = section.or("response_timeout", Duration::from_secs(30), duration(DEADLINE));
    let max_idle_connections = section.or("max_idle_connections", 64, integer(0..=10_000));
    let idle_timeout = section.or("idle_timeout", Duration::from_secs(30), duration(DEADLINE));
    let protocol = section.or("protocol", BackendProtocol::Auto, one_of(PROTOCOLS));

    if url.as_ref().is_some_and(|url| url.scheme_str() == Some("http")) {
        for (name, set) in [
            ("ca", !matches!(ca, Some(None))),
            ("client_certificate", !matches!(certificate, Some(None))),
            ("client_key", !matches!(key, Some(None))),
        ] {
            if set {
                section.report(
                    Some(name),
                    "It has no effect without TLS, and url starts with http://.",
                    format!("Write https:// in url, or take {name} out."),
                );
            }
        }
    }
    let client_credential = credential(section, certificate, key);
    Some(BackendSettings {
        url: url?,
        ca: ca?,
        client_credential: client_credential?,
        connect_timeout: connect_timeout?,
        response_timeout: response_timeout?,
        max_idle_connections: usize::try_from(max_idle_connections?).ok()?,
        idle_timeout: idle_timeout?,
        protocol: protocol?,
    })
}

#[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
fn credential(
    section: &mut Section<'_>,
    certificate: Option<Option<PemSource>>,
    key: Option<Option<PemSource>>,
) -> Option<Option<BackendCredential>> {
    match (certificate?, key?) {
        (Some(certificate), Some(key)) => Some(Some(BackendCredential { certificate, key })),
        (None, None) => Some(None),
        (Some(_), None) => {
            section.report(
                Some("client_certificate"),
                "A certificate without its key proves nothing.",
                "Set client_key or client_key_file as well, or take client_certificate out.",
            );
            None
        }
        (None, Some(_)) => {
            section.report(
                Some("client_key"),
                "A key without its certificate proves nothing.",
                "Set client_certificate as well, or take client_key out.",
            );
            None
        }
    }
}

fn url(raw: &Raw<'_>) -> Parsed<Uri> {
    const EXAMPLE: &str = "Write scheme, host and port, such as \"http://127.0.0.1:8080\".";
    let text = typed::text(raw)?;
    // Asked first, so that a password is not repeated below.
    if text.contains('@') {
        return wrong("User name and password do not belong in the address.", format!("Take them out. {EXAMPLE}"));
    }
    let Ok(url) = text.parse::<Uri>() else {
        return wrong(format!("{} is not a URL.", shown(&text)), EXAMPLE);
    };
    match url.scheme_str() {
        Some("http" | "https") => {}
        Some(_) => return wrong(format!("{} is neither http:// nor https://.", shown(&text)), EXAMPLE),
        None => return wrong(format!("{} has no scheme.", shown(&text)), EXAMPLE),
    }
    let port = url.authority().map(::http::uri::Authority::as_str).and_then(port_text);
    if url.host().is_none_or(str::is_empty) || port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port == 0))
    {
        return wrong(format!("{} has no host or no usable port.", shown(&text)), EXAMPLE);
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return wrong(format!("{} has a port beyond 65535.", shown(&text)), EXAMPLE);
    }
    if url.path() != "/" || url.query().is_some() || text.contains(['?', '#']) {
        return wrong(
            format!("{} goes on after the host.", shown(&text)),
            "End it after host and port: calls keep the path that Thales called.",
        );
    }
    Ok(url)
}

/// What follows the host in an authority, IPv6 brackets aside.
fn port_text(authority: &str) -> Option<&str> {
    let after_host = authority.rfind(']').map_or(0, |end| end + 1);
    authority.get(after_host..)?.rsplit_once(':').map(|(_, port)| port)
}

#[cfg(test)]
mod tests {
    use config::ValueKind;

    use super::*;

    fn parse(text: &str) -> Result<Uri, String> {
        url(&Raw { kind: &ValueKind::from(text), from_variable: false, base: Path::new("") })
            .map_err(|wrongs| wrongs.into_iter().map(|wrong| wrong.problem).collect())
    }

    #[test]
    fn a_backend_is_scheme_host_and_port() {
        for good in ["http://127.0.0.1:8080", "https://backend.internal/", "http://[::1]:8080", "http://my_backend:80"]
        {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "127.0.0.1:8080",
            "backend",
            "ftp://backend",
            "http://",
            "http:///x",
            "http://backend/base",
            "http://backend?x=1",
            "http://backend#x",
            "http://backend:99999",
            "http://backend:0",
            "http://[::1",
            "http://a b",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        let problem = parse("https://user:hunter2@backend").unwrap_err();
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}
