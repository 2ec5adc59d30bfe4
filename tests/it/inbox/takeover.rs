//! A server that dies with lanes in its hands: another one goes on with them when their leases have run out, and not before.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use crate::support::{Answer, Backend, Caller, Door, Gate, HOST, Server, eventually};

use super::crash::is_in_order_and_once;
use super::database::Database;
use super::recorder::{arrived, by_card, notification, open_plain};

/// As many as one server works on at once: it has no room for others.
const CARDS: usize = 8;
/// Long enough for a busy machine to renew in time.
const LEASE: i64 = 3000;

/// Has the database write down whoever claims a lane: whether it was leased to somebody, until when, and when it was claimed. All by
/// the database's own clock.
const WRITTEN_DOWN: &str = "\
    CREATE TABLE claims (lane BYTEA, fence BIGINT, was_leased BOOLEAN, until BIGINT, at BIGINT); \
    CREATE FUNCTION write_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        INSERT INTO claims VALUES (OLD.lane, NEW.fence, OLD.leased, OLD.due_at, \
            (extract(epoch FROM statement_timestamp()) * 1000)::bigint); \
        RETURN NULL; \
    END $$; \
    CREATE TRIGGER write_down AFTER UPDATE ON lanes FOR EACH ROW WHEN (OLD.fence <> NEW.fence) EXECUTE FUNCTION write_down()";

/// A lane that was leased when somebody else claimed it.
struct Takeover {
    /// Until when it was leased.
    until: i64,
    at: i64,
}

async fn now(database: &mut PgConnection) -> i64 {
    let clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    sqlx::query_scalar(clock).fetch_one(database).await.unwrap()
}

/// The lanes that are leased, and until when.
async fn leased(database: &mut PgConnection) -> BTreeMap<Vec<u8>, i64> {
    let asked = "SELECT lane, due_at FROM lanes WHERE leased";
    sqlx::query_as(asked).fetch_all(database).await.unwrap().into_iter().collect()
}

/// The first one of each lane.
async fn takeovers(database: &mut PgConnection) -> BTreeMap<Vec<u8>, Takeover> {
    let asked = "SELECT DISTINCT ON (lane) lane, until, at FROM claims WHERE was_leased ORDER BY lane, fence";
    let rows: Vec<(Vec<u8>, i64, i64)> = sqlx::query_as(asked).fetch_all(database).await.unwrap();
    rows.into_iter().map(|(lane, until, at)| (lane, Takeover { until, at })).collect()
}

/// A server on the same database that delivers to a backend of its own: where something arrives tells who delivered it.
async fn another(door: &Door) -> (Server, Backend) {
    let backend = Backend::http1().await;
    let config = std::fs::read_to_string(door.directory.path().join("issuer-host.toml")).unwrap();
    let here = config.replace(&door.backend.address().to_string(), &backend.address().to_string());
    assert_ne!(here, config);
    let path = door.directory.path().join("another.toml");
    std::fs::write(&path, here).unwrap();
    (Server::start(&path).await, backend)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn lanes_of_a_server_that_was_killed_are_delivered_by_another_when_their_leases_have_run_out_and_not_before() {
    let database = Database::start();
    let delivery = format!("[inbox.delivery]\nlease = \"{LEASE}ms\"\nmax_in_flight = {CARDS}\n");
    let mut door = open_plain(&format!("[inbox]\nurl = \"{}\"\n{delivery}", database.url())).await;
    let event = |card: usize, number: usize| (format!("card-{card}"), format!("{card}-{number}"));
    let mut acknowledged = BTreeSet::new();

    // The backend of the first server does not come to an end with the first event of each card. More events wait behind it.
    let gate = Gate::closed();
    let mut session = door.honest().session().await.unwrap();
    for number in 0..2 {
        for (card, operation) in (0..CARDS).map(|card| event(card, number)) {
            let call = notification(&card, &operation);
            door.backend.answer(call.uri().path(), Answer::Held(gate.clone()));
            assert_eq!(session.send(call).await.unwrap().status, 204);
            acknowledged.insert((card, operation));
            if number == 0 {
                gate.arrival().await;
            }
        }
    }
    let mut asking = database.connect().await;
    sqlx::raw_sql(WRITTEN_DOWN).execute(&mut asking).await.unwrap();
    let held = leased(&mut asking).await;
    assert_eq!(held.len(), CARDS, "control: they are in the hands of the first server");

    let (survivor, elsewhere) = another(&door).await;
    let caller = Caller::new(survivor.address(), HOST, door.pki.servers.certificate().clone());
    let mut session = caller.presenting(&door.pki.honest).session().await.unwrap();
    for (card, operation) in (0..CARDS).map(|card| event(card, 2)) {
        assert_eq!(session.send(notification(&card, &operation)).await.unwrap().status, 204);
        acknowledged.insert((card, operation));
    }
    let asking = tokio::sync::Mutex::new(asking);
    let last = *held.values().max().unwrap();
    eventually("the first leases to be over", async || now(&mut *asking.lock().await).await > last).await;
    assert_eq!(session.send(notification("free", "free-0")).await.unwrap().status, 204);
    eventually("what is free to be delivered", async || by_card(elsewhere.all_received()).contains_key("free")).await;
    let mut asking = asking.into_inner();
    let meanwhile = by_card(elsewhere.all_received());
    assert_eq!(meanwhile.keys().collect::<Vec<_>>(), ["free"], "control: what is leased and renewed is left alone");
    assert!(takeovers(&mut asking).await.is_empty(), "control");

    door.server.kill();
    let killed_at = now(&mut asking).await;
    eventually("everything to be delivered by the other server", async || {
        let delivered = by_card(elsewhere.all_received());
        acknowledged.iter().all(|(card, operation)| {
            delivered.get(card).is_some_and(|events| events.iter().any(|(_, event)| event == operation))
        })
    })
    .await;
    let taken = takeovers(&mut asking).await;
    assert_eq!(taken.keys().collect::<Vec<_>>(), held.keys().collect::<Vec<_>>());
    for Takeover { until, at } in taken.values() {
        assert!(at >= until, "claimed at {at}, leased until {until}");
        assert!(*until > last, "control: it was renewed");
        assert!(*until <= killed_at + LEASE, "killed at {killed_at}, leased until {until}");
    }

    // What the first server had begun came again under its id, and before all that is behind it.
    let (begun, mut delivered) = (arrived(&door), by_card(elsewhere.all_received()));
    delivered.remove("free");
    assert_eq!(delivered.len(), CARDS);
    let both = delivered.into_iter().map(|(card, events)| (card.clone(), [&begun[&card][..], &events].concat()));
    is_in_order_and_once(&both.collect(), &acknowledged);
}
