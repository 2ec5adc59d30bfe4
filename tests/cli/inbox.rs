//! `issuer-host inbox`, on a database as a server leaves it behind.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use issuer_host::inbox::entry::{Contents, EntryId, Facts};
use issuer_host::inbox::sqlite::{Sqlite, SqliteOptions};
use issuer_host::inbox::store::{Batch, Clock, DestinationKey, NewRow, Store as _};
use issuer_host::inbox::{MasterKeys, Sealing};

use super::{BAD_CONFIGURATION, Command, Operator, Output, Stdio, TempDir, fs, text_of};

const BODY: &str = r#"{"cardId":"CARD7"}"#;

/// A directory with a database and, where it is sealed, a key file.
struct Inbox(TempDir);

impl Inbox {
    /// Three entries, of two cards, in an inbox with these keys.
    async fn new(key_file: Option<&str>) -> (Self, Vec<EntryId>) {
        let inbox = Self(TempDir::new().unwrap());
        let options = SqliteOptions {
            path: inbox.0.path().join("inbox.db"),
            create: true,
            exclusive: true,
            deduplication_window: Duration::from_secs(60),
            clock: Clock::system(),
        };
        let store = Sqlite::open(options).await.unwrap();
        let keys = key_file.map(|lines| {
            inbox.write_keys(lines);
            MasterKeys::parse(lines).unwrap()
        });
        let sealing = Sealing::establish(&store, keys).await.unwrap();
        let rows: Vec<_> = ["CARD7", "CARD8", "CARD7"].map(|card| row(&sealing, card)).into();
        let ids = rows.iter().map(|row| row.facts.id).collect();
        store.write(Batch { receive: rows, ..Batch::default() }).await.unwrap();
        store.close().await;
        (inbox, ids)
    }

    fn write_keys(&self, lines: &str) {
        fs::write(self.0.path().join("keys"), lines).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        let url = format!("sqlite://{}", self.0.path().join("inbox.db").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_issuer-host"));
        command.arg("inbox").args(words).args(["--store", &url]).stdin(Stdio::null());
        let keys = self.0.path().join("keys");
        if keys.exists() {
            command.arg("--key-file").arg(keys);
        }
        command.output().unwrap()
    }

    /// Standard output of what goes well.
    fn told(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The states of all entries, in order.
    fn states(&self) -> Vec<String> {
        let lines = self.told(&["list", "--format", "json"]);
        let state =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["state"].as_str().unwrap().to_owned();
        lines.lines().map(state).collect()
    }
}

fn row(sealing: &Sealing, card: &str) -> NewRow {
    let facts = Facts {
        id: EntryId::new(),
        environment: "preprod".into(),
        product: "d1".into(),
        operation: "notifyCardOperationV1".into(),
        destination: String::new(),
        received_at: 1_700_000_000_000,
        client_subject: "CN=caller".into(),
        client_sha256: "00".repeat(32),
        correlation_id: None,
        traceparent: None,
        method: "POST".into(),
    };
    let contents = Contents {
        path: format!("/cards/{card}"),
        query: None,
        subject: Some(card.into()),
        headers: vec![("content-type".into(), b"application/json".to_vec())],
        body: BODY.into(),
    };
    let to = DestinationKey { environment: "preprod".into(), destination: String::new() };
    let lane = sealing.lane(&to, "d1", &[card.as_bytes().to_vec()]);
    let payload = sealing.seal(&facts, &contents).unwrap();
    NewRow { facts, lane, deduplication: None, payload }
}

fn new_key(name: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_issuer-host")).args(["inbox", "new-key", name]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn entries_are_listed_and_shown_and_what_was_sent_on_request_alone() {
    let (inbox, ids) = Inbox::new(None).await;
    let table = inbox.told(&["list"]);
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(ids.iter().all(|id| table.contains(&id.to_string())) && !table.contains("CARD"), "{table}");
    let card =
        inbox.told(&["list", "--environment", "preprod", "--product", "d1", "--key", "CARD7", "--format", "json"]);
    assert!(card.lines().count() == 2 && !card.contains(&ids[1].to_string()), "{card}");
    let shown = inbox.told(&["show", &ids[0].to_string()]);
    assert!(shown.contains("body            18 bytes") && !shown.contains("CARD7"), "{shown}");
    assert_eq!(inbox.told(&["show", &ids[0].to_string(), "--body"]), BODY);
    assert_eq!(inbox.run(&["show", &EntryId::new().to_string()]).status.code(), Some(1));
}

#[tokio::test]
async fn entries_are_discarded_replayed_and_purged_and_many_only_when_somebody_says_yes() {
    let (inbox, ids) = Inbox::new(None).await;
    inbox.told(&["discard", &ids[0].to_string()]);
    assert_eq!(inbox.states(), ["discarded", "pending", "pending"]);
    let unasked = inbox.run(&["discard", "--state", "pending"]);
    assert_eq!(unasked.status.code(), Some(1));
    assert!(text_of(&unasked).contains("--yes"), "{unasked:?}");
    assert_eq!(inbox.states(), ["discarded", "pending", "pending"], "nobody said yes");
    inbox.told(&["discard", "--state", "pending", "--yes"]);
    inbox.told(&["replay", &ids[2].to_string()]);
    assert_eq!(inbox.states(), ["discarded", "discarded", "pending"]);
    inbox.told(&["purge", "--state", "discarded", "--before", "0s", "--yes"]);
    assert_eq!(inbox.states(), ["pending"]);
    for usage in [&["discard"][..], &["purge", "--state", "pending", "--before", "0s"], &["list", "--state", "lost"]] {
        assert_eq!(inbox.run(usage).status.code(), Some(2), "{usage:?}");
    }
}

#[tokio::test]
async fn an_export_is_its_owner_s_and_overwrites_nothing() {
    let (inbox, ids) = Inbox::new(None).await;
    let path = inbox.0.path().join("export.jsonl");
    let words = ["export", "--output", path.to_str().unwrap()];
    assert_eq!(inbox.told(&words), "");
    let lines = fs::read_to_string(&path).unwrap();
    assert!(lines.lines().count() == 3 && lines.contains(&ids[2].to_string()), "{lines}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(inbox.run(&words).status.code(), Some(1));
    assert_eq!(inbox.told(&["export"]), lines);
}

#[tokio::test]
async fn keys_are_rotated_and_what_no_longer_opens_is_found() {
    let (old, new) = (new_key("old"), new_key("new"));
    let (inbox, ids) = Inbox::new(Some(&old)).await;
    assert!(inbox.told(&["verify"]).contains("3 entries: nothing is wrong"));
    inbox.write_keys(&format!("{new}{old}"));
    assert!(inbox.told(&["rekey"]).contains("3 of 3"));
    inbox.write_keys(&new);
    assert!(inbox.told(&["verify"]).contains("nothing is wrong"), "the old key can go");
    assert_eq!(inbox.told(&["show", &ids[1].to_string(), "--body"]), BODY);
    let card = ["list", "--environment", "preprod", "--product", "d1", "--key", "CARD7", "--format", "json"];
    assert_eq!(inbox.told(&card).lines().count(), 2, "lanes stay known");

    inbox.write_keys(&old);
    let lost = inbox.run(&["verify"]);
    assert_eq!(lost.status.code(), Some(1));
    assert!(text_of(&lost).contains("sealed under the master key \"new\""), "{lost:?}");
    assert_eq!(inbox.told(&["list"]).lines().count(), 4, "what is known needs no key");
    inbox.write_keys("old:none");
    let bad = inbox.run(&["verify"]);
    assert_eq!(bad.status.code(), Some(BAD_CONFIGURATION));
    assert!(text_of(&bad).contains("line 1"), "{bad:?}");
}

#[tokio::test]
async fn check_looks_into_the_store_and_neither_makes_nor_changes_one() {
    let operator = Operator::new();
    let (inbox, _) = Inbox::new(None).await;
    let database = inbox.0.path().join("inbox.db");
    let before = fs::read(&database).unwrap();
    operator.edit("[server]\n", "[inbox]\nurl = \"sqlite:inbox.db\"\n\n[server]\n");
    assert!(operator.is_warned().contains("the server makes it when it starts"));
    let path = operator.directory.path().join("inbox.db");
    assert!(!path.exists());

    fs::copy(&database, &path).unwrap();
    assert!(operator.is_warned().contains("3 entries wait, 0 are dead letters"));
    assert_eq!(fs::read(&path).unwrap(), before);

    fs::write(&path, "").unwrap();
    assert!(operator.is_warned().contains("the server makes its tables, or brings them up to date, when it starts"));
    fs::write(&path, "this is no database at all, but a letter".repeat(200)).unwrap();
    operator.is_told(&["inbox.url", "The inbox cannot be opened", "this is no inbox", "inbox.db"]);
    operator.edit("sqlite:inbox.db", "sqlite:nowhere/inbox.db");
    operator.is_told(&["inbox.url", "nowhere is no directory", "make it"]);
}

#[test]
fn check_warns_of_a_database_that_it_cannot_reach() {
    let operator = Operator::new();
    // Nobody can listen on it: it is not even tried twice.
    operator.edit("[server]\n", "[inbox]\nurl = \"postgres://inbox:hunter2@127.0.0.1:1/inbox\"\n\n[server]\n");
    let words = operator.is_warned();
    assert!(words.contains("inbox.url: from here the store cannot be reached"), "{words}");
    assert!(words.contains("it is not ready without") && !words.contains("hunter2"), "{words}");
}
