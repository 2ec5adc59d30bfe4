//! Which environments there are, and by which names they are reached, changes as a whole or not at all.

use serde_json::Value;

use crate::support::hello::{FirstAnswer, Hello, UNRECOGNIZED_NAME};
use crate::support::neighbours::{ONE_LISTENER, OTHER_HOST, call};
use crate::support::{Caller, HOST, Neighbour, Neighbours};

const NEXT_HOST: &str = "next.bank.test";

/// A reload of a configuration that is refused: what is wrong with it.
async fn refused(neighbours: &Neighbours) -> String {
    let (status, report) = neighbours.server.try_reload().await;
    assert_eq!((status, &report["configuration"]["outcome"]), (422, &"kept".into()), "{report}");
    let status = neighbours.server.status().await;
    assert_eq!(status["configuration"]["problem"], report["configuration"]["problem"], "the status tells it as well");
    report["configuration"]["problem"].as_str().unwrap().to_owned()
}

async fn answer(name: &str, caller: &Caller) -> FirstAnswer {
    Hello { version: 0x0303, suites: &[0xc02b], name: Some(name) }.ask(caller).await
}

async fn is_served(neighbour: &Neighbour, neighbours: &Neighbours, path: &str) {
    let mut session = neighbour.caller(neighbours).session().await.unwrap();
    assert_eq!(call(&mut session, neighbour.host, path).await, 200, "{path}");
    assert_eq!(neighbour.backend.arrivals(path), 1, "{path}");
}

#[tokio::test]
async fn an_environment_that_is_renamed_goes_on_until_the_new_one_is_good() {
    let one = Neighbour::new("one", HOST).await;
    let neighbours = Neighbours::start(ONE_LISTENER, &[&one]).await;
    let mut kept = one.caller(&neighbours).session().await.unwrap();
    let garbage = one.table().replace("environments.one", "environments.renamed").replace("one-key.pem", "garbage.pem");
    neighbours.replace("garbage.pem", one.clients.key_pem());
    neighbours.edit(&one.table(), &garbage);
    let problem = refused(&neighbours).await;
    assert!(problem.contains("renamed") && problem.contains("garbage.pem"), "{problem}");
    assert_eq!(call(&mut kept, HOST, "/kept").await, 200);
    is_served(&one, &neighbours, "/renamed-badly").await;
    assert_eq!(neighbours.server.status_of("renamed").await, Value::Null);

    // Control: with a key that belongs to its certificate it takes the old one's place.
    neighbours.edit("garbage.pem", "one-key.pem");
    let (status, report) = neighbours.server.try_reload().await;
    assert_eq!((status, &report["environments"]["renamed"]["outcome"]), (200, &"added".into()), "{report}");
    assert_eq!(report["environments"]["one"]["outcome"], "removed", "{report}");
    is_served(&one, &neighbours, "/renamed").await;
    let told = neighbours.server.told("environment_removed", 1).await;
    assert_eq!((told.len(), &told[0]["environment"]), (1, &"one".into()));
}

#[tokio::test]
async fn an_environment_that_is_renamed_and_moved_to_a_closed_listener_goes_on_where_it_is() {
    let one = Neighbour::new("one", HOST).await;
    let neighbours = Neighbours::start(ONE_LISTENER, &[&one]).await;
    let moved = one.table().replace("[environments.one]", "[environments.moved]\nlisten = [\"127.0.0.9:0\"]");
    neighbours.edit(&one.table(), &moved);
    let problem = refused(&neighbours).await;
    assert!(problem.contains("moved") && problem.contains("restart"), "{problem}");
    is_served(&one, &neighbours, "/moved").await;

    // Control: one that comes beside it has to wait for the restart, and everything else goes on.
    neighbours.edit(&moved, &format!("{}{moved}", one.table()));
    let (status, report) = neighbours.server.try_reload().await;
    assert_eq!((status, &report["configuration"]["outcome"]), (200, &"applied".into()), "{report}");
    assert!(report["configuration"]["needs_restart"].to_string().contains("moved"), "{report}");
    is_served(&one, &neighbours, "/beside").await;
}

#[tokio::test]
async fn a_host_is_taken_over_only_when_whoever_had_it_lets_go() {
    let (one, other) = (Neighbour::new("one", HOST).await, Neighbour::new("other", OTHER_HOST).await);
    let neighbours = Neighbours::start(ONE_LISTENER, &[&one, &other]).await;
    // The first is to move to a name that its certificate is not for, the other to take its place.
    neighbours.edit(&format!("host = \"{HOST}\""), &format!("host = \"{NEXT_HOST}\""));
    neighbours.edit(&format!("host = \"{OTHER_HOST}\""), &format!("host = \"{HOST}\""));
    let taker = other.servers.intermediate("Server CA of other").issue(crate::support::Spec::server(HOST));
    neighbours.replace("other-chain.pem", taker.chain_pem());
    neighbours.replace("other-key.pem", taker.key_pem());
    let problem = refused(&neighbours).await;
    assert!(problem.contains(NEXT_HOST) && problem.contains("cannot be told apart"), "{problem}");
    is_served(&one, &neighbours, "/kept").await;
    let epoch = neighbours.server.status_of("other").await["epoch"].clone();
    assert_eq!(neighbours.server.status_of("other").await["host"], OTHER_HOST, "nothing of it has changed: {epoch}");
    assert_eq!(answer(NEXT_HOST, &one.caller(&neighbours)).await, UNRECOGNIZED_NAME);

    // Control: once the first has a certificate for its new name, both move at once.
    let mover = one.servers.intermediate("Server CA of one").issue(crate::support::Spec::server(NEXT_HOST));
    neighbours.replace("one-chain.pem", mover.chain_pem());
    neighbours.replace("one-key.pem", mover.key_pem());
    let (status, report) = neighbours.server.try_reload().await;
    assert_eq!(status, 200, "{report}");
    let mut session = other.caller_for(&neighbours, HOST).session().await.unwrap();
    assert_eq!(call(&mut session, HOST, "/taken").await, 200);
    assert_eq!(other.backend.arrivals("/taken"), 1);
    let mut session = one.caller_for(&neighbours, NEXT_HOST).session().await.unwrap();
    assert_eq!(call(&mut session, NEXT_HOST, "/moved").await, 200);
    assert_eq!(one.backend.arrivals("/moved"), 1);
}
