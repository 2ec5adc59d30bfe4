//! Tokens that were accepted, so that the next call with the same one costs no signature check. Refusals are not remembered.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::TokenClaims;

/// Parts of the table, each with a lock of its own, so that the threads of the server rarely meet.
const SHARDS: usize = 16;
/// Most tokens in a part: 4096 in all. Thales holds a few tokens at a time; the bound is for those who fetch one for every call.
const SHARD_CAPACITY: usize = 256;

/// A bounded table of accepted tokens by their SHA-256.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    tokens: HashMap<[u8; 32], Token>,
    /// Counts what was remembered, to tell what is older.
    age: u64,
}

#[derive(Debug)]
struct Token {
    claims: Arc<TokenClaims>,
    generation: u64,
    good: Range<SystemTime>,
    age: u64,
}

impl Remembered {
    /// The claims of a token that was verified with the keys of `generation`, when the full check would pass at `now`.
    pub(super) fn find(&self, digest: &[u8; 32], generation: u64, now: SystemTime) -> Option<Arc<TokenClaims>> {
        let shard = self.shard(digest)?;
        let token = shard.tokens.get(digest)?;
        (token.generation == generation && token.good.contains(&now)).then(|| Arc::clone(&token.claims))
    }

    /// Remembers a token that passed the full check at `now`. In a full table those that are past give way, else the oldest.
    pub(super) fn remember(
        &self,
        digest: [u8; 32],
        generation: u64,
        claims: Arc<TokenClaims>,
        good: Range<SystemTime>,
        now: SystemTime,
    ) {
        let Some(mut shard) = self.shard(&digest) else { return };
        if shard.tokens.len() >= SHARD_CAPACITY && !shard.tokens.contains_key(&digest) {
            shard.tokens.retain(|_, token| token.generation == generation && now < token.good.end);
        }
        if shard.tokens.len() >= SHARD_CAPACITY && !shard.tokens.contains_key(&digest) {
            let oldest = shard.tokens.iter().min_by_key(|(_, token)| token.age).map(|(digest, _)| *digest);
            oldest.and_then(|oldest| shard.tokens.remove(&oldest));
        }
        shard.age += 1;
        let age = shard.age;
        shard.tokens.insert(digest, Token { claims, generation, good, age });
    }

    fn shard(&self, digest: &[u8; 32]) -> Option<MutexGuard<'_, Shard>> {
        let shard = self.shards.get(usize::from(digest[0]) % SHARDS)?;
        // No code under the lock leaves a shard half changed.
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn claims() -> Arc<TokenClaims> {
        Arc::new(TokenClaims { subject: None, client: None, id: None, scopes: Vec::new(), expires: at(200) })
    }

    /// The digest with this number, in one and the same part of the table.
    fn digest(number: usize) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[8..16].copy_from_slice(&(number as u64).to_be_bytes());
        digest
    }

    fn len(table: &Remembered) -> usize {
        table.shards.iter().map(|shard| shard.lock().unwrap().tokens.len()).sum()
    }

    #[test]
    fn a_token_is_known_within_its_time_and_for_its_keys_alone() {
        let table = Remembered::default();
        table.remember(digest(1), 7, claims(), at(100)..at(200), at(150));
        for (generation, now, known) in
            [(7, 100, true), (7, 199, true), (7, 200, false), (7, 99, false), (8, 150, false)]
        {
            assert_eq!(table.find(&digest(1), generation, at(now)).is_some(), known, "{generation} {now}");
        }
        assert!(table.find(&digest(2), 7, at(150)).is_none());
    }

    #[test]
    fn a_full_part_gives_up_what_is_past_and_then_the_oldest() {
        let table = Remembered::default();
        table.remember(digest(0), 1, claims(), at(0)..at(50), at(10));
        for number in 1..SHARD_CAPACITY {
            table.remember(digest(number), 1, claims(), at(0)..at(200), at(10));
        }
        // Full. The one that has expired goes, although another is older in no way that counts.
        table.remember(digest(1_000), 1, claims(), at(0)..at(200), at(60));
        assert_eq!(len(&table), SHARD_CAPACITY);
        assert!(table.find(&digest(0), 1, at(10)).is_none());
        assert!(table.find(&digest(1), 1, at(60)).is_some());
        // Full of good ones: the oldest goes.
        table.remember(digest(1_001), 1, claims(), at(0)..at(200), at(60));
        assert_eq!(len(&table), SHARD_CAPACITY);
        assert!(table.find(&digest(1), 1, at(60)).is_none());
        assert!(table.find(&digest(2), 1, at(60)).is_some());
        // One that is there already pushes nobody out.
        table.remember(digest(2), 1, claims(), at(0)..at(200), at(60));
        assert!(table.find(&digest(3), 1, at(60)).is_some());
        // Other keys: all of the old ones go at once.
        table.remember(digest(2_000), 2, claims(), at(0)..at(200), at(60));
        assert_eq!(len(&table), 1);
    }
}
