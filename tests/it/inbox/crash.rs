//! The server dies at random moments, without a warning, while everybody calls it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::support::{Caller, Door, Server, eventually};

use super::database::Database;
use super::recorder::{SQLITE, all_arrive, arrived, notification, open};

/// Callers at once, each with a card of its own.
const CALLERS: usize = 64;

/// What a caller knows: what it sends next, and what was acknowledged.
#[derive(Default)]
struct Conversation {
    next: usize,
    acknowledged: Vec<usize>,
}

/// How often the server dies: so many times in a quick run, or as often as `ISSUER_HOST_CRASHES` says.
fn rounds(few: usize) -> usize {
    std::env::var("ISSUER_HOST_CRASHES").map_or(few, |count| count.parse().unwrap())
}

/// A number that nobody foresees.
fn random(below: u64) -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    u64::from_ne_bytes(bytes) % below
}

/// One notification after the other, the same again until it is acknowledged, as Thales does; until the server is gone.
async fn converse(caller: Caller, card: usize, conversation: Arc<Mutex<Conversation>>) {
    let Ok(mut session) = caller.session().await else { return };
    loop {
        let number = conversation.lock().unwrap().next;
        let call = notification(&format!("card-{card}"), &format!("{card}-{number}"));
        match session.send(call).await {
            Ok(reply) if reply.status == 204 => {
                let mut conversation = conversation.lock().unwrap();
                conversation.acknowledged.push(number);
                conversation.next += 1;
            }
            Ok(reply) => assert!(matches!(reply.status, 429 | 500 | 503), "{reply:?}"),
            Err(_) => return,
        }
    }
}

/// Everybody calls, and the server dies in the middle of it.
async fn round(door: &mut Door, conversations: &[Arc<Mutex<Conversation>>]) {
    let calls: Vec<_> = conversations
        .iter()
        .enumerate()
        .map(|(card, conversation)| tokio::spawn(converse(door.honest(), card, Arc::clone(conversation))))
        .collect();
    // Not before somebody was served: a round in which nothing happens shows nothing.
    let count = || -> usize { conversations.iter().map(|one| one.lock().unwrap().acknowledged.len()).sum() };
    let before = count();
    for _ in 0..2000 {
        if count() > before + 8 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(count() > before, "nothing was acknowledged:\n{}", door.server.log());
    tokio::time::sleep(Duration::from_millis(random(250))).await;
    door.server.kill();
    for call in calls {
        call.await.unwrap();
    }
}

/// Lets the server die `rounds` times, and looks at what is delivered in the end.
async fn dies(mut door: Door, rounds: usize) {
    let config = door.directory.path().join("issuer-host.toml");
    let conversations: Vec<Arc<Mutex<Conversation>>> = (0..CALLERS).map(|_| Arc::default()).collect();
    for _ in 0..rounds {
        round(&mut door, &conversations).await;
        door.server = Server::start(&config).await;
    }
    let acknowledged = all_of(&conversations);
    all_arrive(&door, &acknowledged).await;
    is_in_order_and_once(&arrived(&door), &acknowledged);
    println!("{} notifications were acknowledged in {rounds} rounds, and all of them arrived", acknowledged.len());
}

/// Card and operation of everything that was acknowledged.
fn all_of(conversations: &[Arc<Mutex<Conversation>>]) -> BTreeSet<(String, String)> {
    let mut acknowledged = BTreeSet::new();
    for (card, conversation) in conversations.iter().enumerate() {
        let conversation = conversation.lock().unwrap();
        let operations = conversation.acknowledged.iter().map(|number| format!("{card}-{number}"));
        acknowledged.extend(operations.map(|operation| (format!("card-{card}"), operation)));
    }
    acknowledged
}

/// None has two ids, and what is first seen of a card is in the order in which it was sent.
pub(super) fn is_in_order_and_once(
    arrived: &BTreeMap<String, Vec<(String, String)>>,
    acknowledged: &BTreeSet<(String, String)>,
) {
    assert!(!acknowledged.is_empty());
    for (card, events) in arrived {
        let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
        let mut seen = Vec::new();
        for (id, operation) in events {
            let known = ids.entry(operation).or_insert(id);
            assert_eq!(known, id, "{operation} was delivered under two ids");
            let number: usize = operation.rsplit('-').next().unwrap().parse().unwrap();
            if !seen.contains(&number) {
                assert!(seen.last().is_none_or(|last| *last < number), "{card}: {number} came after {seen:?}");
                seen.push(number);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_notification_that_was_acknowledged_is_delivered_although_the_server_is_killed() {
    let door = open(SQLITE, "").await;
    dies(door, rounds(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn every_notification_is_delivered_from_postgresql_although_the_server_is_killed() {
    let database = Database::start();
    let door = open(&format!("[inbox]\nurl = \"{}\"\n", database.url()), "").await;
    dies(door, rounds(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn every_notification_is_delivered_although_the_database_is_killed() {
    let database = Database::start();
    let mut door = open(&format!("[inbox]\nurl = \"{}\"\n", database.url()), "").await;
    let conversations: Vec<Arc<Mutex<Conversation>>> = (0..CALLERS).map(|_| Arc::default()).collect();
    let stop = CancellationToken::new();
    let calls: Vec<_> = conversations
        .iter()
        .enumerate()
        .map(|(card, conversation)| {
            let (caller, conversation, stop) = (door.honest(), Arc::clone(conversation), stop.clone());
            tokio::spawn(async move {
                // It ends with its connection, and goes on over another one.
                while !stop.is_cancelled() {
                    tokio::select! {
                        () = converse(caller.clone(), card, Arc::clone(&conversation)) => {}
                        () = stop.cancelled() => {}
                    }
                }
            })
        })
        .collect();
    let acknowledged = || -> usize { conversations.iter().map(|one| one.lock().unwrap().acknowledged.len()).sum() };
    for _ in 0..rounds(5) {
        let before = acknowledged();
        eventually("somebody to be acknowledged", async || acknowledged() > before + 32).await;
        tokio::time::sleep(Duration::from_millis(random(250))).await;
        database.kill();
        tokio::time::sleep(Duration::from_millis(random(250))).await;
        database.up();
    }
    let before = acknowledged();
    eventually("somebody to be acknowledged in the end", async || acknowledged() > before).await;
    stop.cancel();
    for call in calls {
        call.await.unwrap();
    }
    let all = all_of(&conversations);
    all_arrive(&door, &all).await;
    is_in_order_and_once(&arrived(&door), &all);
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200);
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
}
