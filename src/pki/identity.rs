//! Who a certificate says that its holder is.

use std::fmt;

use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::distinguished_name::rfc4514;
use super::facts::{FactsError, serial, subject_alt_names, unix_time};

/// RFC 5280 section 4.1.2.2: a serial number has at most 20 octets; one more holds a sign.
const LONGEST_SERIAL: usize = 21;

/// A SHA-256 digest of a DER encoding; prints as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The digest of `der`.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }

    /// The 32 bytes of the digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In one piece: it stands in the log line of every request.
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
        }
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

/// A hexadecimal digit.
const fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The identity in an end-entity certificate, in forms that are safe to print and to put into an HTTP header:
/// distinguished names follow RFC 4514 and are pure printable ASCII (everything else is hex-escaped).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Subject distinguished name, RFC 4514.
    pub subject: String,
    /// Issuer distinguished name, RFC 4514.
    pub issuer: String,
    /// Serial number, lower-case hexadecimal, no leading zero bytes, no colons.
    pub serial: String,
    /// Subject alternative names as `DNS:...`, `URI:...`, `IP:...`, `email:...`, printable ASCII.
    pub subject_alt_names: Vec<String>,
    /// SHA-256 over the certificate's DER.
    pub sha256: Fingerprint,
    /// Start of validity.
    pub not_before: UnixTime,
    /// End of validity.
    pub not_after: UnixTime,
}

/// The certificate can't tell who its holder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The certificate can't be read.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The serial number is longer than RFC 5280 allows.
    #[error("a serial number longer than 20 octets")]
    LongSerial,
}

impl ClientIdentity {
    /// Reads the identity from an end-entity certificate. Whether to believe it is for a verifier to say.
    ///
    /// # Errors
    /// [`IdentityError`] when the bytes are not exactly one X.509 certificate, its subjectAltName extension is malformed,
    /// or its serial number has more than 20 octets.
    pub fn from_der(certificate: &CertificateDer<'_>) -> Result<Self, IdentityError> {
        let Ok(([], parsed)) = X509Certificate::from_der(certificate) else { return Err(FactsError::Malformed.into()) };
        if parsed.raw_serial().len() > LONGEST_SERIAL {
            return Err(IdentityError::LongSerial);
        }
        Ok(Self {
            subject: rfc4514(parsed.subject().as_raw()),
            issuer: rfc4514(parsed.issuer().as_raw()),
            serial: serial(parsed.raw_serial()),
            subject_alt_names: subject_alt_names(&parsed)?,
            sha256: Fingerprint::of(certificate),
            not_before: unix_time(parsed.validity().not_before),
            not_after: unix_time(parsed.validity().not_after),
        })
    }
}
