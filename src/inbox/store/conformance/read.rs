//! Lists, counts, and what is wrong.

use super::super::{Count, Decision};
use super::*;

pub(in crate::inbox) async fn a_list_has_pages_and_filters(subject: &Subject) {
    let mut rows: Vec<NewRow> = (0..6).map(entry).collect();
    for (row, number) in rows.iter_mut().zip(0..) {
        row.facts.received_at += number;
    }
    rows[1].facts.environment = "production".into();
    rows[2].facts.operation = "notifyOther".into();
    rows[3].facts.correlation_id = Some("c-3".into());
    subject.receive(&rows).await;
    subject.store.decide(rows[4].facts.id, Decision::Discard).await.unwrap();

    let page = subject.store.list(Filter::default(), 0, 4).await.unwrap();
    let next = subject.store.list(Filter::default(), page[3].sequence, 4).await.unwrap();
    let all: Vec<EntryId> = rows.iter().map(|row| row.facts.id).collect();
    assert_eq!([ids(&page), ids(&next)].concat(), all);

    let none = Filter::default();
    let filters = [
        (Filter { environment: Some("production".into()), ..none.clone() }, vec![1]),
        (Filter { operation: Some("notifyOther".into()), ..none.clone() }, vec![2]),
        (Filter { correlation_id: Some("c-3".into()), ..none.clone() }, vec![3]),
        (Filter { state: Some(State::Discarded), ..none.clone() }, vec![4]),
        (Filter { lane: Some([5; 32]), ..none.clone() }, vec![5]),
        (Filter { since: Some(RECEIVED_AT + 1), until: Some(RECEIVED_AT + 3), ..none.clone() }, vec![1, 2]),
        (Filter { state: Some(State::Pending), since: Some(RECEIVED_AT + 3), ..none }, vec![3, 5]),
    ];
    for (filter, expected) in filters {
        let expected: Vec<EntryId> = expected.into_iter().map(|number: usize| all[number]).collect();
        assert_eq!(ids(&subject.store.list(filter.clone(), 0, 10).await.unwrap()), expected, "{filter:?}");
    }
}

pub(in crate::inbox) async fn a_page_ends_where_its_payloads_are_large(subject: &Subject) {
    let mut rows: Vec<NewRow> = (0..6).map(entry).collect();
    for (row, kibibytes) in rows.iter_mut().zip([1, 3000, 2000, 5000, 1, 1]) {
        row.payload.bytes = vec![7; kibibytes * 1024];
    }
    rows[4].facts.environment = "production".into();
    for row in &rows {
        subject.receive([row]).await;
    }
    let all: Vec<EntryId> = rows.iter().map(|row| row.facts.id).collect();
    let (mut pages, mut after) = (Vec::new(), 0);
    loop {
        let page = subject.store.list(Filter::default(), after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.sequence;
        pages.push(ids(&page));
    }
    // Each up to the one with which it has 4 MiB.
    assert_eq!(pages, [&all[..3], &all[3..4], &all[4..]]);
    // What does not pass takes no room.
    let filter = Filter { environment: Some("production".into()), ..Filter::default() };
    assert_eq!(ids(&subject.store.list(filter, 0, 10).await.unwrap()), all[4..5]);
}

pub(in crate::inbox) async fn heads_are_as_many_as_asked_for_but_large_ones_come_alone(subject: &Subject) {
    let mut rows: Vec<NewRow> = (0..6).map(|_| entry(1)).collect();
    for (row, kibibytes) in rows.iter_mut().zip([1, 200, 100, 400, 1, 1]) {
        row.payload.bytes = vec![7; kibibytes * 1024];
    }
    for row in &rows {
        subject.receive([row]).await;
    }
    let all: Vec<EntryId> = rows.iter().map(|row| row.facts.id).collect();
    let heads = async |most| ids(&subject.store.heads([1; 32], most).await.unwrap());
    assert_eq!(heads(2).await, all[..2]);
    // Up to the one with which they have 256 KiB.
    assert_eq!(heads(10).await, all[..3]);
    for row in &rows[..3] {
        subject.store.decide(row.facts.id, Decision::Discard).await.unwrap();
    }
    assert_eq!(heads(10).await, all[3..4]);
    subject.store.decide(all[3], Decision::Discard).await.unwrap();
    assert_eq!(heads(10).await, all[4..]);
}

pub(in crate::inbox) async fn the_first_of_many_lanes_are_read_at_once(subject: &Subject) {
    let mut rows: Vec<NewRow> = [1, 2, 1, 3, 2, 1, 4].map(entry).into();
    // Large ones are for their lanes to read.
    rows[6].payload.bytes = vec![7; 256 * 1024 + 1];
    for row in &rows {
        subject.receive([row]).await;
    }
    subject.store.decide(rows[0].facts.id, Decision::Discard).await.unwrap();
    let lanes = vec![[1; 32], [2; 32], [9; 32], [3; 32], [4; 32]];
    let mut heads = subject.store.first_heads(lanes).await.unwrap();
    heads.sort_by_key(|head| head.row.lane);
    let told: Vec<_> = heads.iter().map(|head| (head.row.facts.id, head.pending)).collect();
    assert_eq!(told, [(rows[2].facts.id, 2), (rows[1].facts.id, 2), (rows[3].facts.id, 1)]);
    assert_eq!(subject.store.heads([1; 32], 1).await.unwrap()[0].payload, heads[0].row.payload);
    assert_eq!(subject.store.first_heads(Vec::new()).await.unwrap(), []);
}

pub(in crate::inbox) async fn who_is_waited_for_is_known(subject: &Subject) {
    assert_eq!(subject.store.waiting().await.unwrap(), []);
    let mut rows: Vec<NewRow> = (0..4).map(entry).collect();
    rows[1].facts.environment = "production".into();
    subject.receive(&rows).await;
    subject.store.decide(rows[3].facts.id, Decision::Discard).await.unwrap();
    let elsewhere = DestinationKey { environment: "production".into(), ..destination() };
    assert_eq!(subject.store.waiting().await.unwrap(), [(destination(), 2), (elsewhere, 1)]);
}

pub(in crate::inbox) async fn entries_are_counted_by_kind(subject: &Subject) {
    assert_eq!(subject.store.counts().await.unwrap(), []);
    let mut rows: Vec<NewRow> = (0..4).map(entry).collect();
    rows[0].facts.received_at -= 5;
    rows[3].facts.operation = "notifyOther".into();
    subject.receive(&rows).await;
    subject.store.decide(rows[2].facts.id, Decision::Discard).await.unwrap();
    let count = |operation: &str, state, entries, oldest| Count {
        environment: "preprod".into(),
        product: "tsh".into(),
        operation: operation.into(),
        state,
        entries,
        oldest,
    };
    let mut counts = subject.store.counts().await.unwrap();
    counts.sort_by(|one, other| (&one.operation, one.state).cmp(&(&other.operation, other.state)));
    let expected = [
        count("notifyCardStateChange", State::Pending, 2, RECEIVED_AT - 5),
        count("notifyCardStateChange", State::Discarded, 1, RECEIVED_AT),
        count("notifyOther", State::Pending, 1, RECEIVED_AT),
    ];
    assert_eq!(counts, expected);
}

pub(in crate::inbox) async fn a_store_grows_and_knows_its_size(subject: &Subject) {
    let before = subject.store.size().await.unwrap();
    let mut row = entry(1);
    // What does not compress: it takes the room that it takes.
    row.payload.bytes = (0..500_000)
        .scan(1_u32, |word, _| {
            *word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(word.to_be_bytes()[0])
        })
        .collect();
    subject.receive([&row]).await;
    let after = subject.store.size().await.unwrap();
    assert!(after >= before + 490_000, "{before}, {after}");
    subject.store.decide(row.facts.id, Decision::Discard).await.unwrap();
    assert_eq!(subject.store.purge(State::Discarded, Millis::MAX, Filter::default(), 1).await.unwrap(), 1);
    let purged = subject.store.size().await.unwrap();
    assert!(purged + 490_000 <= after, "what is free is not counted: {after}, {purged}");
}

pub(in crate::inbox) async fn what_does_not_fit_together_is_found(subject: &Subject) {
    let row = entry(1);
    subject.receive([&row, &entry(2)]).await;
    assert_eq!(subject.store.verify().await.unwrap(), Vec::<String>::new());
    let faults = [
        ("UPDATE lanes SET pending = pending + 1", "UPDATE lanes SET pending = pending - 1", "other entries"),
        ("UPDATE lanes SET blocked_by = lane", "UPDATE lanes SET blocked_by = NULL", "no dead letter"),
        ("UPDATE entries SET lane = id", "UPDATE entries SET lane = id", "in no lane"),
    ];
    for (fault, mended, words) in faults {
        (subject.tamper)(fault).await;
        let found = subject.store.verify().await.unwrap();
        assert!(found.iter().any(|line| line.starts_with("2 times") && line.contains(words)), "{found:?}");
        (subject.tamper)(mended).await;
    }
    (subject.tamper)("UPDATE entries SET state = 'delivered'").await;
    (subject.tamper)("UPDATE lanes SET pending = 0").await;
    let found = subject.store.verify().await.unwrap();
    assert!(found.iter().any(|line| line.contains("nobody who holds them")), "{found:?}");
    (subject.tamper)("DELETE FROM lanes").await;
}
