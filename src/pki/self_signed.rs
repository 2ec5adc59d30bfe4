//! Self-signed certificates of clients (RFC 5280), for a service that knows its clients by their certificates.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rand;
use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use time::macros::format_description;
use x509_parser::asn1_rs::{Any, FromDer as _};

use super::key_pair::{KeyPair, KeyPairError};
use super::subject::Subject;
use super::{der, pem};

/// A self-signed end-entity certificate for TLS clients: version 3, CA:FALSE, digitalSignature, clientAuth, signed with SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfSigned {
    der: CertificateDer<'static>,
}

/// From when until when a certificate is valid; both ends belong to it, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first second.
    pub not_before: UnixTime,
    /// Its last second.
    pub not_after: UnixTime,
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
        /// `[0] EXPLICIT INTEGER`: 2 stands for version 3.
        const VERSION_3: [u8; 5] = [0xa0, 3, 2, 1, 2];
        const EXPLICIT_3: u8 = 0xa3;
        if validity.not_after < validity.not_before {
            return Err(SelfSignedError::Validity);
        }
        let (from, until) = (written(validity.not_before)?, written(validity.not_after)?);
        let to_be_signed = der::sequence(&[
            &VERSION_3,
            &serial_number()?,
            key.signature_algorithm_der(),
            subject.der(),
            &der::sequence(&[&from, &until]),
            subject.der(),
            key.public_key_der(),
            &der::element(EXPLICIT_3, &extensions(key)),
        ]);
        let signature = der::bit_string(&key.sign(&to_be_signed)?);
        Ok(Self { der: der::sequence(&[&to_be_signed, key.signature_algorithm_der(), &signature]).into() })
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
fn serial_number() -> Result<Vec<u8>, KeyPairError> {
    let mut octets = [0; 20];
    rand::fill(&mut octets).map_err(|_| KeyPairError::NoRandomness)?;
    if let Some(first) = octets.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    Ok(der::unsigned(&octets))
}

/// `UTCTime` through 2049, `GeneralizedTime` from then on (RFC 5280 section 4.1.2.5).
fn written(time: UnixTime) -> Result<Vec<u8>, SelfSignedError> {
    let seconds = i64::try_from(time.as_secs()).map_err(|_| SelfSignedError::Validity)?;
    let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| SelfSignedError::Validity)?;
    let (tag, text) = if time.year() < 2050 {
        (0x17, time.format(format_description!("[year repr:last_two][month][day][hour][minute][second]Z")))
    } else {
        (0x18, time.format(format_description!("[year][month][day][hour][minute][second]Z")))
    };
    Ok(der::element(tag, text.map_err(|_| SelfSignedError::Validity)?.as_bytes()))
}

fn extensions(key: &KeyPair) -> Vec<u8> {
    /// TRUE, for `critical`.
    const CRITICAL: &[u8] = &[1, 1, 0xff];
    const NOT_CRITICAL: &[u8] = &[];
    let extension = |arc: u8, critical: &[u8], value: &[u8]| {
        der::sequence(&[&der::object_identifier(&[0x55, 0x1d, arc]), critical, &der::octet_string(value)])
    };
    // cA is FALSE by default, and DER leaves defaults out.
    let no_ca = der::sequence(&[]);
    // The first bit alone; seven bits of the octet are unused.
    let digital_signature = [3, 2, 7, 0x80];
    // id-kp-clientAuth, 1.3.6.1.5.5.7.3.2.
    let client_auth = der::sequence(&[&der::object_identifier(&[0x2b, 6, 1, 5, 5, 7, 3, 2])]);
    let key_identifier = der::octet_string(&key_identifier(key));
    der::sequence(&[
        &extension(19, CRITICAL, &no_ca),
        &extension(15, CRITICAL, &digital_signature),
        &extension(37, NOT_CRITICAL, &client_auth),
        &extension(14, NOT_CRITICAL, &key_identifier),
    ])
}

/// SHA-1 over the bits of the public key (RFC 5280 section 4.2.1.2, the first method): a name for the key, nothing that
/// security rests on, and what OpenSSL writes.
fn key_identifier(key: &KeyPair) -> Vec<u8> {
    let bits = || {
        let (_, information) = Any::from_der(key.public_key_der()).ok()?;
        let (bits, _) = Any::from_der(information.data).ok()?;
        // The first octet counts the unused bits.
        Some(Any::from_der(bits).ok()?.1.data.get(1..)?.to_vec())
    };
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &bits().unwrap_or_default()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
