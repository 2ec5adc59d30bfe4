//! Decisions.

use super::super::{Decided, Decision};
use super::*;

async fn decide(subject: &Subject, row: &NewRow, decision: Decision) -> Decided {
    subject.store.decide(row.facts.id, decision).await.unwrap()
}

pub(in crate::inbox) async fn a_replay_goes_back_to_its_place_and_unblocks(subject: &Subject) {
    let (first, second) = (entry(1), entry(1));
    subject.bury(&first, Then::Block).await;
    subject.receive([&second]).await;
    assert_eq!(subject.claim(LONG).await, [], "control: it is blocked");
    assert_eq!(decide(subject, &first, Decision::Replay).await, Decided::Done);
    let found = subject.find(&first).await;
    assert_eq!((state_of(&found), found.replays, found.settled_at), ((State::Pending, 0), 1, None));
    assert_ne!(found.pending_since, RECEIVED_AT, "it waits anew");
    assert_eq!(subject.claim_one(LONG).await.lane, [1; 32]);
    assert_eq!(subject.heads(1).await, [first.facts.id, second.facts.id]);
}

pub(in crate::inbox) async fn discarding_a_dead_letter_unblocks(subject: &Subject) {
    let (first, second, alone) = (entry(1), entry(1), entry(2));
    subject.bury(&first, Then::Block).await;
    subject.receive([&second]).await;
    subject.bury(&alone, Then::Block).await;
    for row in [&first, &alone] {
        assert_eq!(decide(subject, row, Decision::Discard).await, Decided::Done);
        assert_eq!(subject.find(row).await.state, State::Discarded);
    }
    assert_eq!(subject.claim_one(LONG).await.lane, [1; 32]);
    assert_eq!(subject.heads(1).await, [second.facts.id]);
}

pub(in crate::inbox) async fn a_replay_of_what_was_delivered_is_delivered_again(subject: &Subject) {
    let row = keyed(1, 1);
    subject.receive([&row]).await;
    let lease = subject.claim_one(LONG).await;
    subject.settle(lease, vec![(row.facts.id, Ending::Delivered)], at_once()).await;
    assert_eq!(decide(subject, &row, Decision::Replay).await, Decided::Done);
    let lease = subject.claim_one(LONG).await;
    assert!(subject.settle(lease, vec![(row.facts.id, Ending::Delivered)], at_once()).await);
    let found = subject.find(&row).await;
    assert_eq!((state_of(&found), found.replays), ((State::Delivered, 1), 1));
    // Under a lease of its lane, it does not take the lane away.
    let other = entry(1);
    subject.receive([&other]).await;
    let lease = subject.claim_one(LONG).await;
    decide(subject, &row, Decision::Replay).await;
    assert_eq!(subject.claim(LONG).await, []);
    assert!(subject.settle(lease, Vec::new(), at_once()).await);
    assert_eq!(subject.heads(1).await, [row.facts.id, other.facts.id]);
}

pub(in crate::inbox) async fn a_replay_takes_its_key_back_unless_somebody_has_it(subject: &Subject) {
    let (first, second) = (keyed(1, 1), keyed(1, 1));
    subject.bury(&first, at_once()).await;
    decide(subject, &first, Decision::Replay).await;
    assert_eq!(subject.receive([&keyed(1, 1)]).await, [Received::Repeat], "it has its key again");
    decide(subject, &first, Decision::Discard).await;
    assert_eq!(subject.receive([&second]).await, [Received::Stored]);
    decide(subject, &first, Decision::Replay).await;
    decide(subject, &first, Decision::Discard).await;
    assert_eq!(subject.receive([&keyed(1, 1)]).await, [Received::Repeat], "of the second, who has the key");
}

pub(in crate::inbox) async fn a_replay_of_what_is_pending_makes_it_due_but_takes_no_lease_away(subject: &Subject) {
    let row = entry(1);
    subject.receive([&row]).await;
    let lease = subject.claim_one(LONG).await;
    assert_eq!(decide(subject, &row, Decision::Replay).await, Decided::Done);
    assert_eq!(subject.claim(LONG).await, []);
    subject.settle(lease, vec![(row.facts.id, failed())], Then::Release { after: LONG }).await;
    assert_eq!(subject.claim(LONG).await, [], "control: it is put off");
    assert_eq!(decide(subject, &row, Decision::Replay).await, Decided::Done);
    subject.claim_one(LONG).await;
    assert_eq!(subject.find(&row).await.replays, 0, "it was never settled");
}

pub(in crate::inbox) async fn what_cannot_be_decided_is_refused(subject: &Subject) {
    let row = entry(1);
    assert_eq!(decide(subject, &row, Decision::Replay).await, Decided::Unknown);
    assert_eq!(decide(subject, &row, Decision::Discard).await, Decided::Unknown);
    subject.receive([&row]).await;
    let lease = subject.claim_one(LONG).await;
    subject.settle(lease, vec![(row.facts.id, Ending::Delivered)], at_once()).await;
    assert_eq!(decide(subject, &row, Decision::Discard).await, Decided::Refused(State::Delivered));
    assert_eq!(subject.find(&row).await.state, State::Delivered);
}

pub(in crate::inbox) async fn discarding_what_is_pending_leaves_no_lane(subject: &Subject) {
    let row = entry(1);
    subject.receive([&row]).await;
    for _ in 0..2 {
        assert_eq!(decide(subject, &row, Decision::Discard).await, Decided::Done);
    }
    let found = subject.find(&row).await;
    assert!(found.state == State::Discarded && found.settled_at.is_some());
    assert_eq!(subject.next_due().await, None);
}
