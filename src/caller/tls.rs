//! The TLS client of a caller.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SignatureScheme, SupportedProtocolVersion};

use super::verifier::{ChainJudge, Presented, Presenting, verifier};
use super::{CallerError, CallerOptions, Http};
use crate::pki::distinguished_name::rfc4514;

/// The versions that a caller offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// TLS 1.3 and 1.2.
    #[default]
    Both,
    /// TLS 1.2 alone.
    Only12,
    /// TLS 1.3 alone.
    Only13,
}

impl TlsVersions {
    pub(super) fn list(self) -> Vec<&'static SupportedProtocolVersion> {
        match self {
            Self::Both => vec![&TLS13, &TLS12],
            Self::Only12 => vec![&TLS12],
            Self::Only13 => vec![&TLS13],
        }
    }
}

/// What the server wanted of the client's certificate in the last full handshake. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Wanted(Arc<Mutex<Option<Vec<String>>>>);

impl Wanted {
    /// The names (RFC 4514) of the CAs that the server takes, none where it did not say; `None` = it has not asked for a certificate.
    #[must_use]
    pub fn authorities(&self) -> Option<Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) fn config(options: &CallerOptions) -> Result<(ClientConfig, Wanted, Presented), CallerError> {
    let presented = Presented::default();
    let judge = Presenting { judge: options.trust.chain_judge()?, presented: presented.clone() };
    let (config, wanted) = config_with(options, crate::tls::provider(), Arc::new(judge))?;
    Ok((config, wanted, presented))
}

/// The same with other cryptography, or another judge of the server's certificate.
pub(super) fn config_with(
    options: &CallerOptions,
    provider: Arc<CryptoProvider>,
    judge: Arc<dyn ChainJudge>,
) -> Result<(ClientConfig, Wanted), CallerError> {
    let wanted = Wanted::default();
    let shown =
        Shown { key: options.credential.as_ref().map(super::ClientCredential::certified_key), wanted: wanted.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&options.versions.list())?
        .dangerous()
        .with_custom_certificate_verifier(verifier(judge))
        .with_client_cert_resolver(Arc::new(shown));
    let alpn: &[&[u8]] = match options.http {
        Http::Either => &[b"h2", b"http/1.1"],
        Http::V1 => &[b"http/1.1"],
        Http::V2 => &[b"h2"],
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok((config, wanted))
}

/// Shows the same certificate to whoever asks, as Thales does, whatever CAs were named; and remembers which.
#[derive(Debug)]
struct Shown {
    key: Option<Arc<CertifiedKey>>,
    wanted: Wanted,
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let names = authorities.iter().map(|name| rfc4514(name)).collect();
        *self.wanted.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(names);
        self.key.clone().filter(|key| key.key.choose_scheme(schemes).is_some())
    }

    /// So that a server that asks is noticed without a certificate as well.
    fn has_certs(&self) -> bool {
        true
    }
}
