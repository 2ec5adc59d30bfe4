//! Requests for certificates: PKCS#10 (RFC 2986).

use super::key_pair::{KeyPair, KeyPairError};
use super::signature::signed_form;
use super::subject::Subject;
use super::{der, pem};

/// A certificate signing request, signed with SHA-256 and without attributes: the CA says what the certificate may do.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    der: Vec<u8>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("octets", &self.der.len()).finish_non_exhaustive()
    }
}

impl Request {
    /// Asks for a certificate with this subject and key. The subject goes in octet by octet, so that a renewal has the name of
    /// the certificate before.
    ///
    /// # Errors
    /// [`KeyPairError::NoRandomness`].
    pub fn new(subject: &Subject, key: &KeyPair) -> Result<Self, KeyPairError> {
        const VERSION_1: [u8; 3] = [2, 1, 0];
        /// `[0] IMPLICIT SET OF Attribute`, which may be empty but not left out.
        const NO_ATTRIBUTES: [u8; 2] = [0xa0, 0];
        let information = der::sequence(&[&VERSION_1, subject.der(), key.public_key_der(), &NO_ATTRIBUTES]);
        Ok(Self { der: signed_form(&information, key.signature_algorithm_der(), &key.sign(&information)?) })
    }

    /// The DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The request in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encoded("CERTIFICATE REQUEST", &self.der).to_string()
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::certification_request::X509CertificationRequest;
    use x509_parser::prelude::FromDer as _;

    use super::*;
    use crate::pki::key_pair::KeyKind;
    use crate::pki::subject::Part;

    #[test]
    fn a_request_holds_subject_and_key_and_is_signed_with_it() {
        let subject = Subject::of(&[(Part::Country, "FR"), (Part::CommonName, "TLSMA-ECDSA/1/TSH/TSP.PPR")]).unwrap();
        for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
            let key = KeyPair::generate(kind).unwrap();
            let request = Request::new(&subject, &key).unwrap();
            let (rest, read) = X509CertificationRequest::from_der(request.der()).unwrap();
            assert!(rest.is_empty());
            let information = &read.certification_request_info;
            assert_eq!(information.subject.as_raw(), subject.der());
            assert_eq!(information.subject_pki.raw, key.public_key_der());
            assert_eq!((information.version.0, information.attributes().len()), (0, 0));
            // The crate verifies no ECDSA on P-384 with SHA-256; OpenSSL does, in the tests of the commands.
            if kind != KeyKind::P384 {
                read.verify_signature().unwrap();
                let mut forged = request.der().to_vec();
                let place = forged.windows(3).position(|octets| octets == b"PPR").unwrap();
                forged[place + 1] = b'R';
                let (_, forged) = X509CertificationRequest::from_der(&forged).unwrap();
                assert!(forged.verify_signature().is_err(), "control");
            }
        }
    }
}
