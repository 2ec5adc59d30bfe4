//! What is known of an environment whose settings cannot be used.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::backend::BackendSettings;
use super::environment::{ClientSubjectSettings, EnvironmentSettings};
use super::pem_source::PemSource;
use super::revocation::RevocationMode;

/// What could be read of an environment, whatever is wrong beside it: so that what its settings name (certificates, keys,
/// patterns) can be looked at all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentParts {
    /// Its name.
    pub name: String,
    /// The host, or wildcard of hosts, that its certificate has to cover, where it has one.
    pub host: Option<String>,
    /// Its listeners; empty when they could not be read.
    pub listen: Vec<SocketAddr>,
    /// The client CA bundle.
    pub client_ca: Option<PemSource>,
    /// Files of revocation lists; empty when they could not be read.
    pub crl: Vec<PathBuf>,
    /// How the lists are used; what would be the default when that could not be read.
    pub revocation: RevocationMode,
    /// The server's certificate chain.
    pub certificate_chain: Option<PemSource>,
    /// The server's private key.
    pub private_key: Option<PemSource>,
    /// The chain that Thales was given, where it is set.
    pub endorsed_chain: Option<PemSource>,
    /// Whether the client CA bundle may hold a CA that the public web trusts; `true` as well when that could not be read.
    pub allow_public_client_ca: bool,
    /// Whether the sample CA may be trusted everywhere; `true` as well when that could not be read.
    pub allow_sample_certificates: bool,
    /// Patterns on the caller's subject.
    pub client_subject: Option<ClientSubjectSettings>,
    /// Where calls go.
    pub backend: Option<BackendSettings>,
}

impl From<&EnvironmentSettings> for EnvironmentParts {
    fn from(settings: &EnvironmentSettings) -> Self {
        Self {
            name: settings.name.clone(),
            host: settings.host.clone(),
            listen: settings.listen.clone(),
            client_ca: Some(settings.client_ca.clone()),
            crl: settings.crl.clone(),
            revocation: settings.revocation,
            certificate_chain: Some(settings.certificate_chain.clone()),
            private_key: Some(settings.private_key.clone()),
            endorsed_chain: settings.endorsed_chain.clone(),
            allow_public_client_ca: settings.allow_public_client_ca,
            allow_sample_certificates: settings.allow_sample_certificates,
            client_subject: Some(settings.client_subject.clone()),
            backend: Some(settings.backend.clone()),
        }
    }
}
