//! `[environments.NAME.backend]`: where calls are forwarded to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::http::Uri;

use super::path::{self, pem};
use super::pem_source::PemSource;
use super::quantity::duration;
use super::reader::Section;
use super::secret::SecretSource;
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
    /// Where deliveries of the inbox go.
    pub events: EventSettings,
}

/// Where deliveries of the inbox go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventSettings {
    /// `http`, `https`, `nats` or `tls`, host and port; over HTTP with the path that all of them go to. `None` = they go where
    /// calls go, to the path that Thales called.
    pub url: Option<Uri>,
    /// With NATS: the subject, in which `{environment}`, `{product}` and `{operation}` stand for their names.
    pub subject: String,
    /// With NATS: a file of credentials.
    pub credentials: Option<PathBuf>,
    /// Over HTTP: secrets that deliveries are signed with, after Standard Webhooks.
    pub signing_secret: Option<SecretSource>,
}

impl EventSettings {
    /// Whether anything of it was written.
    pub(super) fn is_written(&self) -> bool {
        self.url.is_some() || self.signing_secret.is_some() || self.credentials.is_some()
    }

    /// Whether deliveries go to NATS.
    #[must_use]
    pub fn is_nats(&self) -> bool {
        self.url.as_ref().is_some_and(|url| matches!(url.scheme_str(), Some("nats" | "tls")))
    }
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
        let secret = self.events.signing_secret.as_ref().and_then(SecretSource::path);
        let of_events = secret.into_iter().chain(self.events.credentials.as_deref());
        sources.into_iter().flatten().filter_map(PemSource::path).chain(of_events)
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

    let events = events(section);

    let without_tls = |url: &Uri| matches!(url.scheme_str(), Some("http" | "nats"));
    let events_without_tls = events.as_ref().is_none_or(|events| events.url.as_ref().is_none_or(without_tls));
    if url.as_ref().is_some_and(|url| url.scheme_str() == Some("http")) && events_without_tls {
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
        events: events?,
    })
}

/// What is put before the names in the subject of a delivery to NATS.
const SUBJECT: &str = "thales.{environment}.{product}.{operation}";

fn events(section: &mut Section<'_>) -> Option<EventSettings> {
    let url = section.optional("events_url", events_url);
    let [subject_written, credentials_written] =
        ["events_subject", "events_credentials"].map(|name| !section.written(&[name]).is_empty());
    let subject = section.or("events_subject", SUBJECT.to_owned(), typed::text);
    let credentials = section.optional("events_credentials", path::caller_secret_file);
    let secret_written = !section.written(&["signing_secret", "signing_secret_file"]).is_empty();
    let signing_secret = section.optional_own_secret("signing_secret");
    let events =
        EventSettings { url: url?, subject: subject?, credentials: credentials?, signing_secret: signing_secret? };
    let without_effect: &[(&str, bool, &str)] = if events.is_nats() {
        &[("signing_secret", secret_written, "It is for deliveries over HTTP, and events_url names a server of NATS.")]
    } else {
        const ONLY_NATS: &str = "It is for NATS, and events_url does not start with nats:// or tls://.";
        &[("events_subject", subject_written, ONLY_NATS), ("events_credentials", credentials_written, ONLY_NATS)]
    };
    for (name, written, why) in without_effect {
        if *written {
            section.report(Some(name), *why, format!("Take {name} out, or correct events_url."));
        }
    }
    Some(events)
}

/// The url of deliveries: http and https with a path, nats and tls without.
fn events_url(raw: &Raw<'_>) -> Parsed<Uri> {
    const REMEDY: &str = "Write \"https://events.internal/thales\" or \"nats://nats.internal:4222\".";
    let text = typed::text(raw)?;
    let Ok(url) = text.parse::<Uri>() else { return wrong("It is not a url.", REMEDY) };
    let Some(authority) = url.authority().filter(|authority| !authority.host().is_empty()) else {
        return wrong(format!("{} names no host.", shown(&text)), REMEDY);
    };
    if authority.as_str().contains('@') {
        // Not repeated: it may be a password.
        return wrong(
            "It holds a user name or a password.",
            "Take it out; NATS reads a file of credentials: events_credentials.",
        );
    }
    match url.scheme_str() {
        Some("http" | "https") => Ok(url),
        Some("nats" | "tls") if matches!(url.path(), "" | "/") && url.query().is_none() => Ok(url),
        Some("nats" | "tls") => {
            wrong(format!("{} has a path.", shown(&text)), "Take it out; events_subject says what NATS publishes to.")
        }
        _ => wrong(format!("{} is neither http, https, nats nor tls.", shown(&text)), REMEDY),
    }
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
