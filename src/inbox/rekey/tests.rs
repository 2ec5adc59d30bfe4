use super::*;
use crate::inbox::Open as _;
use crate::inbox::testing::{Memory, contents, key_lines, keys, stored};

#[tokio::test]
async fn everything_ends_under_the_first_key_and_the_old_one_can_go() {
    let [old, new] = key_lines(["old", "new"]);
    let store = Memory::default();
    let clear = Sealing::establish(&store, None).await.unwrap();
    let in_clear = stored(&store, &clear, "clear").await;
    let before = Sealing::establish(&store, Some(keys(&[&old]))).await.unwrap();
    let under_old = stored(&store, &before, "old").await;
    let sealing = Sealing::establish(&store, Some(keys(&[&new, &old]))).await.unwrap();
    let under_new = stored(&store, &sealing, "new").await;

    let mut told = Vec::new();
    let done = rekey(&store, &sealing, |done| told.push(done.seen)).await.unwrap();
    assert_eq!(done, Rekeyed { seen: 3, resealed: 2, ..Rekeyed::default() });
    assert_eq!(told, [3]);

    let alone = Sealing::establish(&store, Some(keys(&[&new]))).await.unwrap();
    for (facts, body) in [(in_clear, "clear"), (under_old, "old"), (under_new, "new")] {
        let row = store.find(facts.id).await.unwrap().unwrap();
        assert_eq!(alone.open(&facts, &row.payload).unwrap(), contents(body));
    }
    let again = rekey(&store, &alone, |_| {}).await.unwrap();
    assert_eq!((again.seen, again.resealed), (3, 0), "what is done is passed over");
}

#[tokio::test]
async fn more_than_a_page_is_gone_through() {
    let [line] = key_lines(["k1"]);
    let store = Memory::default();
    let clear = Sealing::establish(&store, None).await.unwrap();
    for _ in 0..=PAGE {
        stored(&store, &clear, "clear").await;
    }
    let sealing = Sealing::establish(&store, Some(keys(&[&line]))).await.unwrap();
    let mut pages = 0;
    let done = rekey(&store, &sealing, |_| pages += 1).await.unwrap();
    assert_eq!((done.resealed, pages), (PAGE as u64 + 1, 2));
    assert!(store.all().iter().all(|row| row.payload.key_id.as_deref() == Some("k1")));
}

#[tokio::test]
async fn an_entry_that_does_not_open_stays_and_is_named_and_stops_no_other() {
    let [lost, line] = key_lines(["lost", "k1"]);
    let store = Memory::default();
    Sealing::establish(&store, Some(keys(&[&line]))).await.unwrap();
    let both = Sealing::establish(&store, Some(keys(&[&lost, &line]))).await.unwrap();
    let unopened = stored(&store, &both, "lost").await;
    let sealing = Sealing::establish(&store, Some(keys(&[&line]))).await.unwrap();
    let clear = Sealing::establish(&Memory::default(), None).await.unwrap();
    stored(&store, &clear, "clear").await;
    let before = store.find(unopened.id).await.unwrap();

    let done = rekey(&store, &sealing, |_| {}).await.unwrap();
    assert_eq!((done.seen, done.resealed, done.failed), (2, 1, 1));
    let [(id, problem)] = done.failures.as_slice() else { panic!("{:?}", done.failures) };
    assert!(*id == unopened.id && problem.contains("\"lost\""), "{problem}");
    assert_eq!(store.find(unopened.id).await.unwrap(), before);
}

#[tokio::test]
async fn without_master_keys_nothing_is_done_and_an_outage_is_told() {
    let [line] = key_lines(["k1"]);
    let store = Memory::default();
    let clear = Sealing::establish(&store, None).await.unwrap();
    stored(&store, &clear, "clear").await;
    assert_eq!(rekey(&store, &clear, |_| {}).await, Err(RekeyError::NoKeys));
    let sealing = Sealing::establish(&store, Some(keys(&[&line]))).await.unwrap();
    let outage = StoreError::Busy("somebody else".into());
    *store.outage.lock().unwrap() = Some(outage.clone());
    assert_eq!(rekey(&store, &sealing, |_| {}).await, Err(RekeyError::Store(outage)));
}
