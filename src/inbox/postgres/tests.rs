use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::*;
use crate::inbox::store::conformance::{Subject, WINDOW, conformance_suite, entry};
use crate::inbox::store::{Claim, Received};

#[path = "silence_tests.rs"]
mod silence;

conformance_suite!(subject, #[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]);

/// Most that is waited for something that happens at once.
const BOUND: Duration = Duration::from_secs(30);

/// A database of its own, on the server that the tests are given.
struct Database {
    name: String,
    server: PgConnectOptions,
}

impl Database {
    async fn create() -> Self {
        let url =
            std::env::var("ISSUER_HOST_TEST_POSTGRES").expect("ISSUER_HOST_TEST_POSTGRES: the URL of a superuser");
        let server = PgConnectOptions::from_str(&url).unwrap().disable_statement_logging();
        let name = format!("inbox_{}", EntryId::new().to_string().replace('-', ""));
        let database = Self { name, server };
        database.run(&format!("CREATE DATABASE {}", database.name)).await;
        database
    }

    async fn run(&self, statement: &str) {
        let mut connection = self.server.connect().await.unwrap();
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn connect(&self) -> PgConnection {
        self.server.clone().database(&self.name).connect().await.unwrap()
    }

    async fn store(&self) -> Postgres {
        self.store_over(self.server.get_port(), 4).await
    }

    async fn store_over(&self, port: u16, connections: u32) -> Postgres {
        Postgres::open(PostgresOptions { connections, ..self.options(port) }).await.unwrap()
    }

    fn options(&self, port: u16) -> PostgresOptions {
        let url = self.server.clone().database(&self.name).port(port).to_url_lossy();
        PostgresOptions { url: url.into(), connections: 4, serves: true, deduplication_window: WINDOW }
    }

    async fn drop(self) {
        self.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn subject() -> Subject {
    let database = Arc::new(Database::create().await);
    // Together: one makes the tables, the other waits for it.
    let (store, other) = tokio::join!(database.store(), database.store());
    let tampered = Arc::clone(&database);
    Subject {
        store: Arc::new(store),
        other: Arc::new(other),
        clock: None,
        tamper: Box::new(move |statement| {
            let database = Arc::clone(&tampered);
            Box::pin(async move {
                let mut connection = database.connect().await;
                sqlx::query(statement).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            })
        }),
        finish: Box::pin(async move { database.run(&format!("DROP DATABASE {} WITH (FORCE)", database.name)).await }),
    }
}

async fn receive(store: &Postgres, lane: u8) -> Result<Vec<Received>, StoreError> {
    store.write(Batch { receive: vec![entry(lane)], ..Batch::default() }).await.map(|outcome| outcome.received)
}

#[test]
fn a_password_is_in_no_word_about_a_store() {
    let options = PostgresOptions {
        url: "postgres://inbox:hunter2@db/inbox".into(),
        connections: 4,
        serves: true,
        deduplication_window: WINDOW,
    };
    assert!(!format!("{options:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_url_that_cannot_be_read_is_refused_without_quoting_it() {
    for url in ["postgres://inbox:hunter2@db:port/inbox", "postgres://inbox:hunter2@db/inbox?sslmode=hunter2"] {
        let options = PostgresOptions { url: url.into(), connections: 4, serves: true, deduplication_window: WINDOW };
        let refused = Postgres::open(options).await.unwrap_err();
        assert!(matches!(refused, StoreError::Rejected(_)), "{refused}");
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn a_command_works_on_the_tables_of_its_version_and_changes_none() {
    let database = Database::create().await;
    let command = || PostgresOptions { serves: false, ..database.options(database.server.get_port()) };
    let refused = Postgres::open(command()).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Outdated(said) if said.contains("older version")), "{refused}");
    let mut connection = database.connect().await;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(tables, 0);

    let server = database.store().await;
    receive(&server, 1).await.unwrap();
    let store = Postgres::open(command()).await.unwrap();
    assert_eq!(store.counts().await.unwrap()[0].entries, 1);
    store.close().await;

    sqlx::query("DELETE FROM _sqlx_migrations").execute(&mut connection).await.unwrap();
    let refused = Postgres::open(command()).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Outdated(said) if said.contains("older version")), "{refused}");
    server.close().await;
    drop(connection);
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn a_commit_is_on_disk_whatever_the_database_says() {
    let database = Database::create().await;
    database.run(&format!("ALTER DATABASE {} SET synchronous_commit = off", database.name)).await;
    let store = database.store().await;
    let asked = "SELECT current_setting('synchronous_commit')";
    let setting: String = sqlx::query_scalar(asked).fetch_one(&store.connections.pool).await.unwrap();
    assert_eq!(setting, "on");
    let mut connection = database.connect().await;
    let setting: String = sqlx::query_scalar(asked).fetch_one(&mut connection).await.unwrap();
    assert_eq!(setting, "off", "control: it is, for others");
    connection.close().await.unwrap();
    assert!(!store.synchronous_standby().await.unwrap());
    store.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn what_one_replica_receives_wakes_the_other() {
    let database = Database::create().await;
    let (store, other) = (database.store().await, database.store().await);
    let woken = other.woken();
    let rings = async {
        // Listening begins in the background: whoever is not there yet does not hear the first.
        for lane in 0.. {
            receive(&store, lane).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = woken => {}
        () = rings => unreachable!("it does not end"),
        () = tokio::time::sleep(BOUND) => panic!("nobody was woken"),
    }
    store.close().await;
    other.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn connections_that_were_cut_do_not_cost_an_answer() {
    let database = Database::create().await;
    let store = database.store().await;
    for lane in 0..5 {
        assert_eq!(receive(&store, lane).await.unwrap(), [Received::Stored]);
        database
            .run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name))
            .await;
    }
    assert_eq!(store.counts().await.unwrap()[0].entries, 5);
    store.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn a_database_that_cannot_be_written_to_says_so_and_goes_on_afterwards() {
    let database = Database::create().await;
    let store = database.store().await;
    let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name);
    database.run(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name)).await;
    database.run(&cut).await;
    let refused = receive(&store, 1).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused}");
    database.run(&format!("ALTER DATABASE {} RESET default_transaction_read_only", database.name)).await;
    database.run(&cut).await;
    assert_eq!(receive(&store, 1).await.unwrap(), [Received::Stored]);
    store.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn connections_to_a_server_that_takes_no_writes_are_not_used_again() {
    let database = Database::create().await;
    let store = database.store().await;
    let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name);
    database.run(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name)).await;
    database.run(&cut).await;
    let refused = receive(&store, 1).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused}");
    // What the connection began with stays with it: whoever uses it again is refused again.
    database.run(&format!("ALTER DATABASE {} RESET default_transaction_read_only", database.name)).await;
    assert_eq!(receive(&store, 1).await.unwrap(), [Received::Stored]);
    store.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn a_lane_that_somebody_is_busy_with_is_not_waited_for() {
    let database = Database::create().await;
    let store = database.store().await;
    receive(&store, 1).await.unwrap();
    receive(&store, 2).await.unwrap();
    let mut connection = database.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM lanes WHERE lane = $1 FOR UPDATE")
        .bind([1_u8; 32].as_slice())
        .execute(&mut *transaction)
        .await
        .unwrap();
    let destination = DestinationKey { environment: "preprod".into(), destination: "events".into() };
    let claim = Claim { destination, lease: BOUND, most: 10 };
    let batch = Batch { claim: vec![claim], ..Batch::default() };
    let claimed = store.write(batch.clone()).await.unwrap().claimed.remove(0);
    assert_eq!(claimed.iter().map(|lease| lease.lane).collect::<Vec<_>>(), [[2; 32]]);
    transaction.rollback().await.unwrap();
    assert_eq!(store.write(batch).await.unwrap().claimed[0].len(), 1, "afterwards it is there");
    store.close().await;
    connection.close().await.unwrap();
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn a_value_that_is_not_taken_is_not_quoted() {
    let database = Database::create().await;
    let store = database.store().await;
    let mut row = entry(1);
    row.facts.client_subject = "CN=hunter2\0".into();
    let refused = store.write(Batch { receive: vec![row], ..Batch::default() }).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Rejected(words) if !words.contains("hunter2")), "{refused}");
    store.close().await;
    database.drop().await;
}
