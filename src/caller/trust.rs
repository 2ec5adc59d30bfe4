//! Whom a server's certificate has to come from.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::CallerError;
use crate::pki::pem;

/// Whom a server's certificate has to come from.
#[derive(Clone, Debug)]
pub enum ServerTrust {
    /// One of these, and for the name that was called.
    Authorities(Arc<RootCertStore>),
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
        let Self::Authorities(roots) = self else { return Ok(()) };
        let verifier = webpki(Arc::clone(roots)).map_err(|error| Error::General(error.to_string()))?;
        let (leaf, intermediates) = chain.split_first().ok_or(Error::NoCertificatesPresented)?;
        verifier.verify_server_cert(leaf, intermediates, name, &[], now).map(|_| ())
    }

    pub(super) fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, CallerError> {
        Ok(match self {
            Self::Authorities(roots) => webpki(Arc::clone(roots))?,
            Self::Anybody => Arc::new(Witness(crate::tls::provider().signature_verification_algorithms)),
        })
    }
}

fn webpki(roots: Arc<RootCertStore>) -> Result<Arc<WebPkiServerVerifier>, CallerError> {
    WebPkiServerVerifier::builder_with_provider(roots, crate::tls::provider())
        .build()
        .map_err(|error| CallerError::Trust(error.to_string()))
}

/// Takes every certificate, and demands possession of its key.
#[derive(Debug)]
struct Witness(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
