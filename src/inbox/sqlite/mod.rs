//! The store of one process: a SQLite database in a file.
//!
//! One connection writes, a few read; the write-ahead log lets them do so side by side. A commit is durable when its fsync is
//! done (`synchronous = FULL`), which is what one process after the other waits for: [`Writer`](super::Writer) gathers what
//! arrives meanwhile.

mod checkpoint;
mod chunks;
mod decide;
mod error;
mod filesystem;
mod keep;
mod open;
mod place;
mod read;
mod receive;
mod recover;
mod settle;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

pub use self::open::folder;

use self::checkpoint::Checkpoints;
use self::place::Place;
use super::entry::{EntryId, Millis, State};
use super::store::{
    Batch, BatchOutcome, Clock, Count, Decided, Decision, DestinationKey, Digest, Filter, Head, Note, Payload, Row,
    Store, StoreError,
};

/// What a SQLite store is made of.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file. `-wal` and `-shm` are put beside it, and `.lock` where it is [exclusive](Self::exclusive).
    pub path: PathBuf,
    /// Whether the file is made when it is not there, readable by its owner only.
    pub create: bool,
    /// Whether this is the process that serves, of which there is one; commands work beside it.
    pub exclusive: bool,
    /// For how long a repeat is known as one.
    pub deduplication_window: Duration,
    /// What time it is.
    pub clock: Clock,
}

/// A store in a file.
pub struct Sqlite {
    path: PathBuf,
    /// The files that were opened.
    place: Place,
    connect: SqliteConnectOptions,
    /// `None` = the next who writes connects anew: the last one met something that may have left its connection unusable.
    writer: Mutex<Option<SqliteConnection>>,
    readers: SqlitePool,
    /// Only where this is the process that serves.
    checkpoints: Option<Checkpoints>,
    /// Does nothing. As long as a connection is open, SQLite neither deletes the log nor makes another.
    keeper: Mutex<Option<SqliteConnection>>,
    window: Millis,
    clock: Clock,
    /// Held for as long as the store is: who else wants to serve from it is refused.
    lock: std::sync::Mutex<Option<File>>,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store for Sqlite {
    fn engine(&self) -> &'static str {
        "sqlite"
    }

    fn parallel_writes(&self) -> usize {
        1
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        Box::pin(self.write_batch(batch))
    }

    fn first_heads(&self, lanes: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Head>, StoreError>> {
        Box::pin(self.read_first_heads(lanes))
    }

    fn heads(&self, lane: Digest, most: usize) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        Box::pin(self.read_heads(lane, most))
    }

    fn next_due(&self, of: DestinationKey) -> BoxFuture<'_, Result<Option<Duration>, StoreError>> {
        Box::pin(self.read_next_due(of))
    }

    fn waiting(&self) -> BoxFuture<'_, Result<Vec<(DestinationKey, u64)>, StoreError>> {
        Box::pin(self.read_waiting())
    }

    /// Whoever else writes is a command: what it replays is found when the lane is looked at next.
    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn counts(&self) -> BoxFuture<'_, Result<Vec<Count>, StoreError>> {
        Box::pin(self.read_counts())
    }

    fn list(&self, filter: Filter, after: i64, most: usize) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        Box::pin(self.read_list(filter, after, most))
    }

    fn find(&self, id: EntryId) -> BoxFuture<'_, Result<Option<Row>, StoreError>> {
        Box::pin(self.read_entry(id))
    }

    fn decide(&self, id: EntryId, decision: Decision) -> BoxFuture<'_, Result<Decided, StoreError>> {
        Box::pin(self.carry_out(id, decision))
    }

    fn purge(
        &self,
        state: State,
        before: Millis,
        filter: Filter,
        most: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.delete_settled(state, before, filter, most))
    }

    fn forget(&self, before: Millis, most: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.delete_seen(before, most))
    }

    fn reseal(&self, payloads: Vec<(EntryId, Option<String>, Payload)>) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.replace_payloads(payloads))
    }

    fn note(&self, name: &'static str) -> BoxFuture<'_, Result<Option<Note>, StoreError>> {
        Box::pin(self.read_note(name))
    }

    fn keep(&self, name: &'static str, note: Note, replace: bool) -> BoxFuture<'_, Result<Note, StoreError>> {
        Box::pin(self.write_note(name, note, replace))
    }

    fn size(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.read_size())
    }

    fn verify(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(self.check())
    }

    fn now(&self) -> BoxFuture<'_, Result<Millis, StoreError>> {
        Box::pin(std::future::ready(Ok(self.clock.now())))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.disconnect())
    }
}
