//! The store of several replicas: a PostgreSQL database.
//!
//! A transaction locks in one order, whoever runs it: keys of repeats, then lanes, then entries, each sorted. So nobody waits in a
//! circle; where two do all the same, PostgreSQL ends one of them, and it is run again. The clock of leases is the database's.

mod bell;
mod decide;
mod distrust;
mod error;
mod exchange;
mod keep;
mod open;
mod read;
mod receive;
mod settle;
#[cfg(test)]
mod tests;
mod unreachable;
mod write;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;

use self::bell::Bell;
use self::exchange::Connections;
use super::entry::{EntryId, Millis, State};
use super::store::{
    Batch, BatchOutcome, Count, Decided, Decision, DestinationKey, Digest, Filter, Head, Note, Payload, Row, Store,
    StoreError,
};

/// How many batches are under way at once: enough for the next one to be gathered and sent while one waits for its fsync.
const PARALLEL_WRITES: u32 = 4;

/// What a PostgreSQL store is made of.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=...`; its tables are made where its
    /// `search_path` says, `public` unless it says otherwise.
    pub url: String,
    /// Most connections, without the one that listens for other replicas.
    pub connections: u32,
    /// Whether this is a server, of which there may be several; commands leave the tables as they are.
    pub serves: bool,
    /// For how long a repeat is known as one.
    pub deduplication_window: Duration,
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("connections", &self.connections)
            .field("serves", &self.serves)
            .field("deduplication_window", &self.deduplication_window)
            .finish_non_exhaustive()
    }
}

/// A store in a database.
pub struct Postgres {
    connections: Connections,
    bell: Bell,
    window: Millis,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("connections", &self.connections.most).finish_non_exhaustive()
    }
}

impl Store for Postgres {
    fn engine(&self) -> &'static str {
        "postgres"
    }

    fn parallel_writes(&self) -> usize {
        usize::try_from(self.connections.most.min(PARALLEL_WRITES)).unwrap_or(1).max(1)
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

    fn woken(&self) -> BoxFuture<'_, ()> {
        self.bell.rung()
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
        Box::pin(self.read_clock())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.disconnect())
    }
}
