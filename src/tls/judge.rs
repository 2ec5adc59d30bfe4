//! The judge of presented chains: one per epoch, pure but for its memory of acceptances.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::client_subject::SubjectRules;
use super::refusal::Refusal;
use crate::pki::facts::CertificateFacts;
use crate::pki::trust_anchors::Anchor;
use crate::pki::{ClientIdentity, Revocation, TrustAnchors};

mod issued;
mod remembered;
mod trust;

pub use remembered::ChainDigest;
use remembered::{MAX_REMEMBERED_CHAIN, Remembered};
use trust::Trust;

/// Certificates that are looked at, the leaf included. Thirty cross-signed ones without any trusted key cost path building
/// over a second of CPU; up to ten cost nothing, and no honest client needs more than four.
pub const MAX_PRESENTED: usize = 8;

/// What the chain is judged by, beside the trust anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRules {
    /// Demand clientAuth in ExtendedKeyUsage; without it an absent extension is accepted.
    pub require_client_auth_eku: bool,
    /// Patterns on the subject.
    pub subject: SubjectRules,
    /// Remember acceptances of byte-identical chains; without it every judgement is a full one.
    pub remember_verdicts: bool,
}

impl Default for ClientRules {
    fn default() -> Self {
        Self { require_client_auth_eku: false, subject: SubjectRules::default(), remember_verdicts: true }
    }
}

/// An acceptance: who it is, and how long that may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who presented the chain.
    pub identity: Arc<ClientIdentity>,
    /// The chain, leaf first: one copy for all connections that present it.
    pub chain: Arc<[CertificateDer<'static>]>,
    /// The first second at which the verdict holds: the latest notBefore on the verified path, the anchor's included, and
    /// thisUpdate of the revocation lists that cover it. It never lies after the judgement.
    pub not_before: UnixTime,
    /// The last second at which the verdict holds: the earliest notAfter on the verified path, the anchor's included, and the
    /// second before nextUpdate of the revocation lists that cover it. It never lies before the judgement.
    pub deadline: UnixTime,
}

impl Verdict {
    /// Whether it may be believed at `now`.
    #[must_use]
    pub fn holds_at(&self, now: UnixTime) -> bool {
        self.not_before <= now && now <= self.deadline
    }
}

/// Judges chains against the trust anchors and revocation lists of one epoch.
pub struct Judge {
    anchors: TrustAnchors,
    revocation: Revocation,
    trusts: Vec<Trust>,
    rules: ClientRules,
    algorithms: WebPkiSupportedAlgorithms,
    remembered: Mutex<Remembered>,
}

impl Judge {
    /// A judge that has seen nothing yet.
    pub fn new(
        anchors: TrustAnchors,
        revocation: Revocation,
        rules: ClientRules,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        let trusts = Trust::of(&anchors, &revocation);
        Self { anchors, revocation, trusts, rules, algorithms, remembered: Mutex::default() }
    }

    /// The trust anchors.
    pub fn anchors(&self) -> &TrustAnchors {
        &self.anchors
    }

    /// The revocation lists, and how strictly they are consulted.
    pub fn revocation(&self) -> &Revocation {
        &self.revocation
    }

    /// The algorithms by which signatures are verified.
    pub fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.algorithms
    }

    /// Judges `chain` (DER, leaf first) at `now`. An acceptance of the byte-identical chain is remembered until its deadline.
    ///
    /// # Errors
    /// The [`Refusal`]; it is never remembered.
    pub fn judge(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Arc<Verdict>, Refusal> {
        // Before the digest: what is not looked at is not hashed either.
        if chain.len() > MAX_PRESENTED {
            return Err(Refusal::ChainTooLong { max: MAX_PRESENTED });
        }
        self.judge_digested(&ChainDigest::of(chain), chain, now)
    }

    /// As [`Judge::judge`], for whoever has the digest of `chain` already. It must be that of this very chain: what is remembered goes
    /// by it.
    ///
    /// # Errors
    /// As [`Judge::judge`].
    pub(crate) fn judge_digested(
        &self,
        digest: &ChainDigest,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Arc<Verdict>, Refusal> {
        self.judge_or_recall(digest, chain, now).map(|(verdict, _)| verdict)
    }

    /// As [`Judge::judge_digested`]; tells as well whether the verdict was remembered, so that no signature was verified.
    ///
    /// # Errors
    /// As [`Judge::judge`].
    pub(super) fn judge_or_recall(
        &self,
        digest: &ChainDigest,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(Arc<Verdict>, bool), Refusal> {
        if chain.len() > MAX_PRESENTED {
            return Err(Refusal::ChainTooLong { max: MAX_PRESENTED });
        }
        if !self.rules.remember_verdicts {
            return self.verify(chain, now).map(|verdict| (Arc::new(verdict), false));
        }
        if let Some(verdict) = self.remembered().recall(digest, now) {
            return Ok((verdict, true));
        }
        let verdict = Arc::new(self.verify(chain, now)?);
        if chain.iter().map(|certificate| certificate.len()).sum::<usize>() <= MAX_REMEMBERED_CHAIN {
            self.remembered().remember(*digest, Arc::clone(&verdict));
        }
        Ok((verdict, false))
    }

    fn verify(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Verdict, Refusal> {
        let mut refusal = Refusal::UnknownIssuer;
        for trust in &self.trusts {
            match self.verify_against(trust, chain, now) {
                Ok(verdict) => return Ok(verdict),
                // That another key's signature does not verify says less than what was found with the right one.
                Err(found) if matches!(refusal, Refusal::UnknownIssuer | Refusal::BadSignature) => refusal = found,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    fn verify_against(&self, trust: &Trust, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Verdict, Refusal> {
        let (leaf, intermediates) = chain.split_first().ok_or(Refusal::Malformed)?;
        let end_entity = EndEntityCert::try_from(leaf)?;
        // Before any signature: a revoked client that calls again and again must not cost a path, and its list's signature, each time.
        if trust.has_revoked(&end_entity)? {
            return Err(Refusal::Revoked);
        }
        let lists = trust.lists();
        let check = |path: &VerifiedPath<'_>| {
            let anchor = self.check_path(path, now)?;
            trust.check(path, anchor, now)
        };
        let path = end_entity.verify_for_usage(
            self.algorithms.all,
            &trust.anchors,
            intermediates,
            now,
            // Where the extension is present in the path, it has to allow clientAuth; whether a leaf needs it is ours to say.
            KeyUsage::client_auth(),
            trust.options(&lists),
            Some(&check),
        )?;

        let facts = CertificateFacts::from_der(leaf).map_err(|_| Refusal::Malformed)?;
        if self.rules.require_client_auth_eku && !facts.extended_key_usage.is_some_and(|usage| usage.client_auth) {
            return Err(Refusal::WrongExtendedKeyUsage);
        }
        if facts.key_usage.is_some_and(|usage| !usage.digital_signature) {
            return Err(Refusal::WrongKeyUsage);
        }
        if !self.rules.subject.admit(&facts.subject_der) {
            return Err(Refusal::SubjectNotAdmitted);
        }
        let anchor = self.anchor_of(&path, now)?;
        let mut not_before = facts.not_before.max(anchor.facts.not_before);
        let mut deadline = facts.not_after.min(anchor.facts.not_after);
        for intermediate in path.intermediate_certificates() {
            let facts = CertificateFacts::from_der(&intermediate.der()).map_err(|_| Refusal::Malformed)?;
            not_before = not_before.max(facts.not_before);
            deadline = deadline.min(facts.not_after);
        }
        for list in trust.covering(&path, now) {
            // A clock that is behind the CA's makes a list no worse.
            not_before = not_before.max(list.this_update.min(now));
            deadline = deadline.min(second_before(list.next_update));
        }
        let identity = Arc::new(ClientIdentity::from_der(leaf).map_err(|_| Refusal::Malformed)?);
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        Ok(Verdict { identity, chain, not_before, deadline })
    }

    /// What webpki leaves out and another path could satisfy: the anchor's validity and path length, and keyCertSign of each
    /// issuer (RFC 5280 section 6.1.4, steps l to n).
    fn check_path(&self, path: &VerifiedPath<'_>, now: UnixTime) -> Result<&Anchor, webpki::Error> {
        for intermediate in path.intermediate_certificates() {
            let facts = CertificateFacts::from_der(&intermediate.der()).map_err(|_| webpki::Error::BadDer)?;
            if facts.key_usage.is_some_and(|usage| !usage.key_cert_sign) {
                return Err(webpki::Error::EndEntityUsedAsCa);
            }
        }
        self.anchor_of(path, now)
    }

    /// The anchor that a path ends at and that may end it at `now`. A CA that was issued anew under the same key stands in the
    /// bundle twice; the one that lives longest counts. One with other name constraints is another: webpki held the path
    /// against those of the anchor that it names, and asks about each in turn.
    fn anchor_of(&self, path: &VerifiedPath<'_>, now: UnixTime) -> Result<&Anchor, webpki::Error> {
        let below = path.intermediate_certificates().try_fold(0u32, |below, intermediate| {
            let facts = CertificateFacts::from_der(&intermediate.der()).map_err(|_| webpki::Error::BadDer)?;
            Ok::<_, webpki::Error>(below + u32::from(!facts.self_issued))
        })?;
        let mut usable: Result<&Anchor, webpki::Error> = Err(webpki::Error::UnknownIssuer);
        for anchor in self.anchors.anchors().iter().filter(|anchor| anchor.webpki() == path.anchor()) {
            match (may_end(anchor, below, now), usable) {
                (Ok(()), Ok(longest)) if anchor.facts.not_after <= longest.facts.not_after => usable = Ok(longest),
                (Ok(()), _) => usable = Ok(anchor),
                (Err(error), Err(_)) => usable = Err(error),
                (Err(_), good) => usable = good,
            }
        }
        usable
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        // The table is valid after any panic: each change to it is one insertion or removal.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// Whether `anchor` may end a path of `below` CA certificates that are not self-issued.
fn may_end(anchor: &Anchor, below: u32, now: UnixTime) -> Result<(), webpki::Error> {
    let facts = &anchor.facts;
    if now > facts.not_after {
        return Err(webpki::Error::CertExpired { time: now, not_after: facts.not_after });
    }
    if now < facts.not_before {
        return Err(webpki::Error::CertNotValidYet { time: now, not_before: facts.not_before });
    }
    if facts.path_length.is_some_and(|most| below > most) {
        return Err(webpki::Error::PathLenConstraintViolated);
    }
    Ok(())
}

fn second_before(time: UnixTime) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(time.as_secs().saturating_sub(1)))
}

#[cfg(test)]
mod tests;
