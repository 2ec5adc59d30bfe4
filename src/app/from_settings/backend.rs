//! From settings to the pooled client of a backend.

use std::path::Path;
use std::sync::Arc;

use http::Uri;

use super::SettingProblem;
use super::texts::texts;
use crate::handler::forward::{ClientCredentialPem, ForwardError, Protocol};
use crate::handler::{Forward, ForwardOptions};
use crate::inbox::destination::{
    Destination, HttpDestination, HttpOptions, NatsDestination, NatsError, NatsOptions, SigningSecretError,
    SigningSecrets,
};
use crate::settings::{BackendProtocol, BackendSettings, PemSource, SecretSource};

/// The table in which the backend of an environment is described.
pub(super) fn key_of(environment: &str) -> String {
    format!("environments.{environment}.backend")
}

/// The backend of `settings`, which stand in `table`.
pub(super) fn forward(table: &str, settings: &BackendSettings, problems: &mut Vec<SettingProblem>) -> Option<Forward> {
    let before = problems.len();
    let options = options(table, settings, is_https(&settings.url), problems);
    let error = match Forward::new(&options) {
        Ok(forward) if problems.len() == before => return Some(forward),
        Ok(_) => return None,
        Err(error) => error,
    };
    // The CA is looked at first: without it, what is wrong with the client credential comes out as well.
    let ca_is_wrong = matches!(error, ForwardError::CaPem(_) | ForwardError::NoCa | ForwardError::Ca { .. });
    problems.push(problem(table, settings, &error));
    if ca_is_wrong && let Err(error) = Forward::new(&ForwardOptions { ca_pem: None, ..options }) {
        problems.push(problem(table, settings, &error));
    }
    None
}

/// Where the inbox delivers to, as `settings` in `table` say. What is wrong with what it shares with the [`forward`] of the same
/// settings is told there, not here.
pub(super) fn destination(
    table: &str,
    settings: &BackendSettings,
    problems: &mut Vec<SettingProblem>,
) -> Option<Arc<dyn Destination>> {
    let mut told_elsewhere = Vec::new();
    let events = &settings.events;
    let https = events.url.as_ref().map_or_else(|| is_https(&settings.url), is_https);
    let backend = options(table, settings, https, &mut told_elsewhere);
    let key = |name: &str| format!("{table}.{name}");
    let before = problems.len();
    if events.is_nats() {
        let url = events.url.as_ref()?;
        let credentials = match &events.credentials {
            None => None,
            Some(path) => {
                let source = SecretSource::File(path.clone());
                Some(super::inbox::text(&key("events_credentials"), &source, problems)?)
            }
        };
        let options = NatsOptions {
            subject: events.subject.clone(),
            credentials,
            ca_pem: backend.ca_pem,
            client_credential: backend.client_credential,
            connect_timeout: backend.connect_timeout,
            ..NatsOptions::new(url.to_string())
        };
        let name = |error: &NatsError| match error {
            NatsError::Subject(_) => "events_subject",
            NatsError::Credentials => "events_credentials",
            NatsError::Server(_) | NatsError::TlsWithoutTls | NatsError::TwoCredentials | NatsError::Tls(_) => {
                "events_url"
            }
        };
        return match NatsDestination::new(options) {
            Ok(destination) => (told_elsewhere.is_empty()).then_some(Arc::new(destination)),
            Err(error) => {
                problems.push(SettingProblem { key: key(name(&error)), problem: error.to_string() });
                None
            }
        };
    }
    let signing = events.signing_secret.as_ref().and_then(|source| {
        let text = super::inbox::text(&key("signing_secret"), source, problems)?;
        let wrong =
            |error: SigningSecretError| SettingProblem { key: key("signing_secret"), problem: error.to_string() };
        SigningSecrets::parse(&text).map_err(|error| problems.push(wrong(error))).ok()
    });
    let events_url = events.url.as_ref().map(ToString::to_string);
    match HttpDestination::new(HttpOptions { backend, events_url, signing }) {
        Ok(destination) => (problems.len() == before && told_elsewhere.is_empty()).then_some(Arc::new(destination)),
        Err(error) => {
            // What concerns the backend itself, its own forward has told already.
            if let (ForwardError::Url(_) | ForwardError::TlsWithoutHttps, Some(_)) = (&error, &events.url) {
                problems.push(SettingProblem { key: key("events_url"), problem: error.to_string() });
            }
            None
        }
    }
}

/// Whether it is reached over TLS.
fn is_https(url: &Uri) -> bool {
    matches!(url.scheme_str(), Some("https" | "tls"))
}

/// How the backend is reached. A CA and a client credential may be there for its other url: that of calls, or that of events.
fn options(table: &str, settings: &BackendSettings, https: bool, problems: &mut Vec<SettingProblem>) -> ForwardOptions {
    let mut texts = texts(table, &sources(settings), PemSource::read, problems);
    let ca_pem = texts.remove("ca").map(|pem| pem.to_vec());
    let (chain, key) = (texts.remove("client_certificate"), texts.remove("client_key"));
    let file = settings.client_credential.as_ref().and_then(|credential| credential.certificate.path());
    let file = file.map(Path::to_owned);
    let client_credential = chain.zip(key).map(|(chain, key)| ClientCredentialPem { chain: chain.to_vec(), key, file });
    ForwardOptions {
        ca_pem: ca_pem.filter(|_| https),
        client_credential: client_credential.filter(|_| https),
        connect_timeout: settings.connect_timeout,
        response_timeout: settings.response_timeout,
        max_idle: settings.max_idle_connections,
        idle_timeout: settings.idle_timeout,
        protocol: match settings.protocol {
            BackendProtocol::Auto => Protocol::Auto,
            BackendProtocol::Http1 => Protocol::Http1,
            BackendProtocol::Http2 => Protocol::Http2,
        },
        ..ForwardOptions::new(settings.url.to_string())
    }
}

/// What a backend's PEM texts are read from, by the name of the setting.
fn sources(settings: &BackendSettings) -> Vec<(&'static str, &PemSource)> {
    let ca = settings.ca.iter().map(|ca| ("ca", ca));
    let credential = settings
        .client_credential
        .iter()
        .flat_map(|credential| [("client_certificate", &credential.certificate), ("client_key", &credential.key)]);
    ca.chain(credential).collect()
}

fn problem(table: &str, settings: &BackendSettings, error: &ForwardError) -> SettingProblem {
    let credential = settings.client_credential.as_ref();
    let (name, source) = match error {
        ForwardError::Url(_) | ForwardError::TlsWithoutHttps => ("url", None),
        ForwardError::CaPem(_) | ForwardError::NoCa | ForwardError::Ca { .. } => ("ca", settings.ca.as_ref()),
        ForwardError::ClientCertificatePem(_) => {
            ("client_certificate", credential.map(|credential| &credential.certificate))
        }
        ForwardError::ClientKeyPem(_) | ForwardError::ClientCredential(_) => {
            ("client_key", credential.map(|credential| &credential.key))
        }
        ForwardError::Tls(_) => ("", None),
    };
    let place = source.map(super::in_file).unwrap_or_default();
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    let key = if name.is_empty() { table.to_owned() } else { format!("{table}.{name}") };
    SettingProblem { key, problem: format!("{place}{error}{cause}") }
}
