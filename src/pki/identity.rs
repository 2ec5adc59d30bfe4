//! Who a certificate says that its holder is.

use std::fmt;

use rustls_pki_types::UnixTime;

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
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
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
