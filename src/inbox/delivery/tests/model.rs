//! Deliveries against what has to be true of them, whatever happens.

use std::collections::HashMap;

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::scripted::Seen;
use super::*;
use crate::inbox::delivery::OnDeadLetter;
use crate::inbox::store::Decision;

const LANES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Step {
    Receive {
        lane: usize,
    },
    /// From now on the destination answers so, one after the other, again and again.
    Follow(Vec<Reply>),
    /// A process dies, and another starts in its place.
    Die {
        process: usize,
    },
    /// A process is stopped, and another starts in its place.
    Stop {
        process: usize,
        within: u64,
    },
    Pass {
        millis: u64,
    },
    Decide {
        entry: prop::sample::Index,
        decision: Decision,
    },
    /// Shorter than a lease less a renewal.
    Outage {
        millis: u64,
    },
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        4 => Just(Reply::Take),
        2 => (1..20_000_u64).prop_map(|millis| Reply::TakeAfter(Duration::from_millis(millis))),
        3 => Just(Reply::Fail),
        1 => (0..60_u64).prop_map(|seconds| Reply::FailUntil(Duration::from_secs(seconds))),
        1 => Just(Reply::Refuse),
        1 => Just(Reply::Hang),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..LANES.len()).prop_map(|lane| Step::Receive { lane }),
        2 => prop::collection::vec(reply(), 1..6).prop_map(Step::Follow),
        1 => (0..2_usize).prop_map(|process| Step::Die { process }),
        1 => (0..2_usize, 0..40_u64).prop_map(|(process, within)| Step::Stop { process, within }),
        4 => (1..90_000_u64).prop_map(|millis| Step::Pass { millis }),
        1 => any::<prop::sample::Index>().prop_map(|entry| Step::Decide { entry, decision: Decision::Replay }),
        1 => any::<prop::sample::Index>().prop_map(|entry| Step::Decide { entry, decision: Decision::Discard }),
        1 => (1..8_000_u64).prop_map(|millis| Step::Outage { millis }),
    ]
}

/// What the test itself knows to have happened.
#[derive(Default)]
struct Model {
    /// Lane and number of each entry, in the order in which they came.
    entries: Vec<(EntryId, &'static str, u32)>,
    decided: HashMap<EntryId, Vec<Decision>>,
}

async fn run(steps: Vec<Step>, on_dead_letter: OnDeadLetter) {
    let inbox = Inbox::new(|_| Reply::Take);
    let options = DeliveryOptions { on_dead_letter, max_in_flight: 3, ..DeliveryOptions::default() };
    let mut processes = [inbox.deliver(options), inbox.deliver(options)];
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Receive { lane } => {
                let number = u32::try_from(model.entries.len()).unwrap();
                let id = inbox.receive(LANES[lane], number).await;
                model.entries.push((id, LANES[lane], number));
                processes[0].wake(&of());
            }
            Step::Follow(replies) => {
                let turn = std::sync::atomic::AtomicUsize::new(0);
                inbox
                    .destination
                    .follow(move |_| replies[turn.fetch_add(1, Ordering::Relaxed) % replies.len()].clone());
            }
            Step::Die { process } => processes[process] = inbox.deliver(options),
            Step::Stop { process, within } => {
                processes[process].stop(Duration::from_secs(within)).await;
                processes[process] = inbox.deliver(options);
            }
            Step::Pass { millis } => sleep(Duration::from_millis(millis)).await,
            Step::Decide { entry, decision } if !model.entries.is_empty() => {
                let id = entry.get(&model.entries).0;
                inbox.store.decide(id, decision).await.unwrap();
                model.decided.entry(id).or_default().push(decision);
            }
            Step::Decide { .. } => {}
            Step::Outage { millis } => {
                inbox.is_down(true);
                sleep(Duration::from_millis(millis)).await;
                inbox.is_down(false);
                // Long enough for leases to be renewed: one that runs out is another test's.
                sleep(Duration::from_secs(3)).await;
            }
        }
    }
    inbox.destination.follow(|_| Reply::Take);
    // Lanes that are blocked stay so until somebody decides: then they come to an end as well.
    inbox.until(|| rests(&inbox, &model)).await;
    for row in inbox.store.rows() {
        if row.state == State::Dead {
            inbox.store.decide(row.facts.id, Decision::Replay).await.unwrap();
            model.decided.entry(row.facts.id).or_default().push(Decision::Replay);
        }
    }
    inbox.settled().await;
    model.holds(&inbox);
}

/// Whether nothing is pending but what waits behind a dead letter.
fn rests(inbox: &Inbox, model: &Model) -> bool {
    let rows = inbox.store.rows();
    assert_eq!(rows.len(), model.entries.len());
    let is_dead = |lane| rows.iter().any(|row| row.lane == lane && row.state == State::Dead);
    rows.iter().all(|row| row.state != State::Pending || is_dead(row.lane))
}

impl Model {
    fn holds(&self, inbox: &Inbox) {
        assert_eq!(inbox.destination.faults(), [""; 0], "one at a time, and under a lease");
        let seen = inbox.destination.seen();
        let by_id = |id: EntryId| seen.iter().filter(move |seen| seen.id == id);
        for (row, (id, lane, number)) in inbox.store.rows().iter().zip(&self.entries) {
            assert_eq!(row.facts.id, *id);
            assert!(by_id(*id).all(|seen| seen.lane == *lane && seen.number == *number), "an id is one entry's");
            let is_taken = by_id(*id).any(|seen| seen.is_taken);
            match row.state {
                State::Delivered => assert!(is_taken, "{number} is said to be delivered"),
                State::Discarded => assert!(self.decided[id].contains(&Decision::Discard), "{number}"),
                State::Pending | State::Dead => panic!("{number} was left {}", row.state),
            }
            assert!(by_id(*id).all(|seen| usize::try_from(seen.replays).unwrap() <= self.replays(*id)));
        }
        for lane in LANES {
            self.is_in_order(lane, &seen);
        }
    }

    /// What somebody replayed comes when he wanted it; everything else in the order in which it came.
    fn is_in_order(&self, lane: &str, seen: &[Seen]) {
        let mut first = Vec::new();
        for seen in seen.iter().filter(|seen| seen.lane == lane && seen.is_taken && self.replays(seen.id) == 0) {
            if !first.contains(&seen.number) {
                first.push(seen.number);
            }
        }
        assert!(first.is_sorted(), "lane {lane} came as {first:?}");
    }

    fn replays(&self, id: EntryId) -> usize {
        let decided = self.decided.get(&id).map_or(&[][..], Vec::as_slice);
        decided.iter().filter(|decision| **decision == Decision::Replay).count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_entry_ends_once_and_in_order(
        steps in prop::collection::vec(step(), 1..60),
        blocks in any::<bool>(),
    ) {
        let on_dead_letter = if blocks { OnDeadLetter::Block } else { OnDeadLetter::Continue };
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(steps, on_dead_letter));
    }
}
