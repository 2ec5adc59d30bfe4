//! What comes of deliveries.

use super::super::{Decided, Decision};
use super::*;

pub(in crate::inbox) async fn the_last_delivery_ends_the_lane(subject: &Subject) {
    let (first, second) = (entry(1), entry(1));
    subject.receive([&first, &second]).await;
    let lease = subject.claim_one(LONG).await;
    assert!(subject.settle(lease, vec![(first.facts.id, Ending::Delivered)], Then::Keep).await);
    assert_eq!(subject.heads(1).await, [second.facts.id]);
    assert!(subject.settle(lease, vec![(second.facts.id, Ending::Delivered)], at_once()).await);
    let found = subject.find(&second).await;
    assert_eq!(state_of(&found), (State::Delivered, 1));
    assert!(found.settled_at.is_some() && found.next_attempt.is_none());
    assert_eq!(subject.next_due().await, None);
}

pub(in crate::inbox) async fn a_failure_is_tried_again_after_its_time(subject: &Subject) {
    let row = entry(1);
    subject.receive([&row]).await;
    let lease = subject.claim_one(LONG).await;
    assert!(subject.settle(lease, vec![(row.facts.id, failed())], Then::Release { after: LONG }).await);
    assert_eq!(subject.claim(LONG).await, []);
    let found = subject.find(&row).await;
    assert_eq!((state_of(&found), found.last_problem.as_deref()), ((State::Pending, 1), Some("no answer")));
    let now = subject.store.now().await.unwrap();
    assert!(found.next_attempt.unwrap() > now + millis(LONG / 2));
    // What comes meanwhile does not make it due.
    subject.receive([&entry(1)]).await;
    assert_eq!(subject.claim(LONG).await, []);
}

pub(in crate::inbox) async fn only_deliveries_and_attempts_count_without_a_lease(subject: &Subject) {
    let rows = [keyed(1, 1), keyed(1, 2), keyed(1, 3)];
    subject.receive(&rows).await;
    let lost = subject.claim_one(SHORT).await;
    subject.pass(SHORT).await;
    let lease = subject.claim_one(LONG).await;
    let endings = vec![(rows[0].facts.id, Ending::Delivered), (rows[1].facts.id, failed()), (rows[2].facts.id, dead())];
    assert!(!subject.settle(lost, endings, Then::Block).await);
    assert_eq!(state_of(&subject.find(&rows[0]).await), (State::Delivered, 1));
    for row in &rows[1..] {
        let found = subject.find(row).await;
        assert_eq!((state_of(&found), found.last_problem), ((State::Pending, 1), None));
    }
    assert_eq!(subject.receive([&keyed(1, 3)]).await, [Received::Repeat]);
    let endings = rows[1..].iter().map(|row| (row.facts.id, Ending::Delivered)).collect();
    assert!(subject.settle(lease, endings, at_once()).await, "whoever has the lease keeps it");
    assert_eq!(subject.next_due().await, None);
}

pub(in crate::inbox) async fn a_lease_that_was_released_no_longer_holds(subject: &Subject) {
    let row = entry(1);
    subject.receive([&row]).await;
    let lease = subject.claim_one(LONG).await;
    let settle = vec![
        Settlement { lease, endings: vec![(row.facts.id, failed())], then: Then::Keep },
        Settlement { lease, endings: vec![(row.facts.id, failed())], then: Then::Release { after: LONG } },
        Settlement { lease, endings: vec![(row.facts.id, dead())], then: at_once() },
    ];
    let outcome = subject.store.write(Batch { settle, ..Batch::default() }).await.unwrap();
    assert_eq!(outcome.settled, [true, true, false]);
    assert_eq!(state_of(&subject.find(&row).await), (State::Pending, 3));
    assert_eq!(subject.claim(LONG).await, [], "the second put it off");
}

pub(in crate::inbox) async fn what_was_discarded_meanwhile_stays_discarded(subject: &Subject) {
    let rows = [entry(1), entry(1)];
    subject.receive(&rows).await;
    let lease = subject.claim_one(LONG).await;
    for row in &rows {
        assert_eq!(subject.store.decide(row.facts.id, Decision::Discard).await.unwrap(), Decided::Done);
    }
    let endings = vec![(rows[0].facts.id, Ending::Delivered), (rows[1].facts.id, dead())];
    assert!(subject.settle(lease, endings, Then::Block).await);
    for row in &rows {
        assert_eq!(state_of(&subject.find(row).await), (State::Discarded, 0));
    }
    let next = entry(1);
    subject.receive([&next]).await;
    assert_eq!(subject.claim(LONG).await.len(), 1, "nothing blocks the lane");
}

pub(in crate::inbox) async fn a_dead_letter_does_not_stop_the_lane(subject: &Subject) {
    let (first, second) = (entry(1), entry(1));
    subject.receive([&first, &second]).await;
    let lease = subject.claim_one(LONG).await;
    assert!(subject.settle(lease, vec![(first.facts.id, dead())], at_once()).await);
    let found = subject.find(&first).await;
    assert_eq!((state_of(&found), found.last_problem.as_deref()), ((State::Dead, 1), Some("422")));
    assert_eq!(subject.claim_one(LONG).await.lane, [1; 32]);
    assert_eq!(subject.heads(1).await, [second.facts.id]);
}

pub(in crate::inbox) async fn a_dead_letter_blocks_the_lane_where_it_shall(subject: &Subject) {
    let (first, second) = (entry(1), entry(1));
    subject.receive([&first, &second]).await;
    let lease = subject.claim_one(LONG).await;
    assert!(subject.settle(lease, vec![(first.facts.id, dead())], Then::Block).await);
    subject.receive([&entry(1)]).await;
    assert_eq!((subject.claim(LONG).await, subject.next_due().await), (Vec::new(), None));
    assert_eq!(subject.find(&second).await.next_attempt, None);
    assert!(!subject.settle(lease, Vec::new(), at_once()).await, "nobody holds it");
    assert_eq!(subject.next_due().await, None, "and so it stays");
    // The only entry of its lane blocks what comes after it.
    subject.bury(&entry(2), Then::Block).await;
    subject.receive([&entry(2)]).await;
    assert_eq!(subject.claim(LONG).await, []);
}

pub(in crate::inbox) async fn what_was_delivered_after_all_is_known_although_another_gave_it_up(subject: &Subject) {
    let row = keyed(1, 1);
    subject.receive([&row]).await;
    let lost = subject.claim_one(SHORT).await;
    subject.pass(SHORT).await;
    let lease = subject.claim_one(LONG).await;
    assert!(!subject.settle(lost, vec![(row.facts.id, Ending::Delivered)], at_once()).await);
    assert!(subject.settle(lease, vec![(row.facts.id, dead())], at_once()).await);
    assert_eq!(state_of(&subject.find(&row).await), (State::Delivered, 1), "control: the delivery counts");
    assert_eq!(subject.receive([&keyed(1, 1)]).await, [Received::Repeat], "its key is still its own");
}
