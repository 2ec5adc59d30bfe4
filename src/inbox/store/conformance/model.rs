//! A store beside a plain model of one: whatever is done, and by whichever of two processes, both say the same. What is a repeat, whose
//! lane it is, what comes next in it, and that nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::super::{Decided, Decision};
use super::*;

const LANES: u8 = 3;
const KEYS: u8 = 3;
/// Calls of a case come so far apart: some within a window, some at its very end, some behind it.
const APART: Duration = Duration::from_secs(WINDOW.as_secs() / 2);

#[derive(Clone, Debug)]
enum Step {
    /// One batch, so many times [`APART`] after the first call: lanes, and keys where there are any.
    Receive {
        calls: Vec<(u8, Option<u8>)>,
        later: i64,
    },
    /// `dies` = whoever claims is gone at once, and its leases with it.
    Claim {
        dies: bool,
    },
    /// Whoever had a lease once, be it long lost, says what came of entries of its lane, be they settled long since.
    Settle {
        lease: Index,
        endings: Vec<(Index, Ending)>,
        then: Then,
    },
    Decide {
        entry: Index,
        decision: Decision,
    },
    /// Longer than any lease, where the clock can be driven.
    Pass,
    Forget {
        later: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let call = (0..LANES, prop::option::weighted(0.8, 0..KEYS));
    let ending = prop_oneof![2 => Just(Ending::Delivered), 1 => Just(failed()), 2 => Just(dead())];
    let then = prop_oneof![
        1 => Just(Then::Keep),
        3 => Just(at_once()),
        1 => Just(Then::Release { after: LONG }),
        2 => Just(Then::Block),
    ];
    let decision = prop_oneof![Just(Decision::Replay), Just(Decision::Discard)];
    prop_oneof![
        6 => (prop::collection::vec(call, 1..4), 0..4_i64).prop_map(|(calls, later)| Step::Receive { calls, later }),
        3 => any::<bool>().prop_map(|dies| Step::Claim { dies }),
        6 => (any::<Index>(), prop::collection::vec((any::<Index>(), ending), 0..3), then)
            .prop_map(|(lease, endings, then)| Step::Settle { lease, endings, then }),
        3 => (any::<Index>(), decision).prop_map(|(entry, decision)| Step::Decide { entry, decision }),
        1 => Just(Step::Pass),
        1 => (0..4_i64).prop_map(|later| Step::Forget { later }),
    ]
}

#[derive(Debug)]
struct Entry {
    id: EntryId,
    lane: u8,
    key: Option<u8>,
    received_at: Millis,
    state: State,
    attempts: u32,
    replays: u32,
}

#[derive(Debug)]
struct Lane {
    is_due: bool,
    is_leased: bool,
    fence: i64,
    blocked_by: Option<EntryId>,
}

/// What is to be true, in the plainest words that there are for it.
#[derive(Debug, Default)]
struct Model {
    case: u32,
    /// In the order of commits.
    entries: Vec<Entry>,
    lanes: BTreeMap<u8, Lane>,
    /// Who has a key, and since when.
    seen: BTreeMap<u8, (EntryId, Millis)>,
    /// All that were ever given out.
    leases: Vec<Lease>,
}

impl Model {
    fn destination(&self) -> DestinationKey {
        DestinationKey { environment: format!("case{}", self.case), destination: "events".into() }
    }

    /// Other cases are at work on the same tables.
    fn digest(&self, of: u8) -> Digest {
        let mut digest = [of; 32];
        digest[..4].copy_from_slice(&self.case.to_be_bytes());
        digest
    }

    fn lane_of(&self, lease: Lease) -> u8 {
        (0..LANES).find(|lane| self.digest(*lane) == lease.lane).expect("it is of this case")
    }

    fn row(&self, lane: u8, key: Option<u8>, received_at: Millis) -> NewRow {
        let mut row = entry(0);
        row.facts.environment = self.destination().environment;
        row.facts.received_at = received_at;
        NewRow { lane: self.digest(lane), deduplication: key.map(|key| self.digest(LANES + key)), ..row }
    }

    fn receive(&mut self, row: &NewRow, lane: u8, key: Option<u8>) -> Received {
        let (id, received_at) = (row.facts.id, row.facts.received_at);
        if let Some(key) = key {
            if self.seen.get(&key).is_some_and(|(_, since)| *since > received_at - millis(WINDOW)) {
                return Received::Repeat;
            }
            self.seen.insert(key, (id, received_at));
        }
        self.entries.push(Entry { id, lane, key, received_at, state: State::Pending, attempts: 0, replays: 0 });
        self.lane(lane);
        Received::Stored
    }

    /// A lane that comes into being is due at once.
    fn lane(&mut self, lane: u8) -> &mut Lane {
        self.lanes.entry(lane).or_insert(Lane { is_due: true, is_leased: false, fence: 0, blocked_by: None })
    }

    fn pending(&self, lane: u8) -> Vec<EntryId> {
        let pending = self.entries.iter().filter(|entry| entry.lane == lane && entry.state == State::Pending);
        pending.map(|entry| entry.id).collect()
    }

    fn due(&self) -> BTreeSet<u8> {
        let due = self.lanes.iter().filter(|(_, lane)| lane.is_due && lane.blocked_by.is_none());
        due.map(|(lane, _)| *lane).collect()
    }

    fn holds(&self, lease: Lease) -> bool {
        self.lanes.get(&self.lane_of(lease)).is_some_and(|lane| lane.is_leased && lane.fence == lease.fence)
    }

    fn no_repeat_of(&mut self, id: EntryId) {
        self.seen.retain(|_, (who, _)| *who != id);
    }

    fn settle(&mut self, lease: Lease, endings: &[(EntryId, Ending)], then: Then) -> bool {
        let (lane, held) = (self.lane_of(lease), self.holds(lease));
        let mut stopped_by = None;
        for (id, ending) in endings {
            let entry = self.entries.iter_mut().find(|entry| entry.id == *id).unwrap();
            if entry.state != State::Pending {
                continue;
            }
            entry.attempts += 1;
            match ending {
                Ending::Delivered => entry.state = State::Delivered,
                Ending::Dead { .. } if held => {
                    entry.state = State::Dead;
                    stopped_by = Some(*id);
                    self.no_repeat_of(*id);
                }
                Ending::Failed { .. } | Ending::Dead { .. } => {}
            }
        }
        if held && then != Then::Keep {
            let row = self.lane(lane);
            (row.is_leased, row.is_due) = (false, then != Then::Release { after: LONG });
            if then == Then::Block {
                row.blocked_by = stopped_by;
            }
        }
        self.drop_if_over(lane);
        held
    }

    fn drop_if_over(&mut self, lane: u8) {
        if self.pending(lane).is_empty() {
            self.lanes.retain(|number, row| *number != lane || row.is_leased || row.blocked_by.is_some());
        }
    }

    fn decide(&mut self, at: usize, decision: Decision) -> Decided {
        let Entry { id, lane, key, received_at, state, .. } = self.entries[at];
        match (decision, state) {
            (Decision::Discard, State::Delivered) => return Decided::Refused(state),
            (Decision::Discard, State::Discarded) => return Decided::Done,
            (Decision::Discard, _) => {
                self.entries[at].state = State::Discarded;
                self.no_repeat_of(id);
            }
            (Decision::Replay, State::Pending) => {}
            (Decision::Replay, _) => {
                let entry = &mut self.entries[at];
                (entry.state, entry.attempts, entry.replays) = (State::Pending, 0, entry.replays + 1);
                if let Some(key) = key {
                    self.seen.entry(key).or_insert((id, received_at));
                }
                self.lane(lane);
            }
        }
        if let Some(row) = self.lanes.get_mut(&lane) {
            let unblocked = row.blocked_by.take_if(|by| *by == id).is_some();
            row.is_due |= unblocked || (decision == Decision::Replay && !row.is_leased);
        }
        self.drop_if_over(lane);
        Decided::Done
    }
}

/// A case, on `stores` in turn.
struct Case<'a> {
    subject: &'a Subject,
    model: Model,
    turn: usize,
}

impl Case<'_> {
    fn store(&mut self) -> Arc<dyn Store> {
        self.turn += 1;
        Arc::clone(if self.turn.is_multiple_of(2) { &self.subject.store } else { &self.subject.other })
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Receive { calls, later } => {
                let at = RECEIVED_AT + later * millis(APART);
                let rows: Vec<_> = calls.iter().map(|(lane, key)| self.model.row(*lane, *key, at)).collect();
                let expected: Vec<_> = std::iter::zip(&rows, &calls)
                    .map(|(row, (lane, key))| self.model.receive(row, *lane, *key))
                    .collect();
                assert_eq!(receive(self.store().as_ref(), &rows).await, expected);
            }
            Step::Claim { dies } => drop(self.claim(if dies { Duration::ZERO } else { LONG }).await),
            Step::Settle { lease, endings, then } if !self.model.leases.is_empty() => {
                let lease = *lease.get(&self.model.leases);
                let lane = self.model.lane_of(lease);
                let of_lane: Vec<_> =
                    self.model.entries.iter().filter(|entry| entry.lane == lane).map(|entry| entry.id).collect();
                let mut once = BTreeMap::new();
                if !of_lane.is_empty() {
                    once.extend(endings.iter().map(|(at, ending)| (*at.get(&of_lane).as_bytes(), ending.clone())));
                }
                let endings = once.into_iter().map(|(id, ending)| (EntryId::from_bytes(id), ending)).collect();
                self.settle(lease, endings, then).await;
            }
            Step::Decide { entry, decision } if !self.model.entries.is_empty() => {
                self.decide(entry.index(self.model.entries.len()), decision).await;
            }
            Step::Pass => {
                if let Some(clock) = &self.subject.clock {
                    clock.advance(LONG);
                    for lane in self.model.lanes.values_mut() {
                        lane.is_due = true;
                    }
                }
            }
            Step::Forget { later } => {
                let before = RECEIVED_AT + later * millis(APART);
                self.store().forget(before, 1_000).await.unwrap();
                self.model.seen.retain(|_, (_, since)| *since >= before);
            }
            Step::Settle { .. } | Step::Decide { .. } => {}
        }
    }

    async fn claim(&mut self, lease: Duration) -> Vec<Lease> {
        let claim = vec![Claim { destination: self.model.destination(), lease, most: 100 }];
        let leases = self.store().write(Batch { claim, ..Batch::default() }).await.unwrap().claimed.remove(0);
        let claimed: BTreeSet<u8> = leases.iter().map(|lease| self.model.lane_of(*lease)).collect();
        assert_eq!((claimed, leases.len()), (self.model.due(), self.model.due().len()), "who has a lane has it alone");
        let newest = self.model.leases.iter().map(|lease| lease.fence).max().unwrap_or_default();
        for lease in &leases {
            assert!(lease.fence > newest, "no lease is mistaken for an earlier one");
            let number = self.model.lane_of(*lease);
            let row = self.model.lane(number);
            (row.is_leased, row.is_due, row.fence) = (true, false, lease.fence);
            let heads = ids(&self.store().heads(lease.lane, 100).await.unwrap());
            assert_eq!(heads, self.model.pending(number), "in the order of commits");
        }
        if lease.is_zero() {
            // Over as soon as they have begun.
            for lease in &leases {
                self.model.lane(self.model.lane_of(*lease)).is_due = true;
            }
        }
        self.model.leases.extend(&leases);
        leases
    }

    async fn settle(&mut self, lease: Lease, endings: Vec<(EntryId, Ending)>, then: Then) {
        let held = self.model.settle(lease, &endings, then);
        let settle = vec![Settlement { lease, endings, then }];
        let outcome = self.store().write(Batch { settle, ..Batch::default() }).await.unwrap();
        assert_eq!(outcome.settled, [held]);
    }

    async fn decide(&mut self, at: usize, decision: Decision) {
        let id = self.model.entries[at].id;
        let decided = self.store().decide(id, decision).await.unwrap();
        assert_eq!(decided, self.model.decide(at, decision));
    }

    /// Everything that can be asked has the answer that the model has.
    async fn agrees(&mut self) {
        let filter = Filter { environment: Some(self.model.destination().environment), ..Filter::default() };
        let rows = self.store().list(filter, 0, 1_000).await.unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.facts.id, row.state, row.attempts, row.replays)).collect();
        let model: Vec<_> = self.model.entries.iter().map(|e| (e.id, e.state, e.attempts, e.replays)).collect();
        assert_eq!(found, model);
        let due = self.store().next_due(self.model.destination()).await.unwrap();
        let is_any = self.model.lanes.values().any(|lane| lane.blocked_by.is_none());
        assert_eq!(due.map(|due| due.is_zero()), is_any.then(|| !self.model.due().is_empty()));
    }

    /// Each key is asked for: who has one, and who lost it to a dead letter, is as it should be.
    async fn knows_repeats(&mut self) {
        let calls = (0..KEYS).map(|key| (0, Some(key))).collect();
        self.take(Step::Receive { calls, later: 0 }).await;
    }

    /// Nobody fails any more, and somebody looks after dead letters: each entry comes to its end, in order.
    async fn comes_to_rest(&mut self) {
        for at in 0..self.model.entries.len() {
            if self.model.entries[at].state == State::Dead {
                self.decide(at, Decision::Replay).await;
            }
        }
        for lease in self.model.leases.clone() {
            if self.model.holds(lease) {
                self.settle(lease, Vec::new(), at_once()).await;
            }
        }
        for at in 0..self.model.entries.len() {
            if self.model.entries[at].state == State::Pending {
                self.decide(at, Decision::Replay).await;
            }
        }
        for lease in self.claim(LONG).await {
            for id in self.model.pending(self.model.lane_of(lease)) {
                self.settle(lease, vec![(id, Ending::Delivered)], Then::Keep).await;
            }
            self.settle(lease, Vec::new(), at_once()).await;
        }
        self.agrees().await;
        assert!(self.model.entries.iter().all(|entry| matches!(entry.state, State::Delivered | State::Discarded)));
        assert!(self.model.lanes.is_empty(), "and no lane is left: {:?}", self.model.lanes);
    }
}

pub(in crate::inbox) async fn whatever_is_done_a_store_does_what_a_plain_model_of_it_does(subject: &Subject) {
    let cases = AtomicU32::new(0);
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let run = |steps: Vec<Step>| {
        let model = Model { case: cases.fetch_add(1, Ordering::Relaxed), ..Model::default() };
        let mut case = Case { subject, model, turn: 0 };
        Handle::current().block_on(async {
            for step in steps {
                case.take(step).await;
                case.agrees().await;
            }
            case.knows_repeats().await;
            case.comes_to_rest().await;
        });
        Ok(())
    };
    let outcome = block_in_place(|| runner.run(&prop::collection::vec(step(), 1..40), run));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
