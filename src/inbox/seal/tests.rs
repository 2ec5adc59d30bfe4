use super::*;
use crate::inbox::testing::{Memory, contents, facts, key_lines, keys};

const BODY: &str = r#"{"cardId":"CARD7","pan":"4111111111111111"}"#;

async fn sealing(master: Option<MasterKeys>) -> Sealing {
    Sealing::establish(&Memory::default(), master).await.unwrap()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn without_master_keys_an_entry_stands_in_clear() {
    let sealing = sealing(None).await;
    let payload = sealing.seal(&facts(), &contents(BODY)).unwrap();
    assert_eq!(payload.key_id, None);
    assert!(holds(&payload.bytes, "CARD7"));
    assert_eq!(sealing.unseal(&facts(), &payload).unwrap(), contents(BODY));
    assert!(!sealing.seals() && sealing.warning().is_none());
}

#[tokio::test]
async fn with_master_keys_nothing_that_was_sent_can_be_read_and_no_two_seals_are_alike() {
    let [line] = key_lines(["k1"]);
    let (sealing, facts) = (sealing(Some(keys(&[&line]))).await, facts());
    let payload = sealing.seal(&facts, &contents(BODY)).unwrap();
    assert_eq!(payload.key_id.as_deref(), Some("k1"));
    for text in ["CARD7", "notifications", "a=b", "json"] {
        assert!(holds(&contents(BODY).encode(), text), "control: {text}");
        assert!(!holds(&payload.bytes, text), "{text}");
    }
    assert_ne!(sealing.seal(&facts, &contents(BODY)).unwrap(), payload);
    assert_eq!(sealing.open(&facts, &payload).unwrap(), contents(BODY));
}

#[tokio::test]
async fn a_payload_opens_only_where_it_belongs_and_as_it_was() {
    let [line] = key_lines(["k1"]);
    let sealing = sealing(Some(keys(&[&line]))).await;
    let own = facts();
    let payload = sealing.seal(&own, &contents(BODY)).unwrap();
    assert!(sealing.unseal(&own, &payload).is_ok(), "control");
    let elsewhere = [
        Facts { id: EntryId::new(), ..own.clone() },
        Facts { environment: "production".into(), ..own.clone() },
        Facts { operation: "other".into(), ..own.clone() },
    ];
    for facts in elsewhere {
        assert_eq!(sealing.unseal(&facts, &payload), Err(UnsealError::Damaged("k1".into())));
    }
    for at in 0..payload.bytes.len() {
        let mut changed = payload.clone();
        changed.bytes[at] ^= 1;
        assert_eq!(sealing.unseal(&own, &changed), Err(UnsealError::Damaged("k1".into())), "byte {at}");
        changed.bytes.truncate(at);
        assert_eq!(sealing.unseal(&own, &changed), Err(UnsealError::Damaged("k1".into())), "cut at {at}");
    }
    let in_clear = Payload { key_id: None, ..payload };
    assert_eq!(sealing.unseal(&own, &in_clear), Err(UnsealError::InClear));
    let readable = Payload { key_id: None, bytes: contents("{}").encode() };
    assert_eq!(sealing.unseal(&own, &readable), Err(UnsealError::InClear), "somebody put it there");
}

#[tokio::test]
async fn every_key_of_the_file_opens_the_first_seals_and_another_key_of_the_same_name_does_not() {
    let [old, new] = key_lines(["old", "new"]);
    let store = Memory::default();
    let before = Sealing::establish(&store, Some(keys(&[&old]))).await.unwrap();
    let own = facts();
    let payload = before.seal(&own, &contents(BODY)).unwrap();

    let after = Sealing::establish(&store, Some(keys(&[&new, &old]))).await.unwrap();
    assert_eq!(after.unseal(&own, &payload).unwrap(), contents(BODY));
    assert_eq!(after.seal(&own, &contents(BODY)).unwrap().key_id.as_deref(), Some("new"));
    let newer = after.seal(&own, &contents(BODY)).unwrap();
    assert_eq!(before.unseal(&own, &newer), Err(UnsealError::UnknownKey("new".into())));

    let [impostor] = key_lines(["old"]);
    let other = sealing(Some(keys(&[&impostor]))).await;
    assert_eq!(other.unseal(&own, &payload), Err(UnsealError::Damaged("old".into())));
}

#[tokio::test]
async fn lanes_and_repeats_stay_known_over_a_rotation() {
    let [old, new] = key_lines(["old", "new"]);
    let store = Memory::default();
    let of = DestinationKey { environment: "preprod".into(), destination: String::new() };
    let (values, own) = ([b"CARD7".to_vec()], facts());
    let digests = |sealing: &Sealing| (sealing.lane(&of, "d1", &values), sealing.deduplication(&own, &values, b"sum"));
    let first = digests(&Sealing::establish(&store, Some(keys(&[&old]))).await.unwrap());
    assert_eq!(digests(&Sealing::establish(&store, Some(keys(&[&old]))).await.unwrap()), first, "a restart");
    let rotated = Sealing::establish(&store, Some(keys(&[&new, &old]))).await.unwrap();
    assert_eq!(digests(&rotated), first);
    rotated.rewrap(&store, true).await.unwrap();
    assert_eq!(digests(&Sealing::establish(&store, Some(keys(&[&new]))).await.unwrap()), first);
    assert_ne!(digests(&sealing(Some(keys(&[&old]))).await), first, "control: another store");
}

#[tokio::test]
async fn the_index_key_is_sealed_and_its_key_is_asked_for() {
    let [old, new] = key_lines(["old", "new"]);
    let store = Memory::default();
    Sealing::establish(&store, Some(keys(&[&old]))).await.unwrap();
    assert_eq!(store.note(INDEX_KEY).await.unwrap().unwrap().key_id.as_deref(), Some("old"));
    let refused = async |master| Sealing::establish(&store, master).await.unwrap_err();
    assert_eq!(refused(None).await, SealingError::NoKeys("old".into()));
    assert_eq!(refused(Some(keys(&[&new]))).await, SealingError::UnknownKey("old".into()));
    let [impostor] = key_lines(["old"]);
    let damaged = refused(Some(keys(&[&impostor]))).await;
    assert_eq!(damaged, SealingError::Damaged(Some("old".into())));
    assert!(damaged.to_string().contains("under the master key \"old\""), "{damaged}");
}

#[tokio::test]
async fn an_inbox_that_was_begun_in_clear_goes_on_and_says_what_is_left_in_clear() {
    let [line] = key_lines(["k1"]);
    let store = Memory::default();
    Sealing::establish(&store, None).await.unwrap();
    let sealing = Sealing::establish(&store, Some(keys(&[&line]))).await.unwrap();
    assert!(sealing.warning().is_some_and(|warning| warning.contains("rekey")));
    // From the first key on nobody goes on without it.
    assert_eq!(Sealing::establish(&store, None).await.unwrap_err(), SealingError::NoKeys("k1".into()));
    let in_clear = Payload { key_id: None, bytes: contents(BODY).encode() };
    let again = Sealing::establish(&store, Some(keys(&[&line]))).await.unwrap();
    assert_eq!(again.unseal(&facts(), &in_clear).unwrap(), contents(BODY));
    sealing.rewrap(&store, false).await.unwrap();
    assert!(Sealing::establish(&store, Some(keys(&[&line]))).await.unwrap().warning().is_some(), "something is left");
    sealing.rewrap(&store, true).await.unwrap();
    let done = Sealing::establish(&store, Some(keys(&[&line]))).await.unwrap();
    assert_eq!(done.warning(), None);
    assert_eq!(done.unseal(&facts(), &in_clear), Err(UnsealError::InClear));
    // Whoever has the store alone cannot bring that back.
    store.keep(CLEAR_ENTRIES, Note { key_id: None, value: PRESENT.to_vec() }, true).await.unwrap();
    let tampered = Sealing::establish(&store, Some(keys(&[&line]))).await.unwrap();
    assert_eq!(tampered.unseal(&facts(), &in_clear), Err(UnsealError::InClear));
}

#[tokio::test]
async fn of_two_who_begin_at_once_one_makes_the_index_key() {
    let store = Memory::default();
    let first = Sealing::establish(&store, None).await.unwrap();
    let made_meanwhile = Note { key_id: None, value: vec![9; 32] };
    let kept = store.keep(INDEX_KEY, made_meanwhile, false).await.unwrap();
    let second = Sealing::establish(&store, None).await.unwrap();
    assert_eq!(kept.value.len(), 32);
    assert_eq!(first.lane_of_its_own(facts().id).len(), 32);
    let id = EntryId::new();
    assert_eq!(first.lane_of_its_own(id), second.lane_of_its_own(id));
    let short = Note { key_id: None, value: vec![9; 31] };
    store.keep(INDEX_KEY, short, true).await.unwrap();
    assert_eq!(Sealing::establish(&store, None).await.unwrap_err(), SealingError::Damaged(None));
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let [line] = key_lines(["k1"]);
    let sealing = sealing(Some(keys(&[&line]))).await;
    let shown = format!("{sealing:?}");
    assert_eq!(shown, r#"Sealing { master: Some(["k1"]), index: IndexKey([redacted]), takes_clear: false }"#);
}
