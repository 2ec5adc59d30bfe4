//! The labels: names from the configuration and closed lists.

use prometheus_client::encoding::EncodeLabelSet;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct HandshakeLabels {
    pub(super) environment: String,
    pub(super) outcome: &'static str,
    /// Why it failed; empty when it did not.
    pub(super) reason: &'static str,
    pub(super) tls_version: &'static str,
    /// How its client was accepted; empty when it was not.
    pub(super) session: &'static str,
}

/// How the client of a handshake was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A full handshake, with a chain that was judged anew.
    Full,
    /// A full handshake, with a chain that had been accepted before, byte for byte.
    Remembered,
    /// A session was resumed.
    Resumed,
}

impl SessionKind {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Remembered => "remembered",
            Self::Resumed => "resumed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct AdminLabels {
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct EnvironmentLabels {
    pub(super) environment: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) environment: String,
    pub(super) product: &'static str,
    /// From the catalogue or the configuration.
    pub(super) operation: String,
    pub(super) status_class: &'static str,
    pub(super) retryable: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct OperationLabels {
    pub(super) environment: String,
    pub(super) product: &'static str,
    /// From the catalogue or the configuration.
    pub(super) operation: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct SecondKeyLabels {
    pub(super) environment: String,
    pub(super) product: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct CertificateLabels {
    pub(super) environment: String,
    pub(super) kind: &'static str,
    /// As it is configured; empty where the text stands in the configuration.
    pub(super) file: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct FileLabels {
    pub(super) environment: String,
    /// As it is configured; empty where the text stands in the configuration.
    pub(super) file: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct KeyLabels {
    pub(super) environment: String,
    pub(super) kind: &'static str,
    /// As it is configured.
    pub(super) name: String,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// A trust anchor.
    ClientCa,
    /// A certificate of the server's chain.
    ServerChain,
    /// A CA that the server's chain has to end at.
    EndorsedChain,
    /// A certificate that is shown to a backend.
    BackendClient,
}

impl CertificateKind {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::ClientCa => "client_ca",
            Self::ServerChain => "server_chain",
            Self::EndorsedChain => "endorsed_chain",
            Self::BackendClient => "backend_client",
        }
    }
}

/// What a caller shows besides its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondKeyKind {
    /// An API key.
    ApiKey,
    /// The secret of a client of the token endpoint.
    ClientSecret,
}

impl SecondKeyKind {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::ClientSecret => "client_secret",
        }
    }
}

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// Nothing was new.
    Unchanged,
    /// A new epoch is in force.
    Installed,
    /// What was found is not good; the epoch before stays.
    Kept,
}

impl ReloadOutcome {
    /// In metrics and status.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Installed => "installed",
            Self::Kept => "kept",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct OutcomeLabels {
    pub(super) environment: String,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct TokenLabels {
    pub(super) environment: String,
    pub(super) outcome: &'static str,
    /// Why there was none; empty where there was one.
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct BackendLabels {
    pub(super) environment: String,
    /// From the configuration; empty for the environment's own.
    pub(super) backend: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct ConnectLabels {
    pub(super) environment: String,
    pub(super) backend: String,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct FailureLabels {
    pub(super) environment: String,
    pub(super) backend: String,
    pub(super) reason: &'static str,
}
