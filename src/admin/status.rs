//! `/status`: what the server is doing, for people and scripts.

use serde::Serialize;

/// The whole server.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// Version of the program.
    pub version: &'static str,
    /// Since the start.
    pub uptime_seconds: u64,
    /// As `/readyz` says it.
    pub ready: bool,
    /// Connection permits in use.
    pub connections: usize,
    /// Handshakes that have not ended.
    pub handshakes_in_flight: usize,
    /// Each environment.
    pub environments: Vec<EnvironmentStatus>,
}

/// One environment.
#[derive(Clone, Debug, Serialize)]
pub struct EnvironmentStatus {
    /// Its name.
    pub name: String,
    /// `ISSUER_HOST`, where one is configured.
    pub host: Option<String>,
    /// The products that Thales calls here.
    pub products: Vec<String>,
    /// Number of the current epoch, from 1.
    pub epoch: u64,
    /// When it was installed, RFC 3339.
    pub installed_at: String,
    /// The trust anchors.
    pub anchors: Vec<CertificateStatus>,
    /// The server's chain, leaf first.
    pub server_chain: Vec<CertificateStatus>,
    /// Connections of verified clients.
    pub live_connections: i64,
    /// Connections that were retired so far.
    pub retired_connections: u64,
}

/// One certificate.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateStatus {
    /// Subject, RFC 4514.
    pub subject: String,
    /// SHA-256 over the DER, hexadecimal.
    pub sha256: String,
    /// End of validity, RFC 3339.
    pub not_after: String,
}
