//! The labels: names from the configuration and closed lists.

use prometheus_client::encoding::EncodeLabelSet;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HandshakeLabels {
    pub(super) environment: String,
    pub(super) outcome: &'static str,
    /// Why it failed; empty when it did not.
    pub(super) reason: &'static str,
    pub(super) tls_version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct EnvironmentLabels {
    pub(super) environment: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) environment: String,
    pub(super) product: &'static str,
    /// From the catalogue or the configuration.
    pub(super) operation: String,
    pub(super) status_class: &'static str,
    pub(super) retryable: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SecondKeyLabels {
    pub(super) environment: String,
    pub(super) product: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CertificateLabels {
    pub(super) environment: String,
    pub(super) kind: &'static str,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// The trust anchor that expires first.
    ClientCa,
    /// The certificate of the server chain that expires first.
    ServerChain,
}

impl CertificateKind {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::ClientCa => "client_ca",
            Self::ServerChain => "server_chain",
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReloadLabels {
    pub(super) environment: String,
    pub(super) outcome: &'static str,
}
