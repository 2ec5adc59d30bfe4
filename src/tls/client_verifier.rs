//! The bridge between rustls and the [`Judge`].

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::judge::{Judge, Verdict};
use super::refusal::{Refusal, RefusedClient};
use crate::pki::ClientIdentity;

tokio::task_local! {
    /// Where the verifier leaves its judgement for the handshake that it runs inside of. rustls offers no way to attach
    /// anything to a connection, and judging twice would cost a second round of signatures.
    pub(super) static JUDGEMENT: RefCell<Option<Result<Arc<Verdict>, RefusedClient>>>;
}

/// Demands a client certificate, and has it judged. Possession of the key is proven by CertificateVerify on every full
/// handshake, remembered verdict or not.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    judge: Arc<Judge>,
    hints: Vec<DistinguishedName>,
}

impl ClientVerifier {
    pub(super) fn new(judge: Arc<Judge>) -> Self {
        let mut hints: Vec<DistinguishedName> = Vec::new();
        for anchor in judge.anchors().anchors() {
            let name = DistinguishedName::in_sequence(anchor.webpki().subject.as_ref());
            if !hints.iter().any(|known| known.as_ref() == name.as_ref()) {
                hints.push(name);
            }
        }
        Self { judge, hints }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let chain: Vec<CertificateDer<'_>> = std::iter::once(end_entity)
            .chain(intermediates)
            .map(|certificate| CertificateDer::from(certificate.as_ref()))
            .collect();
        let judgement = self.judge.judge(&chain, now);
        let answer = judgement.as_ref().map(|_| ClientCertVerified::assertion()).map_err(|refusal| (*refusal).into());
        leave(judgement.map_err(|refusal| refused(refusal, end_entity)));
        answer
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, self.judge.algorithms())
            .inspect_err(|_| leave(Err(refused(Refusal::BadSignature, certificate))))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, self.judge.algorithms())
            .inspect_err(|_| leave(Err(refused(Refusal::BadSignature, certificate))))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms().supported_schemes()
    }
}

fn leave(judgement: Result<Arc<Verdict>, RefusedClient>) {
    // Outside of a handshake (a verifier called by a test) there is nobody to leave it for.
    let _ = JUDGEMENT.try_with(|slot| slot.replace(Some(judgement)));
}

fn refused(refusal: Refusal, leaf: &CertificateDer<'_>) -> RefusedClient {
    RefusedClient { refusal, identity: ClientIdentity::from_der(leaf).ok().map(Arc::new) }
}
