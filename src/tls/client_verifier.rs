//! The bridge between rustls and the [`Judge`].

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::findings::{self, Accepted};
use super::judge::{ChainDigest, Judge};
use super::refusal::{Refusal, RefusedClient};

/// What the names of the CAs may take that a client is told of, in bytes: with the CAs of a product that is a few hundred. They travel with
/// each handshake, and are there to help a client choose which has several certificates (RFC 8446 section 4.2.4): a longer list is left out.
const MOST_HINTS: usize = 4096;

/// Asks for a client certificate, and has it judged. Possession of the key is proven by CertificateVerify on every full
/// handshake, remembered verdict or not.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    judge: Arc<Judge>,
    hints: Vec<DistinguishedName>,
    mandatory: bool,
}

impl ClientVerifier {
    /// Whoever has no certificate is refused.
    pub(super) fn demanding(judge: Arc<Judge>) -> Self {
        Self::new(judge, true)
    }

    /// Whoever has no certificate is let in as nobody.
    pub(super) fn inviting(judge: Arc<Judge>) -> Self {
        Self::new(judge, false)
    }

    fn new(judge: Arc<Judge>, mandatory: bool) -> Self {
        let mut hints: Vec<DistinguishedName> = Vec::new();
        for anchor in judge.anchors().anchors() {
            let name = DistinguishedName::in_sequence(anchor.webpki().subject.as_ref());
            if !hints.iter().any(|known| known.as_ref() == name.as_ref()) {
                hints.push(name);
            }
        }
        if hints.iter().map(|name| name.as_ref().len()).sum::<usize>() > MOST_HINTS {
            hints.clear();
        }
        Self { judge, hints, mandatory }
    }

    /// Whoever shows a certificate and cannot sign with its key.
    fn possession_not_proven(&self, leaf: &CertificateDer<'_>) -> RefusedClient {
        self.judge.refused(Refusal::BadSignature, std::slice::from_ref(leaf))
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

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
        let digest = ChainDigest::of(&chain);
        match self.judge.judge_or_recall(&digest, &chain, now) {
            Ok((verdict, remembered)) => {
                findings::judged(Ok(Accepted { digest, verdict, remembered }));
                Ok(ClientCertVerified::assertion())
            }
            Err(refusal) => {
                findings::judged(Err(self.judge.refused(refusal, &chain)));
                Err(refusal.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, self.judge.algorithms())
            .inspect_err(|_| findings::judged(Err(self.possession_not_proven(certificate))))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, self.judge.algorithms())
            .inspect_err(|_| findings::judged(Err(self.possession_not_proven(certificate))))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms().supported_schemes()
    }
}
