//! Puts everything that a store keeps under the master key that seals now: after a rotation, or when sealing was begun late.

use super::entry::EntryId;
use super::seal::{Sealing, SealingError};
use super::store::{Filter, Store, StoreError};

/// Entries that are read at once.
const PAGE: usize = 500;
/// Entries that are named of those that could not be opened.
const MOST_NAMED: usize = 20;

/// How far it is, and in the end what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rekeyed {
    /// Entries that were looked at.
    pub seen: u64,
    /// Those that were sealed anew.
    pub resealed: u64,
    /// Those that could not be, and stay as they are.
    pub failed: u64,
    /// The first of these, and why.
    pub failures: Vec<(EntryId, String)>,
}

/// Why it did not come to its end. What was done stays done, and what is done already is passed over the next time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RekeyError {
    /// There is nothing to seal under.
    #[error("there are no master keys to seal under: name a key file")]
    NoKeys,
    /// The store does not answer, or cannot be written to.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index key could not be put under another key.
    #[error(transparent)]
    IndexKey(SealingError),
}

/// Seals every entry anew that is in clear or under another key, and the index key; beside a running server too, whose new
/// entries are under its own first key. An entry that changes meanwhile is left as it is.
///
/// # Errors
/// [`RekeyError`].
pub async fn rekey(
    store: &dyn Store,
    sealing: &Sealing,
    mut progress: impl FnMut(&Rekeyed),
) -> Result<Rekeyed, RekeyError> {
    if !sealing.seals() {
        return Err(RekeyError::NoKeys);
    }
    let mut done = Rekeyed::default();
    let mut after = 0;
    loop {
        let page = store.list(Filter::default(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        let mut payloads = Vec::new();
        for row in page {
            done.seen += 1;
            match sealing.resealed(&row.facts, &row.payload) {
                Ok(Some(payload)) => payloads.push((row.facts.id, row.payload.key_id, payload)),
                Ok(None) => {}
                Err(error) => {
                    done.failed += 1;
                    if done.failures.len() < MOST_NAMED {
                        done.failures.push((row.facts.id, error.to_string()));
                    }
                }
            }
        }
        if !payloads.is_empty() {
            done.resealed += store.reseal(payloads).await?;
        }
        progress(&done);
    }
    sealing.rewrap(store, done.failed == 0).await.map_err(RekeyError::IndexKey)?;
    Ok(done)
}

#[cfg(test)]
mod tests;
