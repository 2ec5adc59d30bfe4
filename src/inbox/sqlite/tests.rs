use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Row as _, SqlSafeStr};
use tempfile::TempDir;

use super::open::MIGRATIONS;
use super::*;
use crate::inbox::entry::EntryId;
use crate::inbox::store::conformance::{RECEIVED_AT, Subject, WINDOW, conformance_suite, entry};
use crate::inbox::store::settling::LaneChange;
use crate::inbox::store::{Claim, Lease, Received, Settlement, Then};

conformance_suite!(subject);

async fn subject() -> Subject {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let clock = Clock::standing_at(RECEIVED_AT + 1_000);
    let options = |exclusive| SqliteOptions { exclusive, clock: clock.clone(), ..options(&path) };
    let store = Sqlite::open(options(true)).await.unwrap();
    let other = Sqlite::open(options(false)).await.unwrap();
    let connect = store.connect.clone();
    Subject {
        store: Arc::new(store),
        other: Arc::new(other),
        clock: Some(clock.clone()),
        tamper: Box::new(move |statement| {
            let connect = connect.clone();
            Box::pin(async move {
                let mut connection = connect.connect().await.unwrap();
                sqlx::query(statement).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            })
        }),
        finish: Box::pin(async move { folder.close().unwrap() }),
    }
}

pub(super) fn options(path: &Path) -> SqliteOptions {
    SqliteOptions {
        path: path.into(),
        create: true,
        exclusive: true,
        deduplication_window: WINDOW,
        clock: Clock::system(),
    }
}

pub(super) async fn receive(store: &Sqlite) -> Result<Vec<Received>, StoreError> {
    store.write(Batch { receive: vec![entry(1)], ..Batch::default() }).await.map(|outcome| outcome.received)
}

#[tokio::test]
async fn only_the_owner_can_read_what_is_stored() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let store = Sqlite::open(options(&path)).await.unwrap();
    receive(&store).await.unwrap();
    for name in ["inbox.db", "inbox.db-wal", "inbox.db-shm", "inbox.db.lock"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_commit_is_on_disk_when_it_returns() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(options(&folder.path().join("inbox.db"))).await.unwrap();
    let mut connection = store.connect().await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await.unwrap();
    assert_eq!((mode.as_str(), synchronous), ("wal", 2), "2 = FULL: the log is synced with every commit");
}

#[tokio::test]
async fn a_second_server_is_refused_and_a_command_is_not() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let server = Sqlite::open(options(&path)).await.unwrap();
    let refused = Sqlite::open(options(&path)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Busy(words) if words.contains("another process serves")), "{refused}");
    let command = SqliteOptions { exclusive: false, create: false, ..options(&path) };
    receive(&server).await.unwrap();
    assert_eq!(Sqlite::open(command).await.unwrap().counts().await.unwrap()[0].entries, 1);
    drop(server);
    Sqlite::open(options(&path)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_there_is_made_only_where_it_is_wanted() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let command = SqliteOptions { create: false, exclusive: false, ..options(&path) };
    let refused = Sqlite::open(command.clone()).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable(words) if words.ends_with("does not exist")), "{refused}");
    assert!(!path.exists());
    Sqlite::open(options(&path)).await.unwrap().close().await;
    Sqlite::open(command).await.unwrap();
}

#[tokio::test]
async fn what_is_not_a_store_is_not_taken_for_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    std::fs::write(&path, "this is a letter to the bank, and no database at all".repeat(100)).unwrap();
    let refused = Sqlite::open(options(&path)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Foreign(_)), "{refused}");
}

#[tokio::test]
async fn a_store_that_a_newer_version_has_changed_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let store = Sqlite::open(options(&path)).await.unwrap();
    let mut connection = store.connect().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time \
        FROM _sqlx_migrations LIMIT 1",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    drop(store);
    let refused = Sqlite::open(options(&path)).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Newer(words) if words.contains("9999") && words.contains("restore a backup")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_command_leaves_the_tables_of_an_older_version_to_the_server() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let command = SqliteOptions { exclusive: false, create: false, ..options(&path) };
    std::fs::write(&path, "").unwrap();
    let refused = Sqlite::open(command.clone()).await.unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    assert!(matches!(&refused, StoreError::Outdated(words) if words.contains("there are none yet")), "{refused}");

    Sqlite::open(options(&path)).await.unwrap().close().await;
    Sqlite::open(command.clone()).await.unwrap().close().await;
    // As if the last step had not been done yet.
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let last = "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    sqlx::query(last).execute(&mut connection).await.unwrap();
    let refused = Sqlite::open(command).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Outdated(words) if words.contains("older version")), "{refused}");
    let done: i64 =
        sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&mut connection).await.unwrap();
    assert_eq!(usize::try_from(done).unwrap() + 1, MIGRATIONS.iter().count());
}

#[tokio::test]
async fn the_database_of_another_program_is_left_alone() {
    let folder = TempDir::new().unwrap();
    // One that has tables of our names, and one that keeps its migrations as we do.
    let foreign = [
        ["CREATE TABLE entries (id)", "CREATE TABLE lanes (id)"],
        ["CREATE TABLE users (id)", "CREATE TABLE _sqlx_migrations (version)"],
    ];
    for (number, statements) in foreign.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.db"));
        let mut connection =
            SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
        for statement in statements {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let before = std::fs::read(&path).unwrap();
        let refused = Sqlite::open(options(&path)).await.unwrap_err();
        let words = "another program's database";
        assert!(matches!(&refused, StoreError::Foreign(said) if said.contains(words)), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    let beside: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "nothing is left beside them: {beside:?}");
}

#[tokio::test]
async fn another_name_of_a_file_is_no_other_store() {
    let folder = TempDir::new().unwrap();
    let (path, alias) = (folder.path().join("inbox.db"), folder.path().join("alias.db"));
    let server = Sqlite::open(options(&path)).await.unwrap();
    std::os::unix::fs::symlink(&path, &alias).unwrap();
    let refused = Sqlite::open(options(&alias)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Busy(_)), "{refused}");
    drop(server);
    let server = Sqlite::open(options(&alias)).await.unwrap();
    assert_eq!(receive(&server).await.unwrap(), [Received::Stored]);
}

#[tokio::test]
async fn a_log_that_is_no_longer_in_its_place_takes_nothing_more() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let (log, aside) = (folder.path().join("inbox.db-wal"), folder.path().join("aside"));
    let store = Sqlite::open(options(&path)).await.unwrap();
    receive(&store).await.unwrap();
    // Its writer is given up now and then: the log stays.
    *store.writer.lock().await = None;
    receive(&store).await.unwrap();
    std::fs::rename(&log, &aside).unwrap();
    for replaced in [false, true] {
        if replaced {
            std::fs::copy(&aside, &log).unwrap();
        }
        let refused = receive(&store).await.unwrap_err();
        assert!(matches!(&refused, StoreError::ReadOnly(words) if words.contains("inbox.db-wal")), "{refused}");
    }
    std::fs::rename(&aside, &log).unwrap();
    assert_eq!(receive(&store).await.unwrap(), [Received::Stored]);
    store.close().await;
    assert_eq!(Sqlite::open(options(&path)).await.unwrap().counts().await.unwrap()[0].entries, 3);
}

#[tokio::test]
async fn a_server_that_starts_gives_back_what_the_one_before_held() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let clock = Clock::standing_at(RECEIVED_AT);
    let options = |exclusive| SqliteOptions { exclusive, clock: clock.clone(), ..options(&path) };
    let of = || DestinationKey { environment: "preprod".into(), destination: "events".into() };
    let died = Sqlite::open(options(true)).await.unwrap();
    let rows: Vec<_> = (1..=5).map(entry).collect();
    died.write(Batch { receive: rows.clone(), ..Batch::default() }).await.unwrap();
    let lease = Duration::from_secs(600);
    let claim = vec![Claim { destination: of(), lease, most: 5 }];
    let leases = died.write(Batch { claim, ..Batch::default() }).await.unwrap().claimed.remove(0);
    // One waits, one was put off by a clock that was wrong, and one has nothing to deliver any more.
    let release = |number: u8, after| {
        let lease = *leases.iter().find(|lease| lease.lane == [number; 32]).unwrap();
        Settlement { lease, endings: Vec::new(), then: Then::Release { after } }
    };
    let settle = vec![release(1, Duration::from_secs(60)), release(2, Duration::from_secs(200_000))];
    died.write(Batch { settle, ..Batch::default() }).await.unwrap();
    died.decide(rows[2].facts.id, Decision::Discard).await.unwrap();
    let due = |store: Sqlite| async move {
        let claim = vec![Claim { destination: of(), lease: Duration::ZERO, most: 10 }];
        let leases = store.write(Batch { claim, ..Batch::default() }).await.unwrap().claimed.remove(0);
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
        let mut lanes: Vec<_> = leases.into_iter().map(|lease| lease.lane[0]).collect();
        lanes.sort_unstable();
        lanes
    };
    assert_eq!(
        due(Sqlite::open(options(false)).await.unwrap()).await,
        [0_u8; 0],
        "control: a command gives nothing back"
    );
    drop(died);
    assert_eq!(due(Sqlite::open(options(true)).await.unwrap()).await, [2, 4, 5]);
}

#[tokio::test]
async fn a_full_store_says_so_and_goes_on_when_there_is_room() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(options(&folder.path().join("inbox.db"))).await.unwrap();
    // As many pages as it has: the next one has no room.
    let mut writer = store.writer.lock().await;
    let connection = writer.as_mut().unwrap();
    sqlx::query("PRAGMA max_page_count = 1").execute(&mut *connection).await.unwrap();
    drop(writer);
    let mut large = entry(1);
    large.payload.bytes = vec![0; 100_000];
    let batch = Batch { receive: vec![large.clone()], ..Batch::default() };
    let full = store.write(batch.clone()).await.unwrap_err();
    assert!(matches!(full, StoreError::Full(_)), "{full}");
    // The limit was that connection's, and went with it.
    assert_eq!(store.write(batch).await.unwrap().received, [Received::Stored]);
}

#[tokio::test]
async fn a_store_that_somebody_locks_is_busy_and_goes_on_afterwards() {
    let folder = TempDir::new().unwrap();
    let mut store = Sqlite::open(options(&folder.path().join("inbox.db"))).await.unwrap();
    // Nobody shall wait for the whole time.
    store.connect = store.connect.clone().busy_timeout(Duration::from_millis(1));
    // Closed and not dropped, which would go on in the background and be in the way.
    let writer = store.writer.lock().await.take();
    writer.unwrap().close().await.unwrap();
    let mut other = store.connect().await.unwrap();
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let busy = receive(&store).await.unwrap_err();
    assert!(matches!(busy, StoreError::Busy(_)), "{busy}");
    transaction.rollback().await.unwrap();
    assert_eq!(receive(&store).await.unwrap(), [Received::Stored]);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_to_can_be_read_and_goes_on_afterwards() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(options(&folder.path().join("inbox.db"))).await.unwrap();
    receive(&store).await.unwrap();
    let mut writer = store.writer.lock().await;
    sqlx::query("PRAGMA query_only = 1").execute(writer.as_mut().unwrap()).await.unwrap();
    drop(writer);
    let refused = receive(&store).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused}");
    assert_eq!(store.counts().await.unwrap()[0].entries, 1);
    assert_eq!(receive(&store).await.unwrap(), [Received::Stored]);
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_any_longer_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(options(&folder.path().join("inbox.db"))).await.unwrap();
    let given_up = store.transaction::<()>(|connection| {
        Box::pin(async move {
            sqlx::query("INSERT INTO notes (name, value) VALUES ('half', x'00')").execute(connection).await.unwrap();
            std::future::pending().await
        })
    });
    // Polled for as long as another connection needs to see that the lock is taken; then dropped.
    let seen = async {
        let mut other = store.connect.clone().busy_timeout(Duration::ZERO).connect().await.unwrap();
        while let Ok(transaction) = other.begin_with("BEGIN IMMEDIATE").await {
            transaction.rollback().await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = given_up => unreachable!("it never ends"),
        () = seen => {}
    }
    assert_eq!(receive(&store).await.unwrap(), [Received::Stored]);
    assert_eq!(store.note("half").await.unwrap(), None);
}

/// With a million lanes, whatever is done all the time must not look at all of them.
#[tokio::test]
async fn what_is_done_all_the_time_is_looked_up_by_index() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(options(&folder.path().join("inbox.db"))).await.unwrap();
    let lease = Lease { lane: [1; 32], fence: 1 };
    let change = LaneChange { settled: 1, released: Some(0), blocked_by: None };
    let in_environment = |state| Filter { environment: Some("preprod".into()), state, ..Filter::default() };
    let purged = keep::purge_query(State::Delivered, RECEIVED_AT, in_environment(None), 1);
    let queries = [
        (read::heads_query([1; 32], 1).sql(), "entries_pending"),
        (read::first_heads_query(&[[1; 32]; 8]).sql(), "entries_pending"),
        (read::list_query(&in_environment(None), 0, 1).sql(), "INTEGER PRIMARY KEY (rowid>?)"),
        (read::list_query(&in_environment(Some(State::Pending)), 0, 1).sql(), "INTEGER PRIMARY KEY (rowid>?)"),
        (read::NEXT_DUE.into_sql_str(), "lanes_due"),
        (write::CLAIM.into_sql_str(), "lanes_due"),
        (settle::delivered_query(&[EntryId::new(); 8], RECEIVED_AT).sql(), "sqlite_autoindex_entries_1"),
        (settle::failed_query(&vec![(EntryId::new(), None); 8]).sql(), "sqlite_autoindex_entries_1"),
        (settle::change_query(&vec![([1; 32], change); 8], RECEIVED_AT).sql(), "sqlite_autoindex_lanes_1"),
        (settle::renewal_query(&[lease; 8], RECEIVED_AT).sql(), "sqlite_autoindex_lanes_1"),
        (settle::holding_query(&[lease; 8]).sql(), "sqlite_autoindex_lanes_1"),
        (purged.sql(), "entries_settled"),
        (recover::CLEAR.into_sql_str(), "lanes_leased"),
        (recover::RELEASE.into_sql_str(), "lanes_leased"),
        (recover::HASTEN.into_sql_str(), "lanes_due"),
        (recover::FIRST_ENVIRONMENT.into_sql_str(), "lanes_due (environment>?)"),
        (recover::FIRST_DESTINATION.into_sql_str(), "lanes_due (environment=? AND destination>?)"),
        ("DELETE FROM seen WHERE entry = ?1".into_sql_str(), "seen_entry"),
    ];
    let mut connection = store.connect().await.unwrap();
    for (query, index) in queries {
        let explained = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", query.as_str())));
        let plan: Vec<String> =
            explained.fetch_all(&mut connection).await.unwrap().iter().map(|row| row.get("detail")).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{}: {plan:?}", query.as_str());
        let scans = |table: &str| plan.iter().any(|step| *step == format!("SCAN {table}"));
        assert!(!scans("entries") && !scans("lanes") && !scans("seen"), "{}: {plan:?}", query.as_str());
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{}: {plan:?}", query.as_str());
    }
}
