//! The endorsed chain: the server CA chain that Thales was given and pins (O8, O10).

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

use super::facts::CertificateFacts;
use super::pem::located_certificates;
use super::server_credential::ServerCredential;
use super::signature::{Issuance, signed_with};
use super::trust_anchors::Place;

mod problem;

pub use problem::{EndorsedChainError, EndorsedChainWarning, EndorsementProblem};

/// The CA certificates that Thales was given; at least one.
///
/// What counts as a CA is its name and its key, so one that was certified anew under both is still endorsed. Where the file
/// holds a CA certificate that is not self-signed, Thales may pin just that one, and so the server's certificate has to be
/// issued by a CA of the file itself. Where it holds self-signed roots alone, every path to one of these counts, over whatever
/// intermediate CAs the server presents.
#[derive(Clone, Debug)]
pub struct EndorsedChain {
    authorities: Vec<EndorsedAuthority>,
    warnings: Vec<EndorsedChainWarning>,
}

/// One endorsed CA certificate.
#[derive(Clone, Debug)]
pub struct EndorsedAuthority {
    /// Where it stands in the file.
    pub place: Place,
    /// What it says: subject, SHA-256, notAfter among it.
    pub facts: CertificateFacts,
    /// Signed by its own key.
    pub self_signed: bool,
    webpki: TrustAnchor<'static>,
}

impl EndorsedChain {
    /// Reads what Thales was given (PEM) as it stands at `now`. An end-entity certificate beside CA certificates is left out
    /// with a warning.
    ///
    /// # Errors
    /// [`EndorsedChainError`]: not PEM, a certificate that can't be read or used, or no CA certificate at all.
    pub fn from_pem(pem: &[u8], now: UnixTime) -> Result<Self, EndorsedChainError> {
        let mut authorities: Vec<EndorsedAuthority> = Vec::new();
        let mut warnings = Vec::new();
        for (index, (line, der)) in located_certificates(pem)?.into_iter().enumerate() {
            let mut place = Place { number: index + 1, line, subject: String::new() };
            let facts = CertificateFacts::from_der(&der)
                .map_err(|error| EndorsedChainError::Unreadable { place: place.clone(), error })?;
            place.subject.clone_from(&facts.subject);
            if !facts.is_ca {
                warnings.push(EndorsedChainWarning::EndEntity { place });
            } else if let Some(same) = authorities.iter().find(|authority| authority.facts.sha256 == facts.sha256) {
                warnings.push(EndorsedChainWarning::Duplicate { place, first: same.place.number });
            } else {
                if !facts.is_valid_at(now) {
                    warnings.push(EndorsedChainWarning::NotValid {
                        place: place.clone(),
                        not_before: facts.not_before,
                        not_after: facts.not_after,
                    });
                }
                authorities.push(EndorsedAuthority::new(place, facts, &der)?);
            }
        }
        if authorities.is_empty() {
            return Err(EndorsedChainError::NoAuthority);
        }
        Ok(Self { authorities, warnings })
    }

    /// The endorsed CA certificates, in the order of the file.
    #[must_use]
    pub fn authorities(&self) -> &[EndorsedAuthority] {
        &self.authorities
    }

    /// What an operator should know.
    #[must_use]
    pub fn warnings(&self) -> &[EndorsedChainWarning] {
        &self.warnings
    }

    /// Whether a caller that pins this chain accepts `credential` at `now`; see the type for what counts.
    ///
    /// # Errors
    /// [`EndorsementProblem`] when no path leads from the server's certificate to an endorsed CA.
    pub fn endorses(&self, credential: &ServerCredential, now: UnixTime) -> Result<(), EndorsementProblem> {
        let refused = |reason| {
            let leaf = credential.facts().first();
            let told = |name: fn(&CertificateFacts) -> &String| leaf.map(name).cloned().unwrap_or_default();
            let subjects = self.authorities.iter().map(|authority| authority.facts.subject.clone()).collect();
            EndorsementProblem {
                subject: told(|facts| &facts.subject),
                issuer: told(|facts| &facts.issuer),
                endorsed: subjects,
                reason: Box::new(reason),
            }
        };
        let Some((leaf, presented)) = credential.chain().split_first() else {
            return Err(refused(webpki::Error::UnknownIssuer));
        };
        let anchors: Vec<TrustAnchor<'_>> = self.authorities.iter().map(|authority| authority.webpki.clone()).collect();
        let roots_alone = self.authorities.iter().all(|authority| authority.self_signed);
        let intermediates = if roots_alone { presented } else { &[] };
        EndEntityCert::try_from(leaf)
            .and_then(|leaf| {
                let usage = KeyUsage::server_auth();
                leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, intermediates, now, usage, None, None)
                    .map(|_| ())
            })
            .map_err(refused)
    }
}

impl EndorsedAuthority {
    fn new(place: Place, facts: CertificateFacts, der: &CertificateDer<'_>) -> Result<Self, EndorsedChainError> {
        let webpki = match webpki::anchor_from_trusted_cert(der) {
            Ok(anchor) => anchor.to_owned(),
            Err(error) => return Err(EndorsedChainError::Unusable { place, error }),
        };
        // As far as can be told: an old root's SHA-1 signature verifies no more.
        let self_signed = facts.self_issued && signed_with(der, &facts.public_key_der) != Issuance::BadSignature;
        Ok(Self { place, facts, self_signed, webpki })
    }
}

#[cfg(test)]
mod tests;
