//! Self-signed certificates of clients (RFC 5280), for a service that knows its clients by their certificates.

use aws_lc_rs::rand;
use rustls_pki_types::CertificateDer;

use super::client_certificate::ClientCertificate;
use super::issuing::SerialNumber;
use super::key_pair::{KeyPair, KeyPairError};
use super::signature::signed_form;
use super::subject::Subject;
pub use super::validity::Validity;
use super::{key_identifier, pem};

/// A self-signed end-entity certificate for TLS clients: version 3, CA:FALSE, digitalSignature, clientAuth, signed with SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfSigned {
    der: CertificateDer<'static>,
}

/// Why there is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelfSignedError {
    /// The key does not sign.
    #[error(transparent)]
    Key(#[from] KeyPairError),
    /// A time beyond the year 9999, or an end before the beginning.
    #[error("a certificate can't be valid for such a time")]
    Validity,
}

impl SelfSigned {
    /// Makes a certificate with a random serial number.
    ///
    /// # Errors
    /// [`SelfSignedError`].
    pub fn new(subject: &Subject, key: &KeyPair, validity: Validity) -> Result<Self, SelfSignedError> {
        if validity.not_after < validity.not_before {
            return Err(SelfSignedError::Validity);
        }
        let certificate = ClientCertificate {
            serial: &serial_number()?,
            issuer: subject.der(),
            validity,
            subject: subject.der(),
            public_key: key.public_key_der(),
            subject_key: &key_identifier::sha1(key.public_key_der()),
            authority_key: None,
        };
        let algorithm = key.signature_algorithm_der();
        let to_be_signed = certificate.to_be_signed(algorithm).ok_or(SelfSignedError::Validity)?;
        Ok(Self { der: signed_form(&to_be_signed, algorithm, &key.sign(&to_be_signed)?).into() })
    }

    /// The DER.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encoded("CERTIFICATE", &self.der).to_string()
    }
}

/// 20 octets, the most that RFC 5280 section 4.1.2.2 allows, 158 bits of them random: positive, and never shorter.
fn serial_number() -> Result<SerialNumber, KeyPairError> {
    let mut octets = [0; 20];
    rand::fill(&mut octets).map_err(|_| KeyPairError::NoRandomness)?;
    if let Some(first) = octets.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    SerialNumber::from_content(&octets).ok_or(KeyPairError::NoRandomness)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls_pki_types::UnixTime;

    use super::*;
    use crate::pki::CertificateFacts;
    use crate::pki::key_pair::KeyKind;
    use crate::pki::signature::{Issuance, issuance};
    use crate::pki::subject::Part;

    const DAY: u64 = 24 * 60 * 60;

    fn validity(from: u64, until: u64) -> Validity {
        let time = |days| UnixTime::since_unix_epoch(Duration::from_secs(days * DAY));
        Validity { not_before: time(from), not_after: time(until) }
    }

    #[test]
    fn a_certificate_says_what_a_client_may_do_and_is_signed_with_its_key() {
        let subject = Subject::of(&[(Part::CommonName, "client")]).unwrap();
        for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
            let key = KeyPair::generate(kind).unwrap();
            // The second year lies beyond 2049, where times are written in another way.
            for (from, until) in [(20_000, 20_730), (29_200, 29_930)] {
                let certificate = SelfSigned::new(&subject, &key, validity(from, until)).unwrap();
                let facts = CertificateFacts::from_der(certificate.der()).unwrap();
                assert_eq!((facts.version, facts.is_ca, facts.self_issued), (3, false, true));
                assert_eq!((&facts.key, &*facts.public_key_der), (key.public_key(), key.public_key_der()));
                assert_eq!((facts.not_before, facts.not_after), {
                    let Validity { not_before, not_after } = validity(from, until);
                    (not_before, not_after)
                });
                let usage = facts.key_usage.unwrap();
                assert!(usage.digital_signature && !usage.key_cert_sign && !usage.crl_sign);
                let purposes = facts.extended_key_usage.unwrap();
                assert!(purposes.client_auth && !purposes.server_auth && !purposes.any);
                assert_eq!(issuance(certificate.der(), &facts, &facts), Issuance::Proven);
                let other = CertificateFacts { public_key_der: other_key(), ..facts.clone() };
                assert_eq!(issuance(certificate.der(), &facts, &other), Issuance::BadSignature, "control");
                assert_eq!(facts.serial.len(), 40, "{}", facts.serial);
            }
        }
    }

    fn other_key() -> Vec<u8> {
        KeyPair::generate(KeyKind::P256).unwrap().public_key_der().to_vec()
    }

    #[test]
    fn no_two_certificates_have_the_same_serial_number() {
        let (subject, key) = (Subject::of(&[]).unwrap(), KeyPair::generate(KeyKind::P256).unwrap());
        let serial = || {
            let certificate = SelfSigned::new(&subject, &key, validity(1, 2)).unwrap();
            CertificateFacts::from_der(certificate.der()).unwrap().serial
        };
        assert_ne!(serial(), serial());
    }

    #[test]
    fn an_impossible_time_is_refused() {
        let (subject, key) = (Subject::of(&[]).unwrap(), KeyPair::generate(KeyKind::P256).unwrap());
        for times in [validity(2, 1), validity(1, 4_000_000)] {
            assert_eq!(SelfSigned::new(&subject, &key, times), Err(SelfSignedError::Validity));
        }
        assert!(SelfSigned::new(&subject, &key, validity(1, 2_900_000)).is_ok(), "control: the year 9909");
    }
}
