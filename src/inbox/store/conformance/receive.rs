//! Storing, repeats, order.

use super::*;
use crate::inbox::store::StoreError;

pub(in crate::inbox) async fn what_is_stored_is_found_as_it_was(subject: &Subject) {
    let mut row = keyed(1, 1);
    row.facts.correlation_id = Some("c-1".into());
    row.facts.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    row.payload = Payload { key_id: Some("k1".into()), bytes: (0..=255).collect() };
    assert_eq!(subject.receive([&row]).await, [Received::Stored]);
    let found = subject.find(&row).await;
    assert_eq!((&found.facts, found.lane, &found.payload), (&row.facts, row.lane, &row.payload));
    assert_eq!((state_of(&found), found.replays), ((State::Pending, 0), 0));
    assert_eq!((found.pending_since, found.settled_at, found.last_problem), (RECEIVED_AT, None, None));
    assert!(found.next_attempt.is_some(), "it is due");
    assert_eq!(subject.store.find(EntryId::new()).await.unwrap(), None);
}

pub(in crate::inbox) async fn a_repeat_within_the_window_is_known(subject: &Subject) {
    let (first, mut repeat) = (keyed(1, 1), keyed(1, 1));
    repeat.facts.received_at += millis(WINDOW) - 1;
    assert_eq!(subject.receive([&first]).await, [Received::Stored]);
    assert_eq!(subject.receive([&repeat]).await, [Received::Repeat]);
    assert_eq!(subject.heads(1).await, [first.facts.id]);
    // One that was delivered is known as well.
    let lease = subject.claim_one(LONG).await;
    subject.settle(lease, vec![(first.facts.id, Ending::Delivered)], at_once()).await;
    assert_eq!(subject.receive([&keyed(1, 1)]).await, [Received::Repeat]);
    assert_eq!(subject.receive([&keyed(1, 2)]).await, [Received::Stored], "another body is another key");
}

pub(in crate::inbox) async fn a_repeat_within_one_batch_is_known(subject: &Subject) {
    let rows = [keyed(1, 1), keyed(1, 2), keyed(1, 1)];
    assert_eq!(subject.receive(&rows).await, [Received::Stored, Received::Stored, Received::Repeat]);
    assert_eq!(subject.heads(1).await, [rows[0].facts.id, rows[1].facts.id]);
}

pub(in crate::inbox) async fn a_repeat_at_another_store_is_known(subject: &Subject) {
    let stores = [&subject.store, &subject.other];
    let mut under_way = Vec::new();
    for number in 0..32_u8 {
        let store = Arc::clone(stores[usize::from(number % 2)]);
        let rows = [keyed(1, number / 8), keyed(2, 100 + number / 4)];
        under_way.push(tokio::spawn(async move { receive(store.as_ref(), &rows).await }));
    }
    let mut stored = 0;
    for outcome in under_way {
        stored += outcome.await.unwrap().iter().filter(|received| **received == Received::Stored).count();
    }
    assert_eq!(stored, 4 + 8, "each key once");
    assert_eq!(subject.everything().await.len(), 4 + 8);
}

pub(in crate::inbox) async fn a_repeat_after_the_window_is_stored(subject: &Subject) {
    let (first, mut late, mut repeat) = (keyed(1, 1), keyed(1, 1), keyed(1, 1));
    late.facts.received_at += millis(WINDOW);
    repeat.facts.received_at += millis(WINDOW) + 1;
    assert_eq!(subject.receive([&first]).await, [Received::Stored]);
    assert_eq!(subject.receive([&late]).await, [Received::Stored]);
    assert_eq!(subject.receive([&repeat]).await, [Received::Repeat], "of the second");
    assert_eq!(subject.heads(1).await, [first.facts.id, late.facts.id]);
}

pub(in crate::inbox) async fn a_repeat_of_a_dead_letter_is_stored(subject: &Subject) {
    let (first, repeat) = (keyed(1, 1), keyed(1, 1));
    subject.bury(&first, at_once()).await;
    assert_eq!(subject.receive([&repeat]).await, [Received::Stored]);
    // In one batch as well: settlements come first.
    let lease = subject.claim_one(LONG).await;
    let again = keyed(1, 1);
    let batch = Batch {
        settle: vec![Settlement { lease, endings: vec![(repeat.facts.id, dead())], then: at_once() }],
        receive: vec![again.clone()],
        ..Batch::default()
    };
    assert_eq!(subject.store.write(batch).await.unwrap().received, [Received::Stored]);
    assert_eq!(subject.heads(1).await, [again.facts.id]);
}

pub(in crate::inbox) async fn a_repeat_of_a_discarded_entry_is_stored(subject: &Subject) {
    let first = keyed(1, 1);
    subject.receive([&first]).await;
    assert_eq!(subject.receive([&keyed(1, 1)]).await, [Received::Repeat], "control: it is known");
    subject.store.decide(first.facts.id, super::super::Decision::Discard).await.unwrap();
    assert_eq!(subject.receive([&keyed(1, 1)]).await, [Received::Stored]);
}

pub(in crate::inbox) async fn without_a_key_everything_is_stored(subject: &Subject) {
    assert_eq!(subject.receive(&[entry(1), entry(1)]).await, [Received::Stored, Received::Stored]);
    assert_eq!(subject.heads(1).await.len(), 2);
}

pub(in crate::inbox) async fn order_in_a_lane_is_the_order_of_commits(subject: &Subject) {
    let rows: Vec<NewRow> = (0..20).map(|number| entry(number % 2)).collect();
    for batch in rows.chunks(3) {
        subject.receive(batch).await;
    }
    for lane in 0..2 {
        let expected: Vec<EntryId> = rows.iter().filter(|row| row.lane == [lane; 32]).map(|row| row.facts.id).collect();
        assert_eq!(subject.heads(lane).await, expected);
    }
    assert_eq!(subject.store.heads([0; 32], 3).await.unwrap().len(), 3);
}

/// Whoever has had an entry acknowledged before it sends the next finds them in that order, whatever store took them.
pub(in crate::inbox) async fn order_in_a_lane_holds_between_two_stores(subject: &Subject) {
    const LANES: u8 = 4;
    const ENTRIES: usize = 12;
    let mut senders = Vec::new();
    for sender in 0..3 {
        let stores = [Arc::clone(&subject.store), Arc::clone(&subject.other)];
        senders.push(tokio::spawn(async move {
            let mut sent = Vec::new();
            for number in 0..ENTRIES {
                // Lanes in other orders: who locks them must not wait in a circle.
                let mut rows: Vec<NewRow> = (0..LANES).map(entry).collect();
                rows.rotate_left((number + sender) % usize::from(LANES));
                receive(stores[(number + sender) % 2].as_ref(), &rows).await;
                sent.push(rows);
            }
            sent
        }));
    }
    for sender in senders {
        let sent = sender.await.unwrap();
        for lane in 0..LANES {
            let of_lane: Vec<EntryId> =
                sent.iter().flatten().filter(|row| row.lane == [lane; 32]).map(|row| row.facts.id).collect();
            let mut stored = subject.heads(lane).await;
            stored.retain(|id| of_lane.contains(id));
            assert_eq!(stored, of_lane);
        }
    }
}

pub(in crate::inbox) async fn a_batch_that_fails_leaves_nothing(subject: &Subject) {
    let stored = entry(1);
    subject.receive([&stored]).await;
    let lease = subject.claim_one(LONG).await;
    // The id is taken already: the last row of the batch is not taken, after everything else was done.
    let batch = Batch {
        settle: vec![Settlement { lease, endings: vec![(stored.facts.id, Ending::Delivered)], then: at_once() }],
        receive: vec![keyed(2, 2), NewRow { lane: [3; 32], ..stored.clone() }],
        ..Batch::default()
    };
    assert!(matches!(subject.store.write(batch).await, Err(StoreError::Rejected(_))));
    assert_eq!(state_of(&subject.find(&stored).await), (State::Pending, 0));
    assert_eq!(subject.everything().await.len(), 1);
    assert_eq!(subject.receive([&keyed(2, 2)]).await, [Received::Stored], "its key was not taken");
}

pub(in crate::inbox) async fn a_large_batch_is_stored_whole(subject: &Subject) {
    let rows: Vec<NewRow> = (0..1_000_u16)
        .map(|number| {
            let mut row = entry(1);
            row.lane[..2].copy_from_slice(&number.to_be_bytes());
            row.deduplication = Some(row.lane);
            row
        })
        .collect();
    assert_eq!(subject.receive(&rows).await, vec![Received::Stored; 1_000]);
    let leases = claim(subject.store.as_ref(), LONG, 10_000).await;
    assert_eq!(leases.len(), 1_000);
    let settle: Vec<Settlement> = leases
        .into_iter()
        .map(|lease| {
            let row = rows.iter().find(|row| row.lane == lease.lane).unwrap();
            Settlement { lease, endings: vec![(row.facts.id, Ending::Delivered)], then: at_once() }
        })
        .collect();
    let outcome = subject.store.write(Batch { settle, ..Batch::default() }).await.unwrap();
    assert_eq!(outcome.settled, vec![true; 1_000]);
    assert_eq!(subject.next_due().await, None);
}
