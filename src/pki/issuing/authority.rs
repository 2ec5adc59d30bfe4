//! A CA that signs: its certificate, its private key, and what is above it.

use std::fmt;

use rustls_pki_types::{CertificateDer, UnixTime};
use zeroize::Zeroize as _;

use super::problem::AuthorityError;
use crate::pki::pem::{located_certificates, private_key};
use crate::pki::public_roots::public_roots_of;
use crate::pki::signature::{Issuance, issuance};
use crate::pki::signing::DocumentSigner;
use crate::pki::trust_anchors::Place;
use crate::pki::{CertificateFacts, key_identifier};

/// What a CA is to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issues {
    /// Certificates of clients.
    ClientCertificates,
    /// Revocation lists.
    RevocationLists,
}

/// A CA that may sign at the time when it was read.
#[derive(Clone)]
pub struct IssuingAuthority {
    certificate: Located,
    key_identifier: Vec<u8>,
    signer: DocumentSigner,
    intermediates: Vec<CertificateDer<'static>>,
    alone: bool,
}

#[derive(Clone)]
struct Located {
    place: Place,
    der: CertificateDer<'static>,
    facts: CertificateFacts,
}

impl fmt::Debug for IssuingAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuingAuthority").field("facts", &self.certificate.facts).finish_non_exhaustive()
    }
}

impl IssuingAuthority {
    /// Reads the CA's certificate (PEM), perhaps among those above it, and its private key (PEM), as they stand at `now`. The CA is the
    /// certificate that the key belongs to; of several the one that lives longest.
    ///
    /// # Errors
    /// [`AuthorityError`]: files that can't be read, a key of none of the certificates, or a certificate that may not sign what it is to
    /// sign, has expired, or belongs to the public web.
    pub fn from_pem(certificates: &[u8], key: &[u8], issues: Issues, now: UnixTime) -> Result<Self, AuthorityError> {
        let mut key = private_key(key).map_err(AuthorityError::Key)?;
        let signer = DocumentSigner::new(&key);
        key.zeroize();
        let signer = signer.ok_or(AuthorityError::KeyUnreadable)?;
        let located = located(certificates)?;
        let with_key = located.iter().filter(|one| signer.is_key_of(&one.facts.public_key_der));
        let Some(certificate) = with_key.max_by_key(|one| one.facts.not_after) else {
            return Err(AuthorityError::KeyMismatch(located.into_iter().map(|one| one.place).collect()));
        };
        check(certificate, issues, now)?;
        not_public(certificate, &located)?;
        Ok(Self {
            key_identifier: key_identifier::in_certificate(&certificate.der)
                .unwrap_or_else(|| key_identifier::sha256(&certificate.facts.public_key_der)),
            intermediates: intermediates(certificate, &located),
            alone: located.len() == 1,
            certificate: certificate.clone(),
            signer,
        })
    }

    /// What the CA's certificate says.
    #[must_use]
    pub fn facts(&self) -> &CertificateFacts {
        &self.certificate.facts
    }

    /// Where it stands in its file.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.certificate.place
    }

    /// The CA's certificate.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.certificate.der
    }

    /// Whether no other certificate is in the file.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        self.alone
    }

    /// What a client presents above its own certificate: the CA and those above it that the file holds, without the root.
    #[must_use]
    pub fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    pub(crate) fn signer(&self) -> &DocumentSigner {
        &self.signer
    }

    /// The identifier of its key, which what it signs repeats.
    pub(crate) fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
    }
}

fn located(pem: &[u8]) -> Result<Vec<Located>, AuthorityError> {
    let mut found: Vec<Located> = Vec::new();
    for (index, (line, der)) in located_certificates(pem).map_err(AuthorityError::Certificates)?.into_iter().enumerate()
    {
        let mut place = Place { number: index + 1, line, subject: String::new() };
        let facts = CertificateFacts::from_der(&der)
            .map_err(|error| AuthorityError::Unreadable { place: place.clone(), error })?;
        place.subject.clone_from(&facts.subject);
        found.push(Located { place, der, facts });
    }
    Ok(found)
}

fn check(certificate: &Located, issues: Issues, now: UnixTime) -> Result<(), AuthorityError> {
    let Located { place, facts, .. } = certificate;
    let place = || place.clone();
    if facts.version < 3 {
        return Err(AuthorityError::OldVersion(place()));
    }
    if !facts.is_ca {
        return Err(AuthorityError::EndEntity(place()));
    }
    if let Some(usage) = facts.key_usage {
        // Who may not sign certificates is refused as client_ca, whatever lists it may sign.
        if !usage.key_cert_sign {
            return Err(AuthorityError::MayNotSignCertificates(place()));
        }
        if issues == Issues::RevocationLists && !usage.crl_sign {
            return Err(AuthorityError::MayNotSignLists(place()));
        }
    }
    let for_clients = facts.extended_key_usage.is_none_or(|usage| usage.client_auth || usage.any);
    if issues == Issues::ClientCertificates && !for_clients {
        return Err(AuthorityError::NotForClients(place()));
    }
    if now > facts.not_after {
        return Err(AuthorityError::Expired { place: place(), not_after: facts.not_after });
    }
    if now < facts.not_before {
        return Err(AuthorityError::NotYetValid { place: place(), not_before: facts.not_before });
    }
    Ok(())
}

fn not_public(certificate: &Located, located: &[Located]) -> Result<(), AuthorityError> {
    let pairs: Vec<_> = located.iter().map(|one| (&*one.der, &one.facts)).collect();
    let roots = public_roots_of(&pairs).into_iter().zip(located);
    let mut of_it = roots.filter(|(_, one)| one.place == certificate.place);
    match of_it.next() {
        Some((Some(root), _)) => Err(AuthorityError::Public { place: certificate.place.clone(), root }),
        _ => Ok(()),
    }
}

/// The CA and what is above it, as far as the file goes, without the root.
fn intermediates(certificate: &Located, located: &[Located]) -> Vec<CertificateDer<'static>> {
    let mut path: Vec<&Located> = Vec::new();
    let mut last = Some(certificate);
    while let Some(one) = last.filter(|one| !one.facts.self_issued) {
        path.push(one);
        let is_next = |other: &&Located| {
            let is_known = path.iter().any(|known| known.place == other.place);
            !is_known && issuance(&one.der, &one.facts, &other.facts) == Issuance::Proven
        };
        last = located.iter().find(is_next);
    }
    path.into_iter().map(|one| one.der.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::minting::{Minted, ca, isrg_root_x2};

    #[test]
    fn a_ca_of_the_public_web_is_refused() {
        let all = located((isrg_root_x2().pem() + &Minted::self_signed(ca("own")).pem).as_bytes()).unwrap();
        assert!(matches!(not_public(&all[0], &all), Err(AuthorityError::Public { .. })));
        assert_eq!(not_public(&all[1], &all), Ok(()));
    }
}
