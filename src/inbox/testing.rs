//! A store in memory and entries to put into it, for tests of what lies above the engines. It takes entries and decisions; lanes
//! are the engines' own business.

use std::collections::BTreeMap;
use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::entry::{Contents, EntryId, Facts, Millis, State};
use super::master_keys::{self, MasterKeys};
use super::store::{
    Batch, BatchOutcome, Count, Decided, Decision, DestinationKey, Digest, Filter, Head, NewRow, Note, Payload,
    Received, Row, Store, StoreError,
};

/// As the engines: bytes after which a page ends.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A key file's lines for these names, with new keys.
pub(crate) fn key_lines<const N: usize>(names: [&str; N]) -> [String; N] {
    names.map(|name| master_keys::new_line(name).unwrap().to_string())
}

/// The keys of these lines.
pub(crate) fn keys(lines: &[&String]) -> MasterKeys {
    MasterKeys::parse(&lines.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n")).unwrap()
}

/// What is known of an entry of `preprod`, with a new id.
pub(crate) fn facts() -> Facts {
    Facts {
        id: EntryId::new(),
        environment: "preprod".into(),
        product: "d1".into(),
        operation: "notifyCardOperations".into(),
        destination: String::new(),
        received_at: 1_700_000_000_000,
        client_subject: "CN=caller".into(),
        client_sha256: "00".repeat(32),
        correlation_id: Some("c-1".into()),
        traceparent: None,
        method: "POST".into(),
    }
}

/// What Thales sent, with this body.
pub(crate) fn contents(body: &'static str) -> Contents {
    Contents {
        path: "/notifications/d1/v2/issuers/ISSUER0001/cards".into(),
        query: Some("a=b".into()),
        subject: Some("CARD7".into()),
        headers: vec![("content-type".into(), b"application/json".to_vec())],
        body: Bytes::from_static(body.as_bytes()),
    }
}

/// A store that forgets everything.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    rows: Mutex<Vec<Row>>,
    notes: Mutex<BTreeMap<&'static str, Note>>,
    /// Fails everything from now on.
    pub(crate) outage: Mutex<Option<StoreError>>,
    /// Answers nothing from now on.
    pub(crate) is_silent: AtomicBool,
    /// How often it was asked for anything.
    pub(crate) asked: AtomicUsize,
}

impl Memory {
    /// Every entry.
    pub(crate) fn all(&self) -> Vec<Row> {
        self.rows().clone()
    }

    /// Changes what is stored of an entry, for better or worse.
    pub(crate) fn change(&self, id: EntryId, change: impl FnOnce(&mut Row)) {
        change(self.rows().iter_mut().find(|row| row.facts.id == id).unwrap());
    }

    fn rows(&self) -> std::sync::MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&mut Vec<Row>) -> T,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_silent.load(Ordering::Relaxed) {
            return Box::pin(pending());
        }
        let outage = self.outage.lock().unwrap().clone();
        Box::pin(ready(outage.map_or_else(|| Ok(answer(&mut self.rows())), Err)))
    }
}

fn passes(filter: &Filter, row: &Row) -> bool {
    let facts = &row.facts;
    filter.environment.as_ref().is_none_or(|environment| *environment == facts.environment)
        && filter.operation.as_ref().is_none_or(|operation| *operation == facts.operation)
        && filter.state.is_none_or(|state| state == row.state)
        && filter.lane.is_none_or(|lane| lane == row.lane)
        && filter.correlation_id.as_ref().is_none_or(|id| Some(id) == facts.correlation_id.as_ref())
        && filter.since.is_none_or(|since| facts.received_at >= since)
        && filter.until.is_none_or(|until| facts.received_at < until)
}

impl Store for Memory {
    fn engine(&self) -> &'static str {
        "memory"
    }

    fn parallel_writes(&self) -> usize {
        1
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        self.answer(|rows| {
            let receive = |new: NewRow| {
                rows.push(Row {
                    sequence: rows.last().map_or(1, |last| last.sequence + 1),
                    pending_since: new.facts.received_at,
                    facts: new.facts,
                    lane: new.lane,
                    payload: new.payload,
                    state: State::Pending,
                    attempts: 0,
                    replays: 0,
                    next_attempt: None,
                    last_problem: None,
                    settled_at: None,
                });
                Received::Stored
            };
            BatchOutcome { received: batch.receive.into_iter().map(receive).collect(), ..BatchOutcome::default() }
        })
    }

    fn first_heads(&self, _: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Head>, StoreError>> {
        self.answer(|_| Vec::new())
    }

    fn heads(&self, lane: Digest, most: usize) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        self.list(Filter { lane: Some(lane), state: Some(State::Pending), ..Filter::default() }, 0, most)
    }

    fn next_due(&self, _: DestinationKey) -> BoxFuture<'_, Result<Option<Duration>, StoreError>> {
        self.answer(|_| None)
    }

    fn waiting(&self) -> BoxFuture<'_, Result<Vec<(DestinationKey, u64)>, StoreError>> {
        self.answer(|_| Vec::new())
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(pending())
    }

    fn counts(&self) -> BoxFuture<'_, Result<Vec<Count>, StoreError>> {
        self.answer(|_| Vec::new())
    }

    fn list(&self, filter: Filter, after: i64, most: usize) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        self.answer(|rows| {
            let wanted = rows.iter().filter(|row| row.sequence > after && passes(&filter, row));
            let mut bytes = 0;
            let page = wanted.take(most).take_while(|row| {
                let room = bytes < PAGE_BYTES;
                bytes += row.payload.bytes.len();
                room
            });
            page.cloned().collect()
        })
    }

    fn find(&self, id: EntryId) -> BoxFuture<'_, Result<Option<Row>, StoreError>> {
        self.answer(|rows| rows.iter().find(|row| row.facts.id == id).cloned())
    }

    fn decide(&self, id: EntryId, decision: Decision) -> BoxFuture<'_, Result<Decided, StoreError>> {
        self.answer(|rows| {
            let Some(row) = rows.iter_mut().find(|row| row.facts.id == id) else { return Decided::Unknown };
            match (decision, row.state) {
                (Decision::Replay, _) => {
                    row.state = State::Pending;
                    row.replays += 1;
                }
                (Decision::Discard, State::Pending | State::Dead) => row.state = State::Discarded,
                (Decision::Discard, state) => return Decided::Refused(state),
            }
            Decided::Done
        })
    }

    fn purge(
        &self,
        state: State,
        before: Millis,
        filter: Filter,
        most: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.answer(|rows| {
            let goes = |row: &Row| {
                row.state == state
                    && state != State::Pending
                    && row.settled_at.is_some_and(|at| at < before)
                    && passes(&filter, row)
            };
            let gone: Vec<_> = rows.iter().filter(|row| goes(row)).take(most).map(|row| row.sequence).collect();
            rows.retain(|row| !gone.contains(&row.sequence));
            gone.len() as u64
        })
    }

    fn forget(&self, _: Millis, _: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.answer(|_| 0)
    }

    fn reseal(&self, payloads: Vec<(EntryId, Option<String>, Payload)>) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.answer(|rows| {
            let mut done = 0;
            for (id, key_id, payload) in payloads {
                if let Some(row) = rows.iter_mut().find(|row| row.facts.id == id && row.payload.key_id == key_id) {
                    row.payload = payload;
                    done += 1;
                }
            }
            done
        })
    }

    fn note(&self, name: &'static str) -> BoxFuture<'_, Result<Option<Note>, StoreError>> {
        self.answer(|_| self.notes.lock().unwrap().get(name).cloned())
    }

    fn keep(&self, name: &'static str, note: Note, replace: bool) -> BoxFuture<'_, Result<Note, StoreError>> {
        self.answer(|_| {
            let mut notes = self.notes.lock().unwrap();
            if replace {
                notes.insert(name, note.clone());
            }
            notes.entry(name).or_insert(note).clone()
        })
    }

    fn size(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.answer(|rows| rows.iter().map(|row| row.payload.bytes.len() as u64).sum())
    }

    fn verify(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.answer(|_| Vec::new())
    }

    fn now(&self) -> BoxFuture<'_, Result<Millis, StoreError>> {
        self.answer(|_| 1_700_000_100_000)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

/// Stores an entry with this body as it is sealed now.
pub(crate) async fn stored(store: &Memory, sealing: &super::Sealing, body: &'static str) -> Facts {
    let facts = facts();
    let payload = sealing.seal(&facts, &contents(body)).unwrap();
    let row = NewRow { lane: sealing.lane_of_its_own(facts.id), deduplication: None, facts: facts.clone(), payload };
    store.write(Batch { receive: vec![row], ..Batch::default() }).await.unwrap();
    facts
}
