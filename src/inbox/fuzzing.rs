//! What the fuzz targets see of the inbox: rows as a store may hold them, seals, and the headers of deliveries.

use super::destination::{self, Delivery};
use super::entry::Facts;
use super::store::columns::EntryColumns;
use super::store::{Row, StoreError};
use super::{MasterKeys, Sealing};

/// What a row of a store says that could have been written by anybody.
#[derive(Clone, Debug)]
pub struct RawRow {
    /// The rest of it; its id counts for nothing.
    pub facts: Facts,
    /// The entry's id.
    pub id: Vec<u8>,
    /// The lane.
    pub lane: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
    /// The name of the state.
    pub state: String,
    /// The counter of attempts.
    pub attempts: i64,
    /// The counter of replays.
    pub replays: i64,
    /// The master key that the payload is sealed under.
    pub key_id: Option<String>,
}

/// The row as the rest of the inbox sees it.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn row(raw: RawRow) -> Result<Row, StoreError> {
    let RawRow { facts, id, lane, payload, state, attempts, replays, key_id } = raw;
    EntryColumns::holding(facts, [id, lane, payload], state, [attempts, replays], key_id).try_into()
}

/// Seals under `master`; `takes_clear` = entries that were stored in clear may be there.
#[must_use]
pub fn sealing(master: Option<MasterKeys>, takes_clear: bool) -> Option<Sealing> {
    Sealing::of_no_store(master, takes_clear)
}

/// The headers that an entry is delivered with.
#[derive(Clone, Debug)]
pub struct EventHeaders {
    /// Of those that came, the ones that are passed on.
    pub passed_on: Vec<(String, Vec<u8>)>,
    /// The attributes of the event.
    pub attributes: Vec<(&'static str, String)>,
    /// What Thales called, as attributes.
    pub called: Vec<(&'static str, String)>,
    /// All headers of the message to NATS.
    pub nats: Vec<(String, String)>,
}

/// The headers that `delivery` goes out with.
#[must_use]
pub fn event_headers(delivery: &Delivery) -> EventHeaders {
    destination::headers(delivery)
}
