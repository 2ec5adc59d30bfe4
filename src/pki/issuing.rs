//! What a customer's own CA issues: the certificate of Thales' client, where Thales generates the key pair and the customer signs its
//! request (O7).

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

use super::der;
use super::distinguished_name::is_same_name;
use super::facts::PublicKey;

mod authority;
mod problem;
mod request;
mod serial;

pub(crate) use authority::key_identifier;
pub use authority::{Issues, IssuingAuthority};
pub use problem::{AuthorityError, IssuingError, RequestError};
pub use request::CertificateRequest;
pub use serial::{SerialNumber, SerialNumberError};

/// A certificate is valid from so long before it is made, for machines whose clock is behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The numbers of extensions below id-ce, 2.5.29 (RFC 5280 section 4.2.1).
mod extensions {
    pub(super) const SUBJECT_KEY_IDENTIFIER: u8 = 14;
    pub(super) const KEY_USAGE: u8 = 15;
    pub(super) const BASIC_CONSTRAINTS: u8 = 19;
    pub(super) const AUTHORITY_KEY_IDENTIFIER: u8 = 35;
    pub(super) const EXTENDED_KEY_USAGE: u8 = 37;
}

/// keyUsage with digitalSignature alone: the first bit, and seven that are unused (RFC 5280 section 4.2.1.3).
const DIGITAL_SIGNATURE: [u8; 4] = [der::BIT_STRING, 2, 7, 0x80];
/// id-kp-clientAuth, 1.3.6.1.5.5.7.3.2 (RFC 5280 section 4.2.1.12).
const CLIENT_AUTH: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 3, 2];
/// Version 3 in its explicit tag.
const VERSION_3: [u8; 5] = [0xa0, 3, der::INTEGER, 1, 2];

/// When a certificate is valid, both seconds included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: UnixTime,
    /// The last second.
    pub not_after: UnixTime,
}

impl Validity {
    /// `days` from `now` on, begun five minutes earlier; never outside of the authority's own.
    #[must_use]
    pub fn within(authority: &IssuingAuthority, days: u32, now: UnixTime) -> Self {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let begin = at(now.as_secs().saturating_sub(BACKDATED.as_secs()));
        let end = at(now.as_secs().saturating_add(DAY.as_secs().saturating_mul(u64::from(days))));
        let facts = authority.facts();
        Self { not_before: begin.max(facts.not_before), not_after: end.min(facts.not_after) }
    }
}

impl IssuingAuthority {
    /// A certificate for a TLS client with the request's subject, octet by octet, and its key: version 3, CA:FALSE and digitalSignature
    /// (both critical), clientAuth, the identifiers of both keys, and nothing that the request asks for beyond.
    ///
    /// What comes out was verified as a server does that trusts this CA.
    ///
    /// # Errors
    /// [`IssuingError`]: a request that is the CA's own, a CA whose constraints rule the certificate out, or no randomness.
    pub fn issue_client(
        &self,
        request: &CertificateRequest,
        validity: Validity,
        serial: &SerialNumber,
    ) -> Result<CertificateDer<'static>, IssuingError> {
        let has_own_name = is_same_name(request.subject_der(), &self.facts().subject_der);
        if has_own_name || request.public_key_der() == self.facts().public_key_der {
            return Err(IssuingError::OwnRequest { subject: request.subject().to_owned() });
        }
        let validity_der = [validity.not_before, validity.not_after].map(der::time);
        let [Some(not_before), Some(not_after)] = validity_der else { return Err(IssuingError::Time) };
        let extensions = [
            der::extension(extensions::BASIC_CONSTRAINTS, true, &der::element(der::SEQUENCE, &[])),
            der::extension(extensions::KEY_USAGE, true, &DIGITAL_SIGNATURE),
            der::extension(
                extensions::EXTENDED_KEY_USAGE,
                false,
                &der::element(der::SEQUENCE, &der::element(der::OID, &CLIENT_AUTH)),
            ),
            der::extension(
                extensions::SUBJECT_KEY_IDENTIFIER,
                false,
                &der::element(der::OCTET_STRING, &key_identifier(request.public_key_der())),
            ),
            self.key_identifier_extension(),
        ];
        let to_be_signed = der::constructed(
            der::SEQUENCE,
            &[
                &VERSION_3,
                &serial.der(),
                self.signer().algorithm(),
                &self.facts().subject_der,
                &der::constructed(der::SEQUENCE, &[&not_before, &not_after]),
                request.subject_der(),
                request.public_key_der(),
                &der::element(0xa3, &der::element(der::SEQUENCE, &extensions.concat())),
            ],
        );
        let certificate = self.signer().signed(&to_be_signed).ok_or(IssuingError::Signing)?;
        let certificate = CertificateDer::from(certificate);
        self.admits(&certificate, validity.not_before)?;
        Ok(certificate)
    }

    /// authorityKeyIdentifier (RFC 5280 section 4.2.1.1), with the identifier that the CA's certificate has.
    pub(crate) fn key_identifier_extension(&self) -> Vec<u8> {
        let identifier = der::element(0x80, self.key_identifier());
        der::extension(extensions::AUTHORITY_KEY_IDENTIFIER, false, &der::element(der::SEQUENCE, &identifier))
    }

    /// Whether a server that trusts this CA takes `certificate` for a client's.
    fn admits(&self, certificate: &CertificateDer<'_>, at: UnixTime) -> Result<(), IssuingError> {
        let anchor = webpki::anchor_from_trusted_cert(self.der()).map_err(IssuingError::NotAdmitted)?;
        let end_entity = EndEntityCert::try_from(certificate).map_err(IssuingError::NotAdmitted)?;
        let (anchors, usage) = ([anchor], KeyUsage::client_auth());
        let verified =
            end_entity.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &[], at, usage, None, None).map(|_| ());
        verified.map_err(IssuingError::NotAdmitted)
    }
}

/// Whether a client may have such a key: RSA with 2048 to 8192 bits, EC on P-256 or P-384.
fn is_fit_for_clients(key: &PublicKey) -> bool {
    matches!(key, PublicKey::Rsa { bits: 2048..=8192 } | PublicKey::P256 | PublicKey::P384)
}

#[cfg(test)]
mod tests;
