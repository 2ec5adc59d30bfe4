//! The server's chain, verified in full once and remembered.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// A server has few chains; those behind one name, and the new one after a rotation.
const REMEMBERED: usize = 8;

/// Takes a chain without another look when the very same bytes have been accepted before. Refusals are not remembered, and possession of
/// the key is proven in each full handshake.
#[derive(Debug)]
pub(super) struct Remembering {
    inner: Arc<dyn ServerCertVerifier>,
    accepted: Mutex<Vec<Accepted>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Accepted {
    /// Leaf first.
    chain: Vec<CertificateDer<'static>>,
    name: ServerName<'static>,
    ocsp_response: Vec<u8>,
}

impl Remembering {
    pub(super) fn new(inner: Arc<dyn ServerCertVerifier>) -> Self {
        Self { inner, accepted: Mutex::default() }
    }
}

impl Accepted {
    fn is(&self, leaf: &CertificateDer<'_>, above: &[CertificateDer<'_>], name: &ServerName<'_>, ocsp: &[u8]) -> bool {
        self.chain.split_first().is_some_and(|(own_leaf, own_above)| own_leaf == leaf && own_above == above)
            && self.name == *name
            && self.ocsp_response == ocsp
    }
}

impl ServerCertVerifier for Remembering {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        if accepted.iter().any(|one| one.is(end_entity, intermediates, server_name, ocsp_response)) {
            return Ok(ServerCertVerified::assertion());
        }
        let verified = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        if accepted.len() == REMEMBERED {
            accepted.remove(0);
        }
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.clone().into_owned()).collect();
        let (name, ocsp_response) = (server_name.to_owned(), ocsp_response.to_vec());
        accepted.push(Accepted { chain, name, ocsp_response });
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Takes every chain but one, and counts.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl ServerCertVerifier for Counting {
        fn verify_server_cert(
            &self,
            end_entity: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if end_entity.as_ref() == b"bad" {
                return Err(Error::General("bad".to_owned()));
            }
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("not proven".to_owned()))
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("not proven".to_owned()))
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            Vec::new()
        }
    }

    #[test]
    fn an_identical_chain_is_verified_once_and_any_other_again() {
        let counting = Arc::new(Counting::default());
        let verifier = Remembering::new(Arc::clone(&counting) as Arc<dyn ServerCertVerifier>);
        let verify = |chain: &[&'static str], name: &'static str| {
            let chain: Vec<_> = chain.iter().map(|text| CertificateDer::from(text.as_bytes())).collect();
            let (leaf, above) = chain.split_first().unwrap();
            let name = ServerName::try_from(name).unwrap();
            let result = verifier.verify_server_cert(leaf, above, &name, &[], crate::tls::now());
            (result.is_ok(), counting.0.load(Ordering::Relaxed))
        };
        assert_eq!(verify(&["leaf", "ca"], "a.test"), (true, 1));
        assert_eq!(verify(&["leaf", "ca"], "a.test"), (true, 1), "remembered");
        assert_eq!(verify(&["leaf", "other"], "a.test"), (true, 2));
        assert_eq!(verify(&["leaf"], "a.test"), (true, 3));
        assert_eq!(verify(&["leaf", "ca"], "b.test"), (true, 4));
        assert_eq!(verify(&["bad"], "a.test"), (false, 5));
        assert_eq!(verify(&["bad"], "a.test"), (false, 6), "a refusal is not remembered");
        assert_eq!(verify(&["leaf", "ca"], "a.test"), (true, 6), "and drives nothing out");
    }

    #[test]
    fn only_so_many_chains_are_remembered() {
        let counting = Arc::new(Counting::default());
        let verifier = Remembering::new(Arc::clone(&counting) as Arc<dyn ServerCertVerifier>);
        let name = ServerName::try_from("a.test").unwrap();
        for number in 0..100_u8 {
            let leaf = CertificateDer::from(vec![number]);
            verifier.verify_server_cert(&leaf, &[], &name, &[], crate::tls::now()).unwrap();
        }
        assert_eq!(verifier.accepted.lock().unwrap().len(), REMEMBERED);
    }
}
