//! From when until when a certificate is valid.

use rustls_pki_types::UnixTime;

use super::der;

/// When a certificate is valid: both ends belong to it, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first second.
    pub not_before: UnixTime,
    /// Its last second.
    pub not_after: UnixTime,
}

impl Validity {
    /// The DER (RFC 5280 section 4.1.2.5); None where it begins or ends beyond the year 9999.
    pub(crate) fn der(self) -> Option<Vec<u8>> {
        Some(der::sequence(&[&der::time(self.not_before)?, &der::time(self.not_after)?]))
    }
}
