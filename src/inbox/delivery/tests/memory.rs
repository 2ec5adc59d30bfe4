//! A store in memory, for tests: what deliveries use of one, by tokio's clock. What they do not use fails.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::inbox::entry::{EntryId, Millis, State};
use crate::inbox::store::{
    Batch, BatchOutcome, Claim, Count, Decided, Decision, DestinationKey, Digest, Ending, Filter, Head, Lease, NewRow,
    Note, Payload, Received, Renewal, Row, Settlement, Store, StoreError, Then,
};

/// 2025-01-01.
const BEGIN: Millis = 1_735_689_600_000;

#[derive(Debug)]
pub(super) struct Memory {
    begin: Instant,
    tables: Mutex<Tables>,
    pub(super) is_down: AtomicBool,
    /// Transactions are carried out, and nobody hears of it.
    pub(super) loses_answers: AtomicBool,
    /// Lanes cannot be leased: somebody's transaction is busy with them.
    pub(super) lanes_are_busy: AtomicBool,
    /// The next question for what is due panics.
    pub(super) panics: AtomicBool,
    pub(super) questions: AtomicUsize,
}

#[derive(Debug, Default)]
struct Tables {
    rows: BTreeMap<i64, Row>,
    lanes: HashMap<Digest, LaneRow>,
    fences: i64,
}

#[derive(Debug)]
struct LaneRow {
    of: DestinationKey,
    pending: usize,
    due: Duration,
    fence: i64,
    is_leased: bool,
    blocked_by: Option<EntryId>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            begin: Instant::now(),
            tables: Mutex::default(),
            is_down: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
            lanes_are_busy: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            questions: AtomicUsize::new(0),
        }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        self.tables().rows.values().cloned().collect()
    }

    pub(super) fn states(&self) -> Vec<State> {
        self.rows().into_iter().map(|row| row.state).collect()
    }

    /// Whether somebody has `lane` for himself now.
    pub(super) fn is_leased(&self, lane: Digest) -> bool {
        let now = self.begin.elapsed();
        self.tables().lanes.get(&lane).is_some_and(|lane| lane.is_leased && now < lane.due)
    }

    pub(super) fn leased(&self) -> usize {
        let now = self.begin.elapsed();
        self.tables().lanes.values().filter(|lane| lane.is_leased && now < lane.due).count()
    }

    /// Takes every lease away, as if it had run out and another process had the lane now.
    pub(super) fn steal(&self, length: Duration) {
        let due = self.begin.elapsed() + length;
        let mut tables = self.tables();
        let Tables { lanes, fences, .. } = &mut *tables;
        for lane in lanes.values_mut() {
            *fences += 1;
            (lane.fence, lane.is_leased, lane.due) = (*fences, true, due);
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap()
    }

    fn millis(&self) -> Millis {
        BEGIN + Millis::try_from(self.begin.elapsed().as_millis()).unwrap()
    }

    fn claim(&self, tables: &mut Tables, claim: &Claim, now: Duration) -> Vec<Lease> {
        if self.lanes_are_busy.load(Ordering::Relaxed) { Vec::new() } else { tables.claim(claim, now) }
    }

    fn up(&self) -> Result<(), StoreError> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) { Err(StoreError::Unavailable("down".into())) } else { Ok(()) }
    }
}

impl Tables {
    fn settle(&mut self, settlement: &Settlement, now: Duration, at: Millis) -> bool {
        let Lease { lane, fence } = settlement.lease;
        let held = self.lanes.get(&lane).is_some_and(|row| row.is_leased && row.fence == fence);
        for (id, ending) in &settlement.endings {
            let row = self.rows.values_mut().find(|row| row.facts.id == *id).unwrap();
            if row.state != State::Pending || !(held || *ending == Ending::Delivered) {
                continue;
            }
            row.attempts += 1;
            match ending {
                Ending::Delivered => row.state = State::Delivered,
                Ending::Failed { problem } => row.last_problem = Some(problem.clone()),
                Ending::Dead { problem } => (row.state, row.last_problem) = (State::Dead, Some(problem.clone())),
            }
            if row.state != State::Pending {
                row.settled_at = Some(at);
                self.lanes.get_mut(&lane).unwrap().pending -= 1;
            }
        }
        if !held {
            return false;
        }
        let row = self.lanes.get_mut(&lane).unwrap();
        match settlement.then {
            Then::Keep => {}
            Then::Release { after } => {
                (row.is_leased, row.due) = (false, now + after);
                if row.pending == 0 {
                    self.lanes.remove(&lane);
                }
            }
            Then::Block => {
                (row.is_leased, row.due) = (false, Duration::MAX);
                row.blocked_by = settlement.endings.last().map(|(id, _)| *id);
            }
        }
        true
    }

    fn renew(&mut self, renewal: &Renewal, now: Duration) -> Vec<Lease> {
        let mut lost = Vec::new();
        for lease in &renewal.leases {
            match self.lanes.get_mut(&lease.lane).filter(|row| row.is_leased && row.fence == lease.fence) {
                Some(row) => row.due = now + renewal.lease,
                None => lost.push(*lease),
            }
        }
        lost
    }

    fn receive(&mut self, new: NewRow, now: Duration, at: Millis) -> Received {
        let of =
            DestinationKey { environment: new.facts.environment.clone(), destination: new.facts.destination.clone() };
        self.lane(new.lane, of, now).pending += 1;
        let sequence = i64::try_from(self.rows.len()).unwrap() + 1;
        let row = Row {
            sequence,
            facts: new.facts,
            lane: new.lane,
            payload: new.payload,
            state: State::Pending,
            attempts: 0,
            replays: 0,
            pending_since: at,
            next_attempt: None,
            last_problem: None,
            settled_at: None,
        };
        self.rows.insert(sequence, row);
        Received::Stored
    }

    fn lane(&mut self, lane: Digest, of: DestinationKey, now: Duration) -> &mut LaneRow {
        let fence = self.fences;
        let made = LaneRow { of, pending: 0, due: now, fence, is_leased: false, blocked_by: None };
        self.lanes.entry(lane).or_insert(made)
    }

    fn claim(&mut self, claim: &Claim, now: Duration) -> Vec<Lease> {
        let Self { lanes, fences, .. } = self;
        let mut due: Vec<_> =
            lanes.iter_mut().filter(|(_, row)| row.of == claim.destination && row.due <= now).collect();
        due.sort_by_key(|(lane, row)| (row.due, **lane));
        due.truncate(claim.most);
        let take = |(lane, row): (&Digest, &mut LaneRow)| {
            *fences += 1;
            (row.fence, row.is_leased, row.due) = (*fences, true, now + claim.lease);
            Lease { lane: *lane, fence: row.fence }
        };
        due.into_iter().map(take).collect()
    }

    fn decide(&mut self, id: EntryId, decision: Decision, now: Duration, at: Millis) -> Decided {
        let Some(row) = self.rows.values_mut().find(|row| row.facts.id == id) else { return Decided::Unknown };
        let was_pending = row.state == State::Pending;
        let lane = row.lane;
        let of =
            DestinationKey { environment: row.facts.environment.clone(), destination: row.facts.destination.clone() };
        match decision {
            Decision::Discard if row.state == State::Delivered => return Decided::Refused(State::Delivered),
            Decision::Discard => row.state = State::Discarded,
            Decision::Replay => {
                (row.state, row.attempts, row.pending_since) = (State::Pending, 0, at);
                row.replays += 1;
            }
        }
        let is_pending = row.state == State::Pending;
        if is_pending || self.lanes.contains_key(&lane) {
            let row = self.lane(lane, of, now);
            row.pending = row.pending + usize::from(is_pending) - usize::from(was_pending);
            if row.blocked_by == Some(id) {
                (row.blocked_by, row.due) = (None, now);
            }
            if is_pending && row.blocked_by.is_none() && !row.is_leased {
                row.due = now;
            }
            if row.pending == 0 && !row.is_leased && row.blocked_by.is_none() {
                self.lanes.remove(&lane);
            }
        }
        Decided::Done
    }
}

impl Store for Memory {
    fn engine(&self) -> &'static str {
        "memory"
    }

    fn parallel_writes(&self) -> usize {
        1
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        async move {
            self.up()?;
            let (now, at) = (self.begin.elapsed(), self.millis());
            let mut tables = self.tables();
            let outcome = BatchOutcome {
                settled: batch.settle.iter().map(|settlement| tables.settle(settlement, now, at)).collect(),
                lost: batch.renew.iter().map(|renewal| tables.renew(renewal, now)).collect(),
                received: batch.receive.into_iter().map(|row| tables.receive(row, now, at)).collect(),
                claimed: batch.claim.iter().map(|claim| self.claim(&mut tables, claim, now)).collect(),
            };
            if self.loses_answers.load(Ordering::Relaxed) {
                return Err(StoreError::Unavailable("the connection broke".into()));
            }
            Ok(outcome)
        }
        .boxed()
    }

    fn first_heads(&self, lanes: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Head>, StoreError>> {
        let heads = move || {
            self.up()?;
            let tables = self.tables();
            let of = |lane: &Digest| {
                let mut pending =
                    tables.rows.values().filter(|row| row.lane == *lane && row.state == State::Pending).peekable();
                let row = (*pending.peek()?).clone();
                Some(Head { row, pending: pending.count() as u64 })
            };
            Ok(lanes.iter().filter_map(of).collect())
        };
        async move { heads() }.boxed()
    }

    fn heads(&self, lane: Digest, most: usize) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        let heads = move || {
            self.up()?;
            let tables = self.tables();
            let pending = tables.rows.values().filter(|row| row.lane == lane && row.state == State::Pending);
            Ok(pending.take(most).cloned().collect())
        };
        async move { heads() }.boxed()
    }

    fn next_due(&self, of: DestinationKey) -> BoxFuture<'_, Result<Option<Duration>, StoreError>> {
        let next_due = move || {
            assert!(!self.panics.swap(false, Ordering::Relaxed), "as the test says");
            self.up()?;
            let now = self.begin.elapsed();
            let tables = self.tables();
            let due = tables.lanes.values().filter(|row| row.of == of && row.blocked_by.is_none());
            Ok(due.map(|row| row.due.saturating_sub(now)).min())
        };
        async move { next_due() }.boxed()
    }

    fn waiting(&self) -> BoxFuture<'_, Result<Vec<(DestinationKey, u64)>, StoreError>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        std::future::pending().boxed()
    }

    fn decide(&self, id: EntryId, decision: Decision) -> BoxFuture<'_, Result<Decided, StoreError>> {
        let decided = self.tables().decide(id, decision, self.begin.elapsed(), self.millis());
        async move { Ok(decided) }.boxed()
    }

    fn now(&self) -> BoxFuture<'_, Result<Millis, StoreError>> {
        let now = self.up().map(|()| self.millis());
        async move { now }.boxed()
    }

    fn counts(&self) -> BoxFuture<'_, Result<Vec<Count>, StoreError>> {
        not_kept()
    }

    fn list(&self, _: Filter, _: i64, _: usize) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        not_kept()
    }

    fn find(&self, _: EntryId) -> BoxFuture<'_, Result<Option<Row>, StoreError>> {
        not_kept()
    }

    fn purge(&self, _: State, _: Millis, _: Filter, _: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        not_kept()
    }

    fn forget(&self, _: Millis, _: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        not_kept()
    }

    fn reseal(&self, _: Vec<(EntryId, Option<String>, Payload)>) -> BoxFuture<'_, Result<u64, StoreError>> {
        not_kept()
    }

    fn note(&self, _: &'static str) -> BoxFuture<'_, Result<Option<Note>, StoreError>> {
        not_kept()
    }

    fn keep(&self, _: &'static str, _: Note, _: bool) -> BoxFuture<'_, Result<Note, StoreError>> {
        not_kept()
    }

    fn size(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        not_kept()
    }

    fn verify(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        not_kept()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

fn not_kept<T: Send + 'static>() -> BoxFuture<'static, Result<T, StoreError>> {
    async { Err(StoreError::Rejected("this store is for deliveries only".into())) }.boxed()
}
