//! What a customer's own CA issues: the certificate of Thales' client, where Thales generates the key pair and the customer signs its
//! request (O7).

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

use super::client_certificate::ClientCertificate;
use super::distinguished_name::is_same_name;
use super::facts::PublicKey;
use super::key_identifier;

mod authority;
mod problem;
mod request;
mod serial;

pub use authority::{Issues, IssuingAuthority};
pub use problem::{AuthorityError, IssuingError, RequestError};
pub use request::CertificateRequest;
pub use serial::{SerialNumber, SerialNumberError};

pub use super::validity::Validity;

/// A certificate is valid from so long before it is made, for machines whose clock is behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
        let unsigned = ClientCertificate {
            serial,
            issuer: &self.facts().subject_der,
            validity,
            subject: request.subject_der(),
            public_key: request.public_key_der(),
            subject_key: &key_identifier::sha256(request.public_key_der()),
            authority_key: Some(self.key_identifier()),
        };
        let to_be_signed = unsigned.to_be_signed(self.signer().algorithm()).ok_or(IssuingError::Time)?;
        let certificate = self.signer().signed(&to_be_signed).ok_or(IssuingError::Signing)?;
        let certificate = CertificateDer::from(certificate);
        self.admits(&certificate, validity.not_before)?;
        Ok(certificate)
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
