//! The client CA bundle: the only certificates that may vouch for a caller (requirement O5).
//!
//! webpki takes any certificate for a trust anchor and judges none of its extensions, so that is done here.

use std::fmt;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};

use super::CertificateFacts;
use super::distinguished_name::attributes;
use super::facts::PublicKey;
use super::pem::located_certificates;
use super::public_roots::public_roots_of;
use super::sample::SAMPLE_ORGANIZATION;

mod problem;

pub(crate) use problem::joined;
pub use problem::{AnchorProblem, AnchorRefusal, AnchorWarning, TrustAnchorsError};

/// RSA below this many bits is refused.
const MIN_RSA_BITS: usize = 2048;
/// webpki verifies no signature of a longer RSA key.
const MAX_RSA_BITS: usize = 8192;

/// The checked trust anchors of an environment; at least one was valid when they were checked.
#[derive(Clone, Debug)]
pub struct TrustAnchors {
    anchors: Vec<Anchor>,
    warnings: Vec<AnchorWarning>,
}

/// What may be admitted into a bundle beyond the rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnchorRules {
    /// Take an anchor that is, or chains to, a root of the public web. It admits whoever such a root vouches for.
    pub allow_public_client_ca: bool,
    /// Take the CAs of the sample PKI, whose keys are public.
    pub allow_sample_certificates: bool,
}

/// One trust anchor.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// Where it stands in the bundle.
    pub place: Place,
    /// What its certificate says; `subject_der` is its CA hint. Validity is to be asked again whenever it is relied on.
    pub facts: CertificateFacts,
    der: CertificateDer<'static>,
    webpki: TrustAnchor<'static>,
}

impl Anchor {
    /// The certificate.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The anchor in the form that webpki builds paths to.
    #[must_use]
    pub fn webpki(&self) -> &TrustAnchor<'static> {
        &self.webpki
    }
}

/// Where a certificate stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which certificate of the file, counted from 1.
    pub number: usize,
    /// The line of its BEGIN, counted from 1.
    pub line: usize,
    /// Its subject, RFC 4514; empty where it can't be read.
    pub subject: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = if self.subject.is_empty() { "no subject" } else { &self.subject };
        write!(f, "certificate {} (line {}, {subject})", self.number, self.line)
    }
}

impl TrustAnchors {
    /// Checks a bundle as it stands at `now`.
    ///
    /// An expired anchor is left out with a warning, as is a repeated one. One that is not valid yet stays in, with a warning:
    /// whoever relies on an anchor asks for its validity at that moment, so it begins to count without another load. Where
    /// two anchors share name and key (a renewed CA certificate), the one that lives longer comes first.
    ///
    /// # Errors
    /// [`TrustAnchorsError`]: not PEM, or any certificate that can't be an anchor (all are reported), or none that is
    /// valid at `now`.
    pub fn from_pem(pem: &[u8], rules: &AnchorRules, now: UnixTime) -> Result<Self, TrustAnchorsError> {
        let mut problems = Vec::new();
        let mut candidates = Vec::new();
        for (index, (line, der)) in located_certificates(pem)?.into_iter().enumerate() {
            let number = index + 1;
            match CertificateFacts::from_der(&der) {
                Ok(facts) => candidates.push(Candidate { number, line, der, facts }),
                Err(error) => {
                    let place = Place { number, line, subject: String::new() };
                    problems.push(AnchorProblem { place, reason: AnchorRefusal::Unreadable(error) });
                }
            }
        }
        let pairs: Vec<_> = candidates.iter().map(|candidate| (&*candidate.der, &candidate.facts)).collect();
        let roots = public_roots_of(&pairs);

        let mut anchors: Vec<Anchor> = Vec::new();
        let mut warnings = Vec::new();
        let mut seen = std::collections::HashMap::new();
        for (candidate, root) in candidates.into_iter().zip(roots) {
            if let Some(&first) = seen.get(&candidate.facts.sha256) {
                warnings.push(AnchorWarning::Duplicate { place: candidate.place(), first });
                continue;
            }
            seen.insert(candidate.facts.sha256, candidate.number);
            match candidate.judge(root, *rules, now, &mut warnings) {
                Ok(anchor) => anchors.extend(anchor),
                Err(refusals) => {
                    let problem = |reason| AnchorProblem { place: candidate.place(), reason };
                    problems.extend(refusals.into_iter().map(problem));
                }
            }
        }
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.place.number);
            return Err(TrustAnchorsError::Refused(problems));
        }
        if !anchors.iter().any(|anchor| anchor.facts.is_valid_at(now)) {
            return Err(TrustAnchorsError::NoneValid(warnings));
        }
        anchors.sort_by_key(|anchor| std::cmp::Reverse(anchor.facts.not_after));
        Ok(Self { anchors, warnings })
    }

    /// The anchors, the one that lives longest first; at least one.
    #[must_use]
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// What an operator should know, in the order of the bundle.
    #[must_use]
    pub fn warnings(&self) -> &[AnchorWarning] {
        &self.warnings
    }
}

/// Whether the name of `facts` is one of the sample PKI's: by its organisation, in the whole and exactly.
pub(crate) fn is_sample(facts: &CertificateFacts) -> bool {
    let is_ours = |name: &[u8]| {
        attributes(name).iter().any(|attribute| attribute.kind == "O" && attribute.value == SAMPLE_ORGANIZATION)
    };
    is_ours(&facts.subject_der) || is_ours(&facts.issuer_der)
}

struct Candidate {
    number: usize,
    line: usize,
    der: CertificateDer<'static>,
    facts: CertificateFacts,
}

impl Candidate {
    fn place(&self) -> Place {
        Place { number: self.number, line: self.line, subject: self.facts.subject.clone() }
    }

    /// The anchor, or None when it is left out with a warning.
    fn judge(
        &self,
        root: Option<String>,
        rules: AnchorRules,
        now: UnixTime,
        warnings: &mut Vec<AnchorWarning>,
    ) -> Result<Option<Anchor>, Vec<AnchorRefusal>> {
        let place = self.place();
        // A mix-up is a mix-up, valid or not.
        let mut refusals = Vec::new();
        if self.facts.version >= 3 && !self.facts.is_ca {
            refusals.push(AnchorRefusal::EndEntity);
        }
        match root {
            Some(root) if rules.allow_public_client_ca => {
                warnings.push(AnchorWarning::Public { place: place.clone(), root });
            }
            Some(root) => refusals.push(AnchorRefusal::Public { root }),
            None => {}
        }
        if is_sample(&self.facts) {
            if rules.allow_sample_certificates {
                warnings.push(AnchorWarning::Sample { place: place.clone() });
            } else {
                refusals.push(AnchorRefusal::Sample);
            }
        }
        let expired = now > self.facts.not_after;
        // Whether it is fit to be an anchor does not matter where it becomes none.
        let webpki = if expired { None } else { self.fitness(&mut refusals) };
        if !refusals.is_empty() {
            return Err(refusals);
        }
        if expired {
            warnings.push(AnchorWarning::Expired { place: place.clone(), not_after: self.facts.not_after });
        } else if now < self.facts.not_before {
            warnings.push(AnchorWarning::NotYetValid { place: place.clone(), not_before: self.facts.not_before });
        }
        Ok(webpki.map(|webpki| Anchor { place, facts: self.facts.clone(), der: self.der.clone(), webpki }))
    }

    fn fitness(&self, refusals: &mut Vec<AnchorRefusal>) -> Option<TrustAnchor<'static>> {
        let facts = &self.facts;
        if facts.version < 3 {
            refusals.push(AnchorRefusal::OldVersion { version: facts.version });
        } else if facts.is_ca && facts.key_usage.is_some_and(|usage| !usage.key_cert_sign) {
            refusals.push(AnchorRefusal::MayNotSign);
        }
        let strong = match facts.key {
            PublicKey::Rsa { bits } => (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits),
            PublicKey::P256 | PublicKey::P384 | PublicKey::P521 | PublicKey::Ed25519 => true,
            PublicKey::Other { .. } => false,
        };
        if !strong {
            refusals.push(AnchorRefusal::Key(facts.key.clone()));
        }
        match webpki::anchor_from_trusted_cert(&self.der) {
            Ok(anchor) => Some(anchor.to_owned()),
            Err(error) => {
                refusals.push(AnchorRefusal::Unusable(error));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
