//! Whom a server's certificate has to come from.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::{Error, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::CallerError;
use super::verifier::{ChainJudge, ShownChain, TakingAny, TakingOne};
use crate::pki::pem;

/// Whom a server's certificate has to come from.
#[derive(Clone, Debug)]
pub enum ServerTrust {
    /// One of these, and for the name that was called.
    Authorities(Arc<RootCertStore>),
    /// The server itself, by its own certificate, whatever that says of names and time.
    Exactly(CertificateDer<'static>),
    /// Whoever it comes from: the server is only looked at, and judged afterwards with [`ServerTrust::judge`]. It proves possession of its
    /// key all the same. Nothing worth protecting may be sent to it before.
    Anybody,
}

impl ServerTrust {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// When it is no PEM, or holds a certificate that cannot be trusted.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CallerError> {
        let mut roots = RootCertStore::empty();
        for certificate in pem::certificates(pem).map_err(|error| CallerError::Trust(error.to_string()))? {
            roots.add(certificate).map_err(|error| CallerError::Trust(error.to_string()))?;
        }
        Ok(Self::Authorities(Arc::new(roots)))
    }

    /// The roots that Mozilla trusts (O9).
    #[must_use]
    pub fn public() -> Self {
        Self::Authorities(Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()))
    }

    /// Whether a chain (leaf first) is trusted for a name at `now`.
    ///
    /// # Errors
    /// What TLS clients say of it.
    pub fn judge(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
        let judge = self.chain_judge().map_err(|error| Error::General(error.to_string()))?;
        let (leaf, above) = chain.split_first().ok_or(Error::NoCertificatesPresented)?;
        judge.judge(ShownChain { leaf, above, name, ocsp_response: &[] }, now)
    }

    pub(super) fn chain_judge(&self) -> Result<Arc<dyn ChainJudge>, CallerError> {
        Ok(match self {
            Self::Authorities(roots) => webpki(Arc::clone(roots))?,
            Self::Exactly(leaf) => Arc::new(TakingOne(leaf.clone())),
            Self::Anybody => Arc::new(TakingAny),
        })
    }
}

fn webpki(roots: Arc<RootCertStore>) -> Result<Arc<WebPkiServerVerifier>, CallerError> {
    WebPkiServerVerifier::builder_with_provider(roots, crate::tls::provider())
        .build()
        .map_err(|error| CallerError::Trust(error.to_string()))
}
