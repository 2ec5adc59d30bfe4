//! A database that says nothing any more, as behind a network that is parted: connections stay, and nobody answers.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::support::{Door, Reply, Session, eventually};

use super::crash::is_in_order_and_once;
use super::database::Database;
use super::recorder::{all_arrive, arrived, is_refused_for_now, notification, open};

const CARDS: usize = 8;

/// The next event of each card, all at once.
async fn send(sessions: &mut [Session], event: usize) -> Vec<Reply> {
    let calls = sessions.iter_mut().enumerate().map(|(card, session)| {
        let call = notification(&format!("card-{card}"), &format!("{card}-{event}"));
        async move { session.send(call).await.unwrap() }
    });
    join_all(calls).await
}

/// How often the inbox's own limit of time was over.
async fn given_up_by_the_inbox(door: &Door) -> usize {
    let (_, metrics) = door.server.admin_fetch("/metrics").await;
    let counted =
        metrics.lines().find_map(|line| line.strip_prefix("issuer_host_inbox_failures_total{error=\"busy\"} "));
    counted.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn a_database_that_falls_silent_refuses_meanwhile_and_is_used_again_when_it_is_heard() {
    let database = Database::start();
    let mut door = open(&format!("[inbox]\nurl = \"{}\"\ncommit_timeout = \"1s\"\n", database.url()), "").await;
    let mut sessions = Vec::new();
    for _ in 0..CARDS {
        sessions.push(door.honest().session().await.unwrap());
    }
    let mut events = 0..;
    let mut acknowledged = BTreeSet::new();
    let mut note = |event: usize| {
        acknowledged.extend((0..CARDS).map(|card| (format!("card-{card}"), format!("{card}-{event}"))));
    };
    // As often as it is tried in a silence, a second each. First its connections live through it; the second one is longer than any
    // exchange with a database may take, so that all of them are given up.
    for tries in [1, 12] {
        let before = events.next().unwrap();
        assert!(send(&mut sessions, before).await.iter().all(|reply| reply.status == 204), "control");
        note(before);

        let silence = database.silence();
        let event = events.next().unwrap();
        let given_up = given_up_by_the_inbox(&door).await;
        for _ in 0..tries {
            send(&mut sessions, event).await.iter().for_each(is_refused_for_now);
            assert_eq!(door.server.admin_fetch("/readyz").await.0, 200, "queries are served all the same");
        }
        // Each of them by `commit_timeout`, before the call's deadline and before that of the exchange with the database.
        assert_eq!(given_up_by_the_inbox(&door).await, given_up + tries * CARDS);
        drop(silence);

        let again = tokio::sync::Mutex::new(&mut sessions);
        eventually("all of them to be stored", async || {
            let replies = send(*again.lock().await, event).await;
            replies.iter().filter(|reply| reply.status != 204).for_each(is_refused_for_now);
            replies.iter().all(|reply| reply.status == 204)
        })
        .await;
        note(event);
    }
    let given_up = door.server.admin_fetch("/metrics").await.1;
    assert!(given_up.contains("issuer_host_inbox_failures_total{error=\"unavailable\"}"), "control: {given_up}");
    all_arrive(&door, &acknowledged).await;
    let arrived = arrived(&door);
    is_in_order_and_once(&arrived, &acknowledged);
    let events =
        arrived.into_iter().flat_map(|(card, events)| events.into_iter().map(move |one| (card.clone(), one.1)));
    assert_eq!(events.collect::<BTreeSet<_>>(), acknowledged, "nothing else was delivered");
    assert!(door.server.events("dead_letter").is_empty());
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
}
