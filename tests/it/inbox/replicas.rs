//! Several servers on one PostgreSQL.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::support::{Caller, HOST, Server, Session, eventually};

use super::crash::is_in_order_and_once;
use super::database::Database;
use super::recorder::{all_arrive, arrived, notification, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn two_servers_keep_the_order_of_a_card_and_one_goes_on_with_what_the_other_had_begun() {
    const CARDS: usize = 24;
    const CALLS: usize = 30;
    let database = Database::start();
    let door = open(&format!("[inbox]\nurl = \"{}\"\n", database.url()), "").await;
    let mut second = Server::start(&door.directory.path().join("issuer-host.toml")).await;
    let to = |server: &Server| {
        Caller::new(server.address(), HOST, door.pki.servers.certificate().clone()).presenting(&door.pki.honest)
    };
    let (first, other) = (door.honest(), to(&second));
    let acknowledged = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
    let calls: Vec<_> = (0..CARDS)
        .map(|card| {
            let callers = [first.clone(), other.clone()];
            let acknowledged = std::sync::Arc::clone(&acknowledged);
            tokio::spawn(async move {
                let mut sessions: [Option<Session>; 2] = [None, None];
                for number in 0..CALLS {
                    let operation = format!("{card}-{number}");
                    // One server after the other; when one does not answer any more, the other is asked again.
                    for attempt in number.. {
                        let at = attempt % 2;
                        if sessions[at].is_none() {
                            sessions[at] = callers[at].session().await.ok();
                        }
                        let Some(session) = &mut sessions[at] else { continue };
                        match session.send(notification(&format!("card-{card}"), &operation)).await {
                            Ok(reply) if reply.status == 204 => break,
                            Ok(reply) => assert_eq!(reply.status, 503, "{reply:?}"),
                            Err(_) => sessions[at] = None,
                        }
                    }
                    acknowledged.lock().unwrap().insert((format!("card-{card}"), operation));
                }
            })
        })
        .collect();
    eventually("half of it", async || acknowledged.lock().unwrap().len() > CARDS * CALLS / 2).await;
    second.kill();
    for call in calls {
        call.await.unwrap();
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert_eq!(acknowledged.len(), CARDS * CALLS);
    all_arrive(&door, &acknowledged).await;
    is_in_order_and_once(&arrived(&door), &acknowledged);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn a_database_that_is_restarted_refuses_meanwhile_and_loses_nothing() {
    let database = Database::start();
    let door = open(&format!("[inbox]\nurl = \"{}\"\n", database.url()), "").await;
    let mut session = door.honest().session().await.unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..3 {
        let number = round.to_string();
        assert_eq!(session.send(notification("card", &number)).await.unwrap().status, 204);
        acknowledged.insert(("card".to_owned(), number));
        database.stop();
        let reply = session.send(notification("card", "in between")).await.unwrap();
        assert_eq!(reply.status, 503, "{reply:?}");
        assert_eq!(door.server.admin_fetch("/readyz").await.0, 200);
        database.up();
        let session = tokio::sync::Mutex::new(&mut session);
        eventually("it to be stored", async || {
            session.lock().await.send(notification("card", "in between")).await.unwrap().status == 204
        })
        .await;
        acknowledged.insert(("card".to_owned(), "in between".to_owned()));
    }
    all_arrive(&door, &acknowledged).await;
    let operations: Vec<_> = arrived(&door)["card"].iter().map(|(_, operation)| operation.clone()).collect();
    let mut once = operations.clone();
    once.dedup();
    assert_eq!(once, ["0", "in between", "1", "2"]);
}
