//! Whether a chain that was refused comes from the trust anchors all the same: that tells a caller whose certificate has a fault from a
//! stranger, who can write any name and any date into one of his own.

use rustls_pki_types::CertificateDer;

use super::{Judge, MAX_PRESENTED};
use crate::pki::signature::{Issuance, issuance};
use crate::pki::{CertificateFacts, ClientIdentity};
use crate::tls::refusal::{Refusal, RefusedClient};

/// Signatures that are verified for it. An honest chain needs one for each of its certificates, and one more where two anchors share a
/// name.
const MOST_SIGNATURES: usize = MAX_PRESENTED;

impl Judge {
    /// Who was refused, with what his chain (DER, leaf first) tells of him.
    pub(in crate::tls) fn refused(&self, refusal: Refusal, chain: &[CertificateDer<'_>]) -> RefusedClient {
        let identity = chain.first().and_then(|leaf| ClientIdentity::from_der(leaf).ok());
        let of_client_ca = !says_that_nobody_issued(refusal) && self.has_issued(chain);
        RefusedClient { refusal, identity: identity.map(std::sync::Arc::new), of_client_ca }
    }

    /// Whether signatures lead from a trust anchor to the leaf, over CAs that were presented; dates and everything else aside. Possession
    /// of the leaf's key is not proven by that.
    fn has_issued(&self, chain: &[CertificateDer<'_>]) -> bool {
        let facts = |certificate| CertificateFacts::from_der(certificate).ok();
        let Some((leaf, others)) = chain.split_first() else { return false };
        let Some(leaf_facts) = facts(leaf) else { return false };
        // A leaf that signs others vouches for nobody.
        let authorities: Vec<_> = others
            .iter()
            .take(MAX_PRESENTED)
            .filter_map(|other| facts(other).filter(|facts| facts.is_ca).map(|facts| (other, facts)))
            .collect();
        let mut left = MOST_SIGNATURES;
        let mut signed = |certificate: &CertificateDer<'_>, facts: &CertificateFacts, issuer: &CertificateFacts| {
            let named = left > 0 && facts.issuer_der == issuer.subject_der;
            left -= usize::from(named);
            named && issuance(certificate, facts, issuer) == Issuance::Proven
        };
        // From the anchors down, so that no signature is verified with a key that nothing is known of.
        let mut known: Vec<&CertificateFacts> = self.anchors.anchors().iter().map(|anchor| &anchor.facts).collect();
        let mut reached = 0;
        while let Some(issuer) = known.get(reached).copied() {
            if signed(leaf, &leaf_facts, issuer) {
                return true;
            }
            for (authority, facts) in &authorities {
                if !known.iter().any(|known| known.sha256 == facts.sha256) && signed(authority, facts, issuer) {
                    known.push(facts);
                }
            }
            reached += 1;
        }
        false
    }
}

/// Whether the refusal itself says so, or that the chain is not worth another look. What strangers cause most costs nothing more.
fn says_that_nobody_issued(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::UnknownIssuer
            | Refusal::BadSignature
            | Refusal::Malformed
            | Refusal::ChainTooLong { .. }
            | Refusal::TooExpensive
    )
}
