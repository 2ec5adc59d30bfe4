//! An inbox in PostgreSQL that has reached `max_size`.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Request, StatusCode};
use sqlx::PgConnection;

use crate::support::{Answer, Door, eventually};

use super::crash::is_in_order_and_once;
use super::database::Database;
use super::recorder::{by_card, is_refused_for_now, notification, open};

const CARDS: usize = 4;

fn card(number: usize) -> String {
    format!("card-{}", number % CARDS)
}

/// It takes room, and ends in its number.
fn operation(number: usize) -> String {
    format!("{}-{number}", "x".repeat(16 * 1024))
}

fn large(number: usize) -> Request<Bytes> {
    notification(&card(number), &operation(number))
}

fn answer(door: &Door, status: StatusCode) {
    for number in 0..CARDS {
        door.backend.answer(large(number).uri().path(), Answer::Fixed(status, ""));
    }
}

async fn entries(database: &mut PgConnection, state: &str) -> usize {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM entries WHERE state = $1")
        .bind(state)
        .fetch_one(database)
        .await
        .unwrap();
    usize::try_from(count).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn an_inbox_in_postgresql_that_has_reached_its_limit_refuses_until_entries_are_delivered() {
    let database = Database::start();
    let door = open(&format!("[inbox]\nurl = \"{}\"\nmax_size = \"1 MiB\"\n", database.url()), "").await;
    let mut asking = database.connect().await;
    let mut session = door.honest().session().await.unwrap();
    let mut acknowledged = BTreeSet::new();
    for number in 0..CARDS {
        assert_eq!(session.send(large(number)).await.unwrap().status, 204);
        acknowledged.insert((card(number), operation(number)));
    }
    let waiting = tokio::sync::Mutex::new(&mut asking);
    eventually("the first ones to be delivered", async || entries(*waiting.lock().await, "delivered").await == CARDS)
        .await;

    // Not as one that is down: how long that is left alone is another question.
    answer(&door, StatusCode::NOT_FOUND);
    let mut refused = None;
    for number in CARDS..2000 {
        let reply = session.send(large(number)).await.unwrap();
        if reply.status != 204 {
            is_refused_for_now(&reply);
            refused = Some(number);
            break;
        }
        acknowledged.insert((card(number), operation(number)));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let refused = refused.expect("the limit is never reached");
    for _ in 0..3 {
        is_refused_for_now(&session.send(large(refused)).await.unwrap());
    }
    assert_eq!(door.server.told("inbox_full", 1).await.len(), 1);
    assert_eq!(door.server.status().await["inbox"]["full"], true);
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200, "queries are served all the same");
    assert!(door.server.has_metric_line("issuer_host_inbox_failures_total{error=\"full\"} 4").await);
    assert_eq!(entries(&mut asking, "delivered").await, 0, "control: what is delivered gave way");
    assert_eq!(entries(&mut asking, "pending").await, acknowledged.len() - CARDS, "what is not stayed");
    assert!(door.server.events("inbox_has_room").is_empty());

    let attempts = door.backend.all_received().len();
    answer(&door, StatusCode::NO_CONTENT);
    let session = tokio::sync::Mutex::new(session);
    eventually("room", async || {
        let reply = session.lock().await.send(large(refused)).await.unwrap();
        if reply.status != 204 {
            is_refused_for_now(&reply);
        }
        reply.status == 204
    })
    .await;
    acknowledged.insert((card(refused), operation(refused)));
    assert_eq!(door.server.told("inbox_has_room", 1).await.len(), 1);
    let operation_delivered =
        "issuer_host_inbox_delivered_total{environment=\"preprod\",product=\"d1\",operation=\"notifyCardOperationV1\"}";
    let line = format!("{operation_delivered} {}", acknowledged.len());
    eventually("all of them to be delivered", async || door.server.has_metric_line(&line).await).await;
    assert_eq!(entries(&mut asking, "pending").await, 0);
    assert_eq!(entries(&mut asking, "dead").await, 0);
    let all = door.backend.all_received();
    is_in_order_and_once(&by_card(all.clone()), &acknowledged);
    // What was tried in vain does not count.
    let mut delivered: BTreeSet<_> = (0..CARDS).map(|number| (card(number), operation(number))).collect();
    for (card, events) in by_card(all[attempts..].to_vec()) {
        delivered.extend(events.into_iter().map(|(_, operation)| (card.clone(), operation)));
    }
    assert_eq!(delivered, acknowledged);
}
