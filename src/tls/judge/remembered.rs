//! What a judge remembers: acceptances of byte-identical chains.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::Verdict;

/// Acceptances that are remembered per epoch. Thales has few leaves; a caller that varies its chain only displaces others.
pub(super) const MAX_REMEMBERED: usize = 1024;

/// The largest chain that is remembered, in bytes; an honest one has two to four kilobytes.
pub(super) const MAX_REMEMBERED_CHAIN: usize = 16 * 1024;

/// SHA-256 over a whole presented chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChainDigest([u8; 32]);

impl ChainDigest {
    /// The digest of `chain` (DER, leaf first). Each certificate is led by its length, so that no two chains share an encoding.
    #[must_use]
    pub fn of(chain: &[CertificateDer<'_>]) -> Self {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for certificate in chain {
            context.update(&(certificate.len() as u64).to_be_bytes());
            context.update(certificate);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    /// The 32 bytes of the digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The acceptances of an epoch, oldest first out.
#[derive(Default)]
pub(super) struct Remembered {
    verdicts: HashMap<ChainDigest, Arc<Verdict>>,
    order: VecDeque<ChainDigest>,
}

impl Remembered {
    /// The verdict on this very chain, if it holds at `now`: the clock may also have been set back since.
    pub(super) fn recall(&self, digest: &ChainDigest, now: UnixTime) -> Option<Arc<Verdict>> {
        self.verdicts.get(digest).filter(|verdict| verdict.holds_at(now)).cloned()
    }

    pub(super) fn remember(&mut self, digest: ChainDigest, verdict: Arc<Verdict>) {
        if self.verdicts.insert(digest, verdict).is_none() {
            self.order.push_back(digest);
        }
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.verdicts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::ClientIdentity;
    use crate::pki::minting::{Minted, client, now};

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let identity = Arc::new(ClientIdentity::from_der(&Minted::self_signed(client("leaf")).der).unwrap());
        let verdict = Arc::new(Verdict { identity, chain: Arc::default(), not_before: now(), deadline: now() });
        let mut remembered = Remembered::default();
        let digest = |number: usize| ChainDigest::of(&[CertificateDer::from(number.to_be_bytes().to_vec())]);
        for number in 0..=MAX_REMEMBERED {
            remembered.remember(digest(number), Arc::clone(&verdict));
        }
        assert_eq!((remembered.verdicts.len(), remembered.order.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
        assert!(remembered.recall(&digest(0), now()).is_none());
        assert!(remembered.recall(&digest(1), now()).is_some());
        remembered.remember(digest(1), verdict);
        assert_eq!(remembered.order.len(), MAX_REMEMBERED, "a chain that is known takes no second place");
    }

    #[test]
    fn chains_that_join_to_the_same_bytes_have_different_digests() {
        let chain = |parts: &[&[u8]]| {
            ChainDigest::of(&parts.iter().map(|part| CertificateDer::from(*part)).collect::<Vec<_>>())
        };
        assert_ne!(chain(&[b"ab", b"c"]), chain(&[b"a", b"bc"]));
        assert_ne!(chain(&[b"abc"]), chain(&[b"abc", b""]));
        assert_eq!(chain(&[b"ab", b"c"]), chain(&[b"ab", b"c"]), "control");
    }
}
