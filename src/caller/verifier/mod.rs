//! The judge of a server's certificate that rustls asks: possession of the key is always proven, and who makes what of the chain is exchangeable.

mod accepted;
mod presented;

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

pub(super) use accepted::Accepting;
pub use presented::Presented;
pub(super) use presented::Presenting;

/// What a server shows in its handshake.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownChain<'a> {
    /// The server's own certificate.
    pub(super) leaf: &'a CertificateDer<'a>,
    /// Those above it, as they were sent.
    pub(super) above: &'a [CertificateDer<'a>],
    /// The name that was called.
    pub(super) name: &'a ServerName<'a>,
    /// A stapled OCSP response (RFC 6066 section 8); empty = none.
    pub(super) ocsp_response: &'a [u8],
}

impl ShownChain<'_> {
    /// All certificates, leaf first.
    fn to_owned(self) -> Vec<CertificateDer<'static>> {
        std::iter::once(self.leaf).chain(self.above).map(|der| der.clone().into_owned()).collect()
    }
}

/// What is made of a chain.
pub(super) trait ChainJudge: Debug + Send + Sync {
    /// Whether the chain is taken at `now`.
    ///
    /// # Errors
    /// Why it is not.
    fn judge(&self, chain: ShownChain<'_>, now: UnixTime) -> Result<(), Error>;
}

/// As TLS clients do it: a path to a root, for the name, in time.
impl ChainJudge for WebPkiServerVerifier {
    fn judge(&self, chain: ShownChain<'_>, now: UnixTime) -> Result<(), Error> {
        self.verify_server_cert(chain.leaf, chain.above, chain.name, chain.ocsp_response, now).map(|_| ())
    }
}

/// Takes every chain.
#[derive(Debug)]
pub(super) struct TakingAny;

impl ChainJudge for TakingAny {
    fn judge(&self, _: ShownChain<'_>, _: UnixTime) -> Result<(), Error> {
        Ok(())
    }
}

/// Takes the server whose own certificate this is.
#[derive(Debug)]
pub(super) struct TakingOne(pub(super) CertificateDer<'static>);

impl ChainJudge for TakingOne {
    fn judge(&self, chain: ShownChain<'_>, _: UnixTime) -> Result<(), Error> {
        if self.0 == *chain.leaf { Ok(()) } else { Err(CertificateError::ApplicationVerificationFailure.into()) }
    }
}

/// A judge as rustls wants it.
#[derive(Debug)]
struct Verifier {
    judge: Arc<dyn ChainJudge>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Has `judge` judge chains; that the server has the key of its certificate is proven in each full handshake, whoever judges.
pub(super) fn verifier(judge: Arc<dyn ChainJudge>) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Verifier { judge, algorithms: crate::tls::provider().signature_verification_algorithms })
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = ShownChain { leaf: end_entity, above: intermediates, name: server_name, ocsp_response };
        self.judge.judge(chain, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
