//! What is in flight on a connection when its trust goes is finished within its grace, and cut after it.

use super::door_of_two;
use crate::support::{Answer, Gate, Reply, request, within};

#[tokio::test]
async fn requests_in_flight_on_a_retired_connection_are_finished_within_its_grace() {
    let (door, other) = door_of_two("retire_grace = \"60s\"").await;
    let gate = Gate::closed();
    door.backend.answer("/held", Answer::Held(gate.clone()));
    let mut calls = Vec::new();
    for caller in [door.honest(), door.honest().h2()] {
        calls.push(tokio::spawn(async move { caller.call("/held").await }));
        gate.arrival().await;
    }
    door.install_anchors(&[&other]).await;
    let mut closing = 0;
    for call in calls {
        gate.open();
        let reply = within("the answer of a request in flight", call).await.unwrap().unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (200, "held"));
        closing += usize::from(reply.headers.get("connection").is_some_and(|value| value == "close"));
    }
    assert_eq!(closing, 1, "HTTP/1.1 says that the connection ends, HTTP/2 has no such field");
    door.honest().expect_refused("the retired client, on a new connection").await;
}

#[tokio::test]
async fn requests_in_flight_on_a_retired_connection_are_cut_after_its_grace() {
    for grace in ["300ms", "0s"] {
        let (door, other) = door_of_two(&format!("retire_grace = \"{grace}\"")).await;
        let (gate, honest) = (Gate::closed(), Gate::closed());
        door.backend.answer("/held", Answer::Held(gate.clone()));
        door.backend.answer("/honest", Answer::Held(honest.clone()));
        let mut calls = Vec::new();
        let mut beside = Vec::new();
        for protocol in ["http/1.1", "h2"] {
            let caller = door.honest().alpn(&[protocol]);
            calls.push(tokio::spawn(async move { caller.call("/held").await }));
            gate.arrival().await;
            let caller = door.stranger().presenting(&other.client("kept")).alpn(&[protocol]);
            beside.push(tokio::spawn(async move { caller.call("/honest").await }));
            honest.arrival().await;
        }
        door.install_anchors(&[&other]).await;
        for call in calls {
            let outcome = within("a request in flight to be cut", call).await.unwrap();
            assert!(outcome.is_err(), "{grace}: {outcome:?}");
            gate.departure().await;
        }
        for call in beside {
            honest.open();
            assert_eq!(within("the honest answer", call).await.unwrap().unwrap().status, 200, "{grace}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_is_finished_within_the_grace_and_cut_after_it() {
    for (grace, is_cut) in [("60s", false), ("300ms", true), ("0s", true)] {
        let (door, other) = door_of_two(&format!("retire_grace = \"{grace}\"")).await;
        for (protocol, path) in [("http/1.1", "/one"), ("h2", "/two")] {
            let chunks = door.backend.stream(path);
            let mut session = door.honest().alpn(&[protocol]).session().await.unwrap();
            let call = request("POST", path).body(http_body_util::BodyExt::boxed(http_body_util::Empty::new()));
            let response = session.begin(call.unwrap()).await.unwrap();
            chunks.send("begun, ".into()).await.unwrap();
            door.install_anchors(&[&other]).await;
            // Where it is to be cut, the backend goes on and on.
            let unending = if is_cut {
                Some(chunks)
            } else {
                chunks.send("ended".into()).await.unwrap();
                drop(chunks);
                None
            };
            let reply = Reply::read(response).await;
            drop(unending);
            match reply {
                Ok(reply) => assert_eq!((reply.text().as_str(), is_cut), ("begun, ended", false), "{grace} {protocol}"),
                Err(error) => assert!(is_cut, "{grace} {protocol}: {error}"),
            }
            session.ended().await;
            door.install_anchors(&[&door.pki.clients, &other]).await;
        }
    }
}
