//! A row of the inbox, as whoever can write to its store may have made it.
#![no_main]

use std::sync::LazyLock;

use issuer_host::fuzzing::{RawRow, row, sealing};
use issuer_host::inbox::entry::{Contents, EntryId, Facts, State};
use issuer_host::inbox::store::StoreError;
use issuer_host::inbox::{MasterKeys, Sealing};
use issuer_host_fuzz::input::Cursor;
use libfuzzer_sys::fuzz_target;

/// The second one is that of a rotation. 32 bytes each.
const KEYS: &str =
    "one:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\ntwo:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n";

struct Sealings {
    sealed: Sealing,
    /// A store that was begun before there were keys.
    mixed: Sealing,
    clear: Sealing,
}

static SEALINGS: LazyLock<Sealings> = LazyLock::new(|| {
    let keys = || Some(MasterKeys::parse(KEYS).unwrap());
    Sealings {
        sealed: sealing(keys(), false).unwrap(),
        mixed: sealing(keys(), true).unwrap(),
        clear: sealing(None, true).unwrap(),
    }
});

fuzz_target!(|input: &[u8]| {
    let mut rest = Cursor::new(input);
    let facts = facts(&mut rest);
    let raw = RawRow {
        facts: facts.clone(),
        id: rest.piece().to_vec(),
        lane: rest.piece().to_vec(),
        state: rest.text(),
        attempts: i64::from_be_bytes(rest.number().to_be_bytes()),
        replays: i64::from_be_bytes(rest.number().to_be_bytes()),
        key_id: rest.optional_text(),
        payload: rest.rest().to_vec(),
    };
    read(&raw);
    // The rest may hold anything as well where these are as they should be.
    let sound =
        RawRow { id: vec![7; 16], lane: vec![7; 32], state: "pending".into(), attempts: 1, replays: 0, ..raw.clone() };
    assert!(read(&sound), "control");

    match Contents::decode(raw.payload.clone().into()) {
        Ok(contents) => {
            assert_eq!(contents.encode(), raw.payload, "there is one way to write it");
            kept(&facts, &contents, &raw);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn facts(rest: &mut Cursor<'_>) -> Facts {
    Facts {
        id: EntryId::from_bytes([7; 16]),
        environment: rest.text(),
        product: "tsh".into(),
        operation: rest.text(),
        destination: String::new(),
        received_at: i64::from_be_bytes(rest.number().to_be_bytes()),
        client_subject: "CN=caller".into(),
        client_sha256: "00".into(),
        correlation_id: rest.optional_text(),
        traceparent: None,
        method: "POST".into(),
    }
}

/// Reads a row, and opens its payload; whether it is a row.
fn read(raw: &RawRow) -> bool {
    let Sealings { sealed, mixed, clear } = &*SEALINGS;
    let row = match row(raw.clone()) {
        Ok(row) => row,
        Err(StoreError::Corrupt(_)) => return false,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(row.facts.id.as_bytes().as_slice(), raw.id);
    assert_eq!(row.lane.as_slice(), raw.lane);
    assert_eq!((i64::from(row.attempts), i64::from(row.replays)), (raw.attempts, raw.replays));
    assert!(State::ALL.contains(&row.state) && row.state.name() == raw.state);

    assert!(sealed.unseal(&row.facts, &row.payload).is_err(), "what nobody has sealed is not opened");
    let in_clear = Contents::decode(raw.payload.clone().into()).ok().filter(|_| raw.key_id.is_none());
    for sealing in [mixed, clear] {
        assert_eq!(sealing.unseal(&row.facts, &row.payload).ok(), in_clear);
    }
    true
}

/// Seals contents, and opens them as what they are and as nothing else.
fn kept(facts: &Facts, contents: &Contents, raw: &RawRow) {
    let Sealings { sealed, clear, .. } = &*SEALINGS;
    let payload = sealed.seal(facts, contents).unwrap();
    assert_eq!(sealed.unseal(facts, &payload).as_ref(), Ok(contents), "control");
    assert!(clear.unseal(facts, &payload).is_err(), "without keys");
    for other in [
        Facts { id: EntryId::from_bytes([8; 16]), ..facts.clone() },
        Facts { environment: format!("{}x", facts.environment), ..facts.clone() },
        Facts { operation: format!("{}x", facts.operation), ..facts.clone() },
    ] {
        assert!(sealed.unseal(&other, &payload).is_err(), "the payload of another entry");
    }
    let mut altered = payload.clone();
    let at = usize::try_from(raw.attempts.unsigned_abs()).unwrap_or_default() % altered.bytes.len();
    altered.bytes[at] ^= 1 << (raw.replays.unsigned_abs() % 8);
    assert!(sealed.unseal(facts, &altered).is_err(), "byte {at} is altered");
    altered = payload.clone();
    altered.bytes.truncate(at);
    assert!(sealed.unseal(facts, &altered).is_err(), "{at} bytes are left");
    altered = payload;
    altered.key_id = Some("two".into());
    assert!(sealed.unseal(facts, &altered).is_err(), "under another key");
}
