//! From settings to the pooled client of a backend.

use super::SettingProblem;
use super::texts::texts;
use crate::handler::forward::{ClientCredentialPem, ForwardError, Protocol};
use crate::handler::{Forward, ForwardOptions};
use crate::settings::{BackendProtocol, BackendSettings, PemSource};

/// The table in which the backend of an environment is described.
pub(super) fn key_of(environment: &str) -> String {
    format!("environments.{environment}.backend")
}

/// The backend of `settings`, which stand in `table`.
pub(super) fn forward(table: &str, settings: &BackendSettings, problems: &mut Vec<SettingProblem>) -> Option<Forward> {
    let before = problems.len();
    let mut texts = texts(table, &sources(settings), PemSource::read, problems);
    let ca_pem = texts.remove("ca").map(|pem| pem.to_vec());
    let (chain, key) = (texts.remove("client_certificate"), texts.remove("client_key"));
    let client_credential = chain.zip(key).map(|(chain, key)| ClientCredentialPem { chain: chain.to_vec(), key });
    let options = ForwardOptions {
        ca_pem,
        client_credential,
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
    };
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
