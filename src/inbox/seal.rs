//! Entries at rest: encoded, sealed where there is a master key, and known by digests.

use bytes::Bytes;

use super::contents::ContentsError;
use super::entry::{Contents, EntryId, Facts};
use super::envelope::Seal;
use super::index_key::{self, IndexKey};
use super::master_keys::MasterKeys;
use super::open::{Open, OpenError};
use super::store::{DestinationKey, Digest, Note, Payload, Store, StoreError};

/// What the store keeps the index key under.
const INDEX_KEY: &str = "index-key";
/// What the store keeps, sealed, for as long as entries may be there that were stored before there were master keys.
const CLEAR_ENTRIES: &str = "clear-entries";
const PRESENT: &[u8] = b"present";
const GONE: &[u8] = b"gone";
/// Of the keys that entries are sealed with; the entry's id follows.
const ENTRY: &str = "issuer-host inbox entry v1";
/// Of the key that notes are sealed with.
const INDEX: &str = "issuer-host inbox index key v1";

/// How entries of a store are sealed, opened and known. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sealing {
    master: Option<MasterKeys>,
    index: IndexKey,
    /// Whether entries that were stored before there were master keys may still be there.
    takes_clear: bool,
}

/// There are no random bytes, so nothing can be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entry cannot be sealed: there are no random bytes")]
pub struct SealError;

/// Why a store's entries cannot be known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// The store does not answer, or cannot be written to.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store is sealed, and there is no key file.
    #[error("the inbox is sealed under the master key {0:?}, and there is no key file: name the one that holds it")]
    NoKeys(String),
    /// The store is sealed under a key that is not in the file.
    #[error(
        "the inbox is sealed under the master key {0:?}, which the key file does not hold: put that line back; it can go \
         once `issuer-host inbox rekey` has run"
    )]
    UnknownKey(String),
    /// What the store keeps is no key, or does not open.
    #[error("the inbox's index key does not open{}: it is damaged, or the key of that name is another one now", under(.0.as_deref()))]
    Damaged(Option<String>),
    /// No server has begun with it.
    #[error("the inbox has no index key yet: start the server, which makes it")]
    NotBegun,
    /// There is nothing to make keys of.
    #[error("there are no random bytes")]
    NoRandomBytes,
}

fn under(name: Option<&str>) -> String {
    name.map(|name| format!(" under the master key {name:?}")).unwrap_or_default()
}

impl Sealing {
    /// For entries of `store`, with its index key, which is made when there is none yet, and sealed as soon as there are master keys:
    /// from then on nobody opens the store without them.
    ///
    /// # Errors
    /// [`SealingError`]; nothing may be stored then, since no repeat would be known.
    pub async fn establish(store: &dyn Store, master: Option<MasterKeys>) -> Result<Self, SealingError> {
        let kept = if let Some(note) = store.note(INDEX_KEY).await? {
            note
        } else {
            let made = index_key::random().ok_or(SealingError::NoRandomBytes)?;
            let note = sealed_note(INDEX_KEY, master.as_ref(), &made).ok_or(SealingError::NoRandomBytes)?;
            // Another process may have been faster: what it made counts.
            store.keep(INDEX_KEY, note, false).await?
        };
        let known = Self::of(store, master, &kept).await?;
        if known.seals() && kept.key_id.is_none() {
            // In this order: who dies in between begins anew the next time.
            keep(store, CLEAR_ENTRIES, known.master.as_ref(), PRESENT).await?;
            keep(store, INDEX_KEY, known.master.as_ref(), &kept.value).await?;
        }
        Ok(known)
    }

    /// Of a store whose index key is all zeros.
    #[cfg(fuzzing)]
    pub(super) fn of_no_store(master: Option<MasterKeys>, takes_clear: bool) -> Option<Self> {
        Some(Self { master, index: IndexKey::new(&[0; index_key::LENGTH])?, takes_clear })
    }

    /// For entries of `store` as it is: nothing is made, and no key that is named by mistake seals anything.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn known(store: &dyn Store, master: Option<MasterKeys>) -> Result<Self, SealingError> {
        let kept = store.note(INDEX_KEY).await?.ok_or(SealingError::NotBegun)?;
        Self::of(store, master, &kept).await
    }

    async fn of(store: &dyn Store, master: Option<MasterKeys>, kept: &Note) -> Result<Self, SealingError> {
        let bytes = opened(INDEX_KEY, master.as_ref(), kept)?;
        let index = IndexKey::new(&bytes).ok_or_else(|| SealingError::Damaged(kept.key_id.clone()))?;
        let takes_clear = kept.key_id.is_none()
            || match store.note(CLEAR_ENTRIES).await? {
                // In clear it would be anybody's word.
                Some(note) if note.key_id.is_some() => *opened(CLEAR_ENTRIES, master.as_ref(), &note)? == PRESENT,
                _ => false,
            };
        Ok(Self { master, index, takes_clear })
    }

    /// Whether new entries are sealed.
    #[must_use]
    pub fn seals(&self) -> bool {
        self.master.is_some()
    }

    /// The master key that new entries are sealed under.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.master.as_ref().map(MasterKeys::sealing_name)
    }

    /// What an operator should know.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        (self.seals() && self.takes_clear).then_some(
            "the inbox was begun without master keys: what was stored then stands in clear until `issuer-host inbox rekey` has run",
        )
    }

    /// What is stored of an entry.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, facts: &Facts, contents: &Contents) -> Result<Payload, SealError> {
        self.seal_bytes(facts, contents.encode())
    }

    /// The payload with its bytes under the key that seals now; `None` where it is so already, or nothing is sealed.
    ///
    /// # Errors
    /// [`ResealError`].
    pub(super) fn resealed(&self, facts: &Facts, payload: &Payload) -> Result<Option<Payload>, ResealError> {
        if !self.seals() || payload.key_id.as_deref() == self.key_id() {
            return Ok(None);
        }
        let plain = self.plain(facts, payload)?;
        // What cannot be read would only be buried deeper.
        Contents::decode(Bytes::copy_from_slice(&plain)).map_err(UnsealError::from)?;
        Ok(Some(self.seal_bytes(facts, plain)?))
    }

    /// Puts what the store keeps about itself under the master key that seals now. From then on no entry is taken in clear, if
    /// `complete` says that there is none any more.
    ///
    /// # Errors
    /// [`SealingError`].
    pub(super) async fn rewrap(&self, store: &dyn Store, complete: bool) -> Result<(), SealingError> {
        let master = self.master.as_ref();
        if let Some(kept) = store.note(INDEX_KEY).await?.filter(|kept| kept.key_id.as_deref() != self.key_id()) {
            keep(store, INDEX_KEY, master, &opened(INDEX_KEY, master, &kept)?).await?;
        }
        if complete || self.takes_clear {
            keep(store, CLEAR_ENTRIES, master, if complete { GONE } else { PRESENT }).await?;
        }
        Ok(())
    }

    /// The lane of what has these values as its ordering key.
    #[must_use]
    pub fn lane(&self, of: &DestinationKey, product: &str, values: &[Vec<u8>]) -> Digest {
        self.index.lane(of, product, values)
    }

    /// The lane of an entry that need not stay in order with any other.
    #[must_use]
    pub fn lane_of_its_own(&self, id: EntryId) -> Digest {
        self.index.lane_of_its_own(id)
    }

    /// What makes a repeat of an entry known: the values of its operation's key, and the SHA-256 of its body.
    #[must_use]
    pub fn deduplication(&self, facts: &Facts, values: &[Vec<u8>], body_sha256: &[u8]) -> Digest {
        self.index.deduplication(&facts.environment, &facts.product, &facts.operation, values, body_sha256)
    }

    fn seal_bytes(&self, facts: &Facts, plain: Vec<u8>) -> Result<Payload, SealError> {
        let Some(key) = self.master.as_ref().and_then(MasterKeys::sealing) else {
            return Ok(Payload { key_id: None, bytes: plain });
        };
        let bytes = with_seal(facts, |seal| seal.close(key, plain)).ok_or(SealError)?;
        Ok(Payload { key_id: Some(key.name.clone()), bytes })
    }

    /// What was sent.
    ///
    /// # Errors
    /// [`UnsealError`], which tells nothing of it.
    pub fn unseal(&self, facts: &Facts, payload: &Payload) -> Result<Contents, UnsealError> {
        // Whoever can write to the store could put anything there, and have it delivered as Thales' own.
        if payload.key_id.is_none() && !self.takes_clear {
            return Err(UnsealError::InClear);
        }
        Ok(Contents::decode(self.plain(facts, payload)?.into())?)
    }

    fn plain(&self, facts: &Facts, payload: &Payload) -> Result<Vec<u8>, UnsealError> {
        let Some(name) = &payload.key_id else { return Ok(payload.bytes.clone()) };
        let unknown = || UnsealError::UnknownKey(name.clone());
        let key = self.master.as_ref().and_then(|keys| keys.named(name)).ok_or_else(unknown)?;
        with_seal(facts, |seal| seal.open(key, &payload.bytes)).map_err(|_| UnsealError::Damaged(name.clone()))
    }
}

impl Open for Sealing {
    fn open(&self, facts: &Facts, payload: &Payload) -> Result<Contents, OpenError> {
        self.unseal(facts, payload).map_err(|error| OpenError(error.to_string()))
    }
}

/// Why a payload cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// The key that it is sealed under is not there.
    #[error("it is sealed under the master key {0:?}, which the key file does not hold: put that line back")]
    UnknownKey(String),
    /// It was changed, belongs to another entry, or its key has another value under the same name.
    #[error("it does not open under the master key {0:?}: it is damaged, or the key of that name is another one now")]
    Damaged(String),
    /// Everything in the store is sealed but this.
    #[error("it stands in clear in a sealed inbox: if it is yours, run `issuer-host inbox rekey`")]
    InClear,
    /// What is in it cannot be read.
    #[error(transparent)]
    Contents(#[from] ContentsError),
}

/// Why a payload was not sealed again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResealError {
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The seal of an entry.
fn with_seal<T>(facts: &Facts, then: impl FnOnce(Seal<'_>) -> T) -> T {
    let id = facts.id.as_bytes();
    let associated = [id.as_slice(), facts.environment.as_bytes(), facts.operation.as_bytes()];
    then(Seal { label: ENTRY, context: id, associated: &associated })
}

/// The seal of what the store keeps under `name`.
fn with_note_seal<T>(name: &str, then: impl FnOnce(Seal<'_>) -> T) -> T {
    then(Seal { label: INDEX, context: b"", associated: &[name.as_bytes()] })
}

/// A note as it is kept; `None` when there are no random bytes.
fn sealed_note(name: &str, master: Option<&MasterKeys>, bytes: &[u8]) -> Option<Note> {
    let Some(key) = master.and_then(MasterKeys::sealing) else {
        return Some(Note { key_id: None, value: bytes.to_vec() });
    };
    let value = with_note_seal(name, |seal| seal.close(key, bytes.to_vec()))?;
    Some(Note { key_id: Some(key.name.clone()), value })
}

fn opened(name: &str, master: Option<&MasterKeys>, note: &Note) -> Result<zeroize::Zeroizing<Vec<u8>>, SealingError> {
    let Some(under) = &note.key_id else { return Ok(note.value.clone().into()) };
    let keys = master.ok_or_else(|| SealingError::NoKeys(under.clone()))?;
    let key = keys.named(under).ok_or_else(|| SealingError::UnknownKey(under.clone()))?;
    let bytes = with_note_seal(name, |seal| seal.open(key, &note.value));
    Ok(bytes.map_err(|_| SealingError::Damaged(Some(under.clone())))?.into())
}

/// Keeps `bytes` under `name`, whatever was there.
async fn keep(
    store: &dyn Store,
    name: &'static str,
    master: Option<&MasterKeys>,
    bytes: &[u8],
) -> Result<(), SealingError> {
    let note = sealed_note(name, master, bytes).ok_or(SealingError::NoRandomBytes)?;
    store.keep(name, note, true).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
