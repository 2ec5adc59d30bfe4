//! The key under which lanes and repeats are known: digests of it stand in the store where ids of cards would otherwise stand in
//! clear. It is made once for a store, and outlives every master key, so that what was known stays known.

use std::fmt;

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use zeroize::Zeroizing;

use super::entry::EntryId;
use super::store::{DestinationKey, Digest};

/// Its length, in bytes: that of its HMAC's output (RFC 2104 section 3).
pub(super) const LENGTH: usize = 32;

/// The key under which lanes and repeats are known. Cheap to clone.
#[derive(Clone)]
pub(super) struct IndexKey(Key);

impl IndexKey {
    /// `None` when `bytes` are not as many as there have to be.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == LENGTH).then(|| Self(Key::new(HMAC_SHA256, bytes)))
    }

    /// The lane of what has these values as its ordering key.
    pub(super) fn lane(&self, of: &DestinationKey, product: &str, values: &[Vec<u8>]) -> Digest {
        let scope = [b"lane", of.environment.as_bytes(), of.destination.as_bytes(), product.as_bytes()];
        self.digest(scope.into_iter().chain(values.iter().map(Vec::as_slice)))
    }

    /// The lane of an entry that need not stay in order with any other.
    pub(super) fn lane_of_its_own(&self, id: EntryId) -> Digest {
        self.digest([b"entry".as_slice(), id.as_bytes()])
    }

    /// What makes a repeat known: the operation's key, and the body by its SHA-256.
    pub(super) fn deduplication(
        &self,
        environment: &str,
        product: &str,
        operation: &str,
        values: &[Vec<u8>],
        body_sha256: &[u8],
    ) -> Digest {
        let scope = [b"deduplication", environment.as_bytes(), product.as_bytes(), operation.as_bytes()];
        self.digest(scope.into_iter().chain(values.iter().map(Vec::as_slice)).chain([body_sha256]))
    }

    /// Each piece is led by its length, so that no two lists of pieces look alike.
    fn digest<'p>(&self, pieces: impl IntoIterator<Item = &'p [u8]>) -> Digest {
        let mut context = Context::with_key(&self.0);
        for piece in pieces {
            context.update(&(piece.len() as u64).to_be_bytes());
            context.update(piece);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

/// A new key.
pub(super) fn random() -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; LENGTH]);
    aws_lc_rs::rand::fill(&mut bytes).ok().map(|()| bytes)
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> IndexKey {
        IndexKey::new(&[byte; LENGTH]).unwrap()
    }

    fn of(environment: &str, destination: &str) -> DestinationKey {
        DestinationKey { environment: environment.into(), destination: destination.into() }
    }

    #[test]
    fn a_lane_is_that_of_all_it_is_made_of() {
        let values = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>();
        let lane = key(1).lane(&of("preprod", ""), "d1", &values(&["a", "b"]));
        assert_eq!(lane, key(1).lane(&of("preprod", ""), "d1", &values(&["a", "b"])));
        for other in [
            key(2).lane(&of("preprod", ""), "d1", &values(&["a", "b"])),
            key(1).lane(&of("production", ""), "d1", &values(&["a", "b"])),
            key(1).lane(&of("preprod", "cards"), "d1", &values(&["a", "b"])),
            key(1).lane(&of("preprod", ""), "cof", &values(&["a", "b"])),
            key(1).lane(&of("preprod", ""), "d1", &values(&["ab"])),
            key(1).lane(&of("preprod", ""), "d1", &values(&["a", "b", ""])),
            key(1).lane(&of("preprod", ""), "d1", &values(&["b", "a"])),
        ] {
            assert_ne!(lane, other);
        }
    }

    #[test]
    fn an_entry_has_a_lane_of_its_own() {
        let (one, other) = (EntryId::new(), EntryId::new());
        assert_ne!(key(1).lane_of_its_own(one), key(1).lane_of_its_own(other));
        assert_eq!(key(1).lane_of_its_own(one), key(1).lane_of_its_own(one));
    }

    #[test]
    fn neither_another_body_nor_another_operation_is_a_repeat() {
        let values = [b"op-1".to_vec()];
        let digest =
            |environment, operation, body: &[u8]| key(1).deduplication(environment, "d1", operation, &values, body);
        let first = digest("preprod", "notify", b"1");
        assert_eq!(first, digest("preprod", "notify", b"1"));
        assert_ne!(first, digest("preprod", "notify", b"2"));
        assert_ne!(first, digest("preprod", "other", b"1"));
        assert_ne!(first, digest("production", "notify", b"1"));
    }

    #[test]
    fn a_key_of_another_length_is_none_and_debug_tells_nothing() {
        assert!(IndexKey::new(&[1; LENGTH - 1]).is_none() && IndexKey::new(&[1; LENGTH + 1]).is_none());
        assert_eq!(format!("{:?}", key(1)), "IndexKey([redacted])");
        assert_ne!(random(), random());
    }
}
