//! What a store has to do. Two engines do it: SQLite and PostgreSQL, behind one schema.
//!
//! All that changes during operation goes through [`Store::write`], a batch in one durable transaction, so that whoever asks while
//! an fsync is under way shares the next one ([`Writer`](super::Writer) makes the batches).
//!
//! **Order.** Entries of a lane are delivered in the order of their sequence numbers, which is commit order within the lane: whoever
//! inserts into a lane holds the lane's row until its commit, and takes the number after it has the row.
//!
//! **Lanes.** A lane is a row: how many of its entries are pending, when somebody may look at it next (`due_at`), and a fence that
//! numbers its leases. To lease a lane is to put `due_at` off by the length of the lease and to take a number that no lease of any
//! lane had before; a lease that ends without a word is thereby due again. A lane without pending entries has no row, unless it is
//! leased or blocked.

mod clock;
pub(super) mod columns;
#[cfg(test)]
pub(super) mod conformance;
mod error;
pub(super) mod settling;
pub(super) mod tables;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::entry::{EntryId, Facts, Millis, State};

pub use clock::{Clock, millis};
pub use error::StoreError;

/// A digest that stands for a key: HMAC-SHA256 under the store's index key.
pub type Digest = [u8; 32];

/// What Thales sent, encoded, and sealed where there is a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// The master key that it is sealed under; `None` = it is in clear.
    pub key_id: Option<String>,
    /// The encoded contents.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("key_id", &self.key_id).field("bytes", &self.bytes.len()).finish()
    }
}

/// An entry that is about to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRow {
    /// What is known of it in clear.
    pub facts: Facts,
    /// What it must stay in order with: everything of the same lane.
    pub lane: Digest,
    /// Key and body of the call, where Thales vouches for the key: what makes a repeat known.
    pub deduplication: Option<Digest>,
    /// What was sent.
    pub payload: Payload,
}

/// What became of an entry that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is stored, durably.
    Stored,
    /// An entry of the same key and body is stored already, durably, and is neither dead nor discarded.
    Repeat,
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the order of commits; larger = later.
    pub sequence: i64,
    /// What is known of it in clear.
    pub facts: Facts,
    /// Its lane.
    pub lane: Digest,
    /// What was sent.
    pub payload: Payload,
    /// How far it is.
    pub state: State,
    /// Deliveries that were tried since it was received, or replayed.
    pub attempts: u32,
    /// How often it was replayed.
    pub replays: u32,
    /// Since when it has been waiting: its reception, or the last replay.
    pub pending_since: Millis,
    /// When its lane is looked at next; only of the first entry that is pending in a lane is this the next attempt.
    pub next_attempt: Option<Millis>,
    /// What went wrong last.
    pub last_problem: Option<String>,
    /// When it left [`State::Pending`] last.
    pub settled_at: Option<Millis>,
}

/// The first pending entry of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// It.
    pub row: Row,
    /// How many entries are pending in its lane, with it.
    pub pending: u64,
}

/// Who takes deliveries: an environment, and the name of a backend, empty for the environment's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationKey {
    /// The environment.
    pub environment: String,
    /// The backend.
    pub destination: String,
}

/// A lane that somebody has for himself, for a while. Nobody else's settlements count meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The lane.
    pub lane: Digest,
    /// Which of its leases this is.
    pub fence: i64,
}

/// Asks for lanes that are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose.
    pub destination: DestinationKey,
    /// For how long.
    pub lease: Duration,
    /// How many, those first that have been due for longest.
    pub most: usize,
}

/// Keeps leases for longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Which.
    pub leases: Vec<Lease>,
    /// From now.
    pub lease: Duration,
}

/// What came of a lane that was leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Under which lease.
    pub lease: Lease,
    /// What came of its first entries.
    pub endings: Vec<(EntryId, Ending)>,
    /// What becomes of the lane afterwards.
    pub then: Then,
}

/// What came of an attempt to deliver an entry. Each counts as an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its destination has it. Counts although the lease has passed to somebody else: it is a fact.
    Delivered,
    /// It has to be tried again.
    Failed {
        /// What went wrong, without anything of its contents.
        problem: String,
    },
    /// It is a dead letter.
    Dead {
        /// Why, without anything of its contents.
        problem: String,
    },
}

/// What becomes of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The lease stays.
    Keep,
    /// Anybody may lease it, after that time.
    Release {
        /// From now.
        after: Duration,
    },
    /// Nobody may, until the dead letter that stopped it was replayed or discarded.
    Block,
}

/// What one transaction does, in this order: `settle`, `renew`, `receive`, `claim`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Lanes that were worked on.
    pub settle: Vec<Settlement>,
    /// Leases that are still needed.
    pub renew: Vec<Renewal>,
    /// Entries to store.
    pub receive: Vec<NewRow>,
    /// Lanes that somebody wants.
    pub claim: Vec<Claim>,
}

impl Batch {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settle.is_empty() && self.renew.is_empty() && self.receive.is_empty() && self.claim.is_empty()
    }
}

/// What a transaction did, part by part in the order of the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// Whether the lease still held.
    pub settled: Vec<bool>,
    /// Those leases that hold no longer.
    pub lost: Vec<Vec<Lease>>,
    /// What became of each.
    pub received: Vec<Received>,
    /// The leases that each got.
    pub claimed: Vec<Vec<Lease>>,
}

/// Which entries somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this environment.
    pub environment: Option<String>,
    /// Of an operation of this name.
    pub operation: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// Of this lane.
    pub lane: Option<Digest>,
    /// With this correlation id.
    pub correlation_id: Option<String>,
    /// Received then or later.
    pub since: Option<Millis>,
    /// Received before.
    pub until: Option<Millis>,
}

/// How many entries of a kind there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Of which environment.
    pub environment: String,
    /// Of which product.
    pub product: String,
    /// Of which operation.
    pub operation: String,
    /// In which state.
    pub state: State,
    /// How many.
    pub entries: u64,
    /// When the oldest was received.
    pub oldest: Millis,
}

/// What somebody decides about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is delivered again, under its id, with its attempts counted anew; one that is pending is tried at once. A lane that it
    /// blocked goes on.
    Replay,
    /// It is not delivered. A lane that it blocked goes on.
    Discard,
}

/// What came of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is as it was decided.
    Done,
    /// There is no such entry.
    Unknown,
    /// An entry in that state cannot be decided about so: one that was delivered cannot be discarded.
    Refused(State),
}

/// A value that the store keeps about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The master key that it is sealed under; `None` = it is in clear.
    pub key_id: Option<String>,
    /// The value.
    pub value: Vec<u8>,
}

/// What keeps entries. Every method may be called from many tasks at once; none blocks a thread of the runtime.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// `sqlite` or `postgres`.
    fn engine(&self) -> &'static str;

    /// How many batches may be under way at once.
    fn parallel_writes(&self) -> usize;

    /// Does all of `batch` in one transaction, which is durable when this returns, or nothing of it.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::Unavailable`] the transaction may have been committed all the same.
    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<BatchOutcome, StoreError>>;

    /// The first pending entry of each of these lanes that has one of at most 256 KiB, in any order.
    fn first_heads(&self, lanes: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Head>, StoreError>>;

    /// The first pending entries of a lane, in order: at most `most`, and none behind the one with which they have 256 KiB of payload.
    fn heads(&self, lane: Digest, most: usize) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// Until the first lane of a destination is due; zero = one is, `None` = it has none, or only blocked ones.
    fn next_due(&self, of: DestinationKey) -> BoxFuture<'_, Result<Option<Duration>, StoreError>>;

    /// How many entries wait for each destination that anything waits for, configured or not.
    fn waiting(&self) -> BoxFuture<'_, Result<Vec<(DestinationKey, u64)>, StoreError>>;

    /// Ends when another process may have brought work; never where there is no other.
    fn woken(&self) -> BoxFuture<'_, ()>;

    /// How many entries there are, by environment, operation and state.
    fn counts(&self) -> BoxFuture<'_, Result<Vec<Count>, StoreError>>;

    /// A page of entries, oldest first, behind the sequence number `after`: at most `most`, and none behind the one with which they
    /// have 4 MiB of payload. Only an empty page is the last.
    fn list(&self, filter: Filter, after: i64, most: usize) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// An entry.
    fn find(&self, id: EntryId) -> BoxFuture<'_, Result<Option<Row>, StoreError>>;

    /// Carries out a decision.
    fn decide(&self, id: EntryId, decision: Decision) -> BoxFuture<'_, Result<Decided, StoreError>>;

    /// Deletes at most `most` entries of `state` that were settled before `before` and pass `filter`; those that are pending never.
    /// What is known of repeats stays. Returns how many.
    fn purge(
        &self,
        state: State,
        before: Millis,
        filter: Filter,
        most: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Forgets at most `most` deduplication keys that came before `before`. Returns how many.
    fn forget(&self, before: Millis, most: usize) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Puts other payloads in the place of those that have the given key id; others stay as they are. Returns how many.
    fn reseal(&self, payloads: Vec<(EntryId, Option<String>, Payload)>) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// What the store keeps under `name`.
    fn note(&self, name: &'static str) -> BoxFuture<'_, Result<Option<Note>, StoreError>>;

    /// Keeps `note` under `name`: where there is none yet (`replace` = false), or in any case. Returns what is kept.
    fn keep(&self, name: &'static str, note: Note, replace: bool) -> BoxFuture<'_, Result<Note, StoreError>>;

    /// In bytes: what its entries take, without what is free because others are gone. SQLite counts pages, PostgreSQL payloads and a
    /// KiB for each entry.
    fn size(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// What is wrong with it, in words; empty = nothing was found. Takes as long as it takes.
    fn verify(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// The wall clock that `due_at` and leases go by.
    fn now(&self) -> BoxFuture<'_, Result<Millis, StoreError>>;

    /// Ends its connections.
    fn close(&self) -> BoxFuture<'_, ()>;
}
