//! An entry as the engines read it: the same columns in both.

use sqlx::{Database, Encode, FromRow, QueryBuilder, Type};

use super::{Count, DestinationKey, Filter, Head, Note, Payload, Row, StoreError};
use crate::inbox::entry::{EntryId, Facts, Millis, State};

/// Bytes of payload after which no further head is read: many lanes are worked on at once, and bodies may be large.
pub(in crate::inbox) const HEAD_BYTES: i64 = 256 * 1024;
/// Bytes of payload after which a page of a list ends.
pub(in crate::inbox) const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// Begins every query for entries. The lane of an entry that is pending knows when it is tried next.
pub(in crate::inbox) const SELECT_ENTRIES: &str = "SELECT entries.*, \
    CASE WHEN entries.state = 'pending' AND lanes.blocked_by IS NULL THEN lanes.due_at END AS next_attempt \
    FROM entries LEFT JOIN lanes ON lanes.lane = entries.lane";

/// Restricts [`SELECT_ENTRIES`] to the first that meet `conditions` (begun with `WHERE`), in order: `most` of them, and none behind the
/// one with which they have `bytes` of payload. `length` is what the engine calls the function; it reads no payload.
pub(in crate::inbox) fn restrict_to_page<DB>(
    query: &mut QueryBuilder<DB>,
    conditions: impl Fn(&mut QueryBuilder<DB>),
    most: usize,
    bytes: i64,
    length: &'static str,
) where
    DB: Database,
    for<'q> i64: Encode<'q, DB> + Type<DB>,
{
    conditions(query);
    query.push(" AND entries.sequence <= coalesce((SELECT min(sequence) FROM (SELECT sequence, ");
    query.push("sum(payload_bytes) OVER (ORDER BY sequence) AS bytes FROM (SELECT entries.sequence, ");
    query.push(length).push("(entries.payload) AS payload_bytes FROM entries");
    conditions(query);
    query.push(" ORDER BY entries.sequence LIMIT ").push_bind(limit(most));
    query.push(") AS first) AS summed WHERE bytes >= ").push_bind(bytes).push("), ").push_bind(i64::MAX);
    query.push(") ORDER BY entries.sequence LIMIT ").push_bind(limit(most));
}

/// How many entries there are of a kind.
pub(in crate::inbox) const SELECT_COUNTS: &str = "SELECT environment, product, operation, state, count(*) AS entries, \
    min(received_at) AS oldest FROM entries GROUP BY environment, product, operation, state";

/// How many entries wait, and for whom.
pub(in crate::inbox) const SELECT_WAITING: &str = "SELECT environment, destination, CAST(sum(pending) AS BIGINT) FROM lanes \
    GROUP BY environment, destination HAVING sum(pending) > 0 ORDER BY environment, destination";

/// A row of [`SELECT_WAITING`].
pub(in crate::inbox) fn waiting(
    (environment, destination, entries): (String, String, i64),
) -> Result<(DestinationKey, u64), StoreError> {
    Ok((DestinationKey { environment, destination }, counter(entries)?))
}

/// What must hold between the tables: in words when it does not, and how many rows it does not hold for.
pub(in crate::inbox) const INVARIANTS: [(&str, &str); 4] = [
    (
        "lanes count other entries than are pending in them",
        "SELECT count(*) FROM lanes LEFT JOIN \
            (SELECT lane, count(*) AS entries FROM entries WHERE state = 'pending' GROUP BY lane) AS held \
            ON held.lane = lanes.lane WHERE lanes.pending <> coalesce(held.entries, 0)",
    ),
    (
        "entries are pending in no lane, and would never be delivered",
        "SELECT count(*) FROM entries WHERE state = 'pending' AND lane NOT IN (SELECT lane FROM lanes)",
    ),
    (
        "lanes are blocked by an entry that is no dead letter",
        "SELECT count(*) FROM lanes WHERE blocked_by IS NOT NULL \
            AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.id = lanes.blocked_by AND entries.state = 'dead')",
    ),
    (
        "lanes have nothing to deliver, and nobody who holds them",
        "SELECT count(*) FROM lanes WHERE pending = 0 AND blocked_by IS NULL AND NOT leased",
    ),
];

#[derive(FromRow)]
pub(in crate::inbox) struct EntryColumns {
    sequence: i64,
    id: Vec<u8>,
    environment: String,
    product: String,
    operation: String,
    destination: String,
    lane: Vec<u8>,
    received_at: i64,
    client_subject: String,
    client_sha256: String,
    correlation_id: Option<String>,
    traceparent: Option<String>,
    method: String,
    state: String,
    attempts: i64,
    replays: i64,
    pending_since: i64,
    settled_at: Option<i64>,
    last_problem: Option<String>,
    key_id: Option<String>,
    payload: Vec<u8>,
    next_attempt: Option<i64>,
}

impl TryFrom<EntryColumns> for Row {
    type Error = StoreError;

    fn try_from(columns: EntryColumns) -> Result<Self, StoreError> {
        Ok(Self {
            sequence: columns.sequence,
            facts: Facts {
                id: EntryId::from_bytes(fixed(columns.id)?),
                environment: columns.environment,
                product: columns.product,
                operation: columns.operation,
                destination: columns.destination,
                received_at: columns.received_at,
                client_subject: columns.client_subject,
                client_sha256: columns.client_sha256,
                correlation_id: columns.correlation_id,
                traceparent: columns.traceparent,
                method: columns.method,
            },
            lane: fixed(columns.lane)?,
            payload: Payload { key_id: columns.key_id, bytes: columns.payload },
            state: state(&columns.state)?,
            attempts: counter(columns.attempts)?,
            replays: counter(columns.replays)?,
            pending_since: columns.pending_since,
            next_attempt: columns.next_attempt,
            last_problem: columns.last_problem,
            settled_at: columns.settled_at,
        })
    }
}

#[cfg(fuzzing)]
impl EntryColumns {
    /// Columns of which a row may hold anything; the rest comes from `facts`.
    pub(in crate::inbox) fn holding(
        facts: Facts,
        [id, lane, payload]: [Vec<u8>; 3],
        state: String,
        [attempts, replays]: [i64; 2],
        key_id: Option<String>,
    ) -> Self {
        Self {
            sequence: 1,
            id,
            environment: facts.environment,
            product: facts.product,
            operation: facts.operation,
            destination: facts.destination,
            lane,
            received_at: facts.received_at,
            client_subject: facts.client_subject,
            client_sha256: facts.client_sha256,
            correlation_id: facts.correlation_id,
            traceparent: facts.traceparent,
            method: facts.method,
            state,
            attempts,
            replays,
            pending_since: facts.received_at,
            settled_at: None,
            last_problem: None,
            key_id,
            payload,
            next_attempt: None,
        }
    }
}

/// Begins a query for the first pending entries of lanes, but for large ones: many are read at once. `length` as above; `same_lane` = how an entry `first` and a row of `lanes` belong together. Where
/// each is looked up by index, this costs the same however many entries wait.
pub(in crate::inbox) fn select_first_heads(same_lane: &str, length: &str) -> String {
    format!(
        "SELECT entries.*, lanes.due_at AS next_attempt, lanes.pending AS pending FROM lanes JOIN entries ON entries.sequence = \
        (SELECT min(first.sequence) FROM entries AS first WHERE first.state = 'pending' AND {same_lane}) WHERE {length}(entries.payload) <= {HEAD_BYTES} AND lanes.lane "
    )
}

/// A row of [`select_first_heads`].
#[derive(FromRow)]
pub(in crate::inbox) struct HeadColumns {
    #[sqlx(flatten)]
    entry: EntryColumns,
    pending: i64,
}

impl TryFrom<HeadColumns> for Head {
    type Error = StoreError;

    fn try_from(columns: HeadColumns) -> Result<Self, StoreError> {
        Ok(Self { row: columns.entry.try_into()?, pending: counter(columns.pending)? })
    }
}

#[derive(FromRow)]
pub(in crate::inbox) struct CountColumns {
    environment: String,
    product: String,
    operation: String,
    state: String,
    entries: i64,
    oldest: i64,
}

impl TryFrom<CountColumns> for Count {
    type Error = StoreError;

    fn try_from(columns: CountColumns) -> Result<Self, StoreError> {
        Ok(Self {
            environment: columns.environment,
            product: columns.product,
            operation: columns.operation,
            state: state(&columns.state)?,
            entries: counter(columns.entries)?,
            oldest: columns.oldest,
        })
    }
}

#[derive(FromRow)]
pub(in crate::inbox) struct NoteColumns {
    key_id: Option<String>,
    value: Vec<u8>,
}

impl From<NoteColumns> for Note {
    fn from(columns: NoteColumns) -> Self {
        Self { key_id: columns.key_id, value: columns.value }
    }
}

/// Adds what `filter` asks for to a condition that is begun. `many` stands before what so many entries have in common that an index
/// by it would be no help: an operator by which an engine keeps from using one.
pub(in crate::inbox) fn restrict<DB>(query: &mut QueryBuilder<DB>, filter: Filter, many: &'static str)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> &'static str: Encode<'q, DB> + Type<DB>,
    for<'q> Vec<u8>: Encode<'q, DB> + Type<DB>,
    for<'q> Millis: Encode<'q, DB> + Type<DB>,
{
    let Filter { environment, operation, state, lane, correlation_id, since, until } = filter;
    if let Some(environment) = environment {
        query.push(" AND ").push(many).push("entries.environment = ").push_bind(environment);
    }
    if let Some(operation) = operation {
        query.push(" AND ").push(many).push("entries.operation = ").push_bind(operation);
    }
    if let Some(state) = state {
        match state {
            State::Pending | State::Delivered => query.push(" AND ").push(many).push("entries.state = "),
            // Of these there are few, and the index of what is settled knows them.
            State::Dead | State::Discarded => query.push(" AND entries.settled_at IS NOT NULL AND entries.state = "),
        };
        query.push_bind(state.name());
    }
    if let Some(lane) = lane {
        query.push(" AND entries.lane = ").push_bind(lane.to_vec());
    }
    if let Some(correlation_id) = correlation_id {
        query.push(" AND entries.correlation_id = ").push_bind(correlation_id);
    }
    if let Some(since) = since {
        query.push(" AND entries.received_at >= ").push_bind(since);
    }
    if let Some(until) = until {
        query.push(" AND entries.received_at < ").push_bind(until);
    }
}

/// A digest or an id of its length.
pub(in crate::inbox) fn fixed<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt("a key is not as long as keys are".into()))
}

/// A state by its name.
pub(in crate::inbox) fn state(name: &str) -> Result<State, StoreError> {
    State::of_name(name).ok_or_else(|| StoreError::Corrupt("an entry is in a state that is not known".into()))
}

/// What is counted, and therefore not negative.
pub(in crate::inbox) fn counter<T: TryFrom<i64>>(number: i64) -> Result<T, StoreError> {
    number.try_into().map_err(|_| StoreError::Corrupt("a counter is out of its range".into()))
}

/// A limit as the engines take it.
pub(in crate::inbox) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
