//! Purging, resealing, notes.

use super::super::{Decision, Note};
use super::*;

const FOR_EVER: Millis = Millis::MAX;

async fn purge(subject: &Subject, state: State, before: Millis, filter: Filter) -> u64 {
    subject.store.purge(state, before, filter, 100).await.unwrap()
}

pub(in crate::inbox) async fn purging_takes_what_is_settled_and_nothing_pending(subject: &Subject) {
    let rows = [entry(1), entry(2), entry(3), entry(4)];
    subject.receive(&rows).await;
    for row in &rows[..3] {
        subject.store.decide(row.facts.id, Decision::Discard).await.unwrap();
    }
    let settled_at = subject.find(&rows[0]).await.settled_at.unwrap();
    assert_eq!(purge(subject, State::Discarded, settled_at, Filter::default()).await, 0, "not before");
    assert_eq!(purge(subject, State::Dead, FOR_EVER, Filter::default()).await, 0, "not in that state");
    let elsewhere = Filter { environment: Some("production".into()), ..Filter::default() };
    assert_eq!(purge(subject, State::Discarded, FOR_EVER, elsewhere).await, 0);
    assert_eq!(subject.store.purge(State::Discarded, FOR_EVER, Filter::default(), 2).await.unwrap(), 2);
    assert_eq!(purge(subject, State::Discarded, FOR_EVER, Filter::default()).await, 1);
    assert_eq!(purge(subject, State::Pending, FOR_EVER, Filter::default()).await, 0);
    assert_eq!(ids(&subject.everything().await), [rows[3].facts.id]);
}

pub(in crate::inbox) async fn purging_leaves_what_blocks_a_lane(subject: &Subject) {
    let (blocking, other) = (entry(1), entry(2));
    subject.bury(&blocking, Then::Block).await;
    subject.bury(&other, at_once()).await;
    assert_eq!(purge(subject, State::Dead, FOR_EVER, Filter::default()).await, 1);
    assert_eq!(ids(&subject.everything().await), [blocking.facts.id]);
}

pub(in crate::inbox) async fn keys_outlive_their_entries_until_they_are_forgotten(subject: &Subject) {
    let row = keyed(1, 1);
    subject.receive([&row, &keyed(1, 2)]).await;
    let lease = subject.claim_one(LONG).await;
    subject.settle(lease, vec![(row.facts.id, Ending::Delivered)], at_once()).await;
    assert_eq!(purge(subject, State::Delivered, FOR_EVER, Filter::default()).await, 1);
    assert_eq!(subject.receive([&keyed(1, 1)]).await, [Received::Repeat]);
    assert_eq!(subject.store.forget(RECEIVED_AT, 10).await.unwrap(), 0);
    assert_eq!(subject.store.forget(RECEIVED_AT + 1, 1).await.unwrap(), 1);
    assert_eq!(subject.store.forget(RECEIVED_AT + 1, 10).await.unwrap(), 1);
    assert_eq!(subject.receive([&keyed(1, 1)]).await, [Received::Stored]);
}

pub(in crate::inbox) async fn payloads_are_resealed_only_from_the_key_that_was_read(subject: &Subject) {
    let (clear, mut sealed) = (entry(1), entry(2));
    sealed.payload.key_id = Some("k1".into());
    subject.receive([&clear, &sealed]).await;
    let new = |bytes: &[u8]| Payload { key_id: Some("k2".into()), bytes: bytes.to_vec() };
    let wrong = vec![
        (clear.facts.id, Some("k1".to_owned()), new(b"wrong")),
        (sealed.facts.id, None, new(b"wrong")),
        (EntryId::new(), None, new(b"wrong")),
    ];
    assert_eq!(subject.store.reseal(wrong).await.unwrap(), 0);
    let right = vec![(clear.facts.id, None, new(b"first")), (sealed.facts.id, Some("k1".to_owned()), new(b"second"))];
    assert_eq!(subject.store.reseal(right).await.unwrap(), 2);
    assert_eq!(subject.find(&clear).await.payload, new(b"first"));
    assert_eq!(subject.find(&sealed).await.payload, new(b"second"));
}

pub(in crate::inbox) async fn a_note_is_kept_once_or_replaced(subject: &Subject) {
    let note = |value: &[u8]| Note { key_id: Some("k1".into()), value: value.to_vec() };
    assert_eq!(subject.store.note("index").await.unwrap(), None);
    assert_eq!(subject.store.keep("index", note(b"first"), false).await.unwrap(), note(b"first"));
    assert_eq!(subject.other.keep("index", note(b"second"), false).await.unwrap(), note(b"first"));
    assert_eq!(subject.store.keep("index", note(b"third"), true).await.unwrap(), note(b"third"));
    assert_eq!(subject.other.note("index").await.unwrap(), Some(note(b"third")));
}
