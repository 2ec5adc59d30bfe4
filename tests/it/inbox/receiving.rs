//! What Thales gets for a notification, and what becomes of it.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::StatusCode;

use crate::support::{Answer, eventually, request};

use super::recorder::{SQLITE, all_arrive, arrived, notification, open, open_signed};

#[tokio::test]
async fn a_notification_is_acknowledged_while_the_backend_is_down_and_arrives_once_when_it_is_up() {
    let door = open(SQLITE, "").await;
    let path = notification("card", "1").uri().path().to_owned();
    door.backend.answer(&path, Answer::Broken);
    let mut session = door.honest().session().await.unwrap();
    let reply = session.send(notification("card", "1")).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    eventually("an attempt that fails", async || door.backend.arrivals(&path) > 1).await;
    assert!(arrived(&door).is_empty());
    let status = door.server.status().await;
    let destination = &status["inbox"]["destinations"][0];
    assert_eq!(destination["environment"], "preprod", "{status}");
    assert!(destination["last_problem"].is_string(), "{status}");
    door.backend.answer(&path, Answer::Fixed(StatusCode::NO_CONTENT, ""));
    all_arrive(&door, &BTreeSet::from([("card".to_owned(), "1".to_owned())])).await;
    let line = "issuer_host_inbox_delivered_total{environment=\"preprod\",product=\"d1\",operation=\"notifyCardOperationV1\"} 1";
    eventually("the delivery to be counted", async || door.server.has_metric_line(line).await).await;
    assert_eq!(arrived(&door)["card"].len(), 1);
}

#[tokio::test]
async fn a_repeat_is_acknowledged_alike_and_delivered_once() {
    let door = open(SQLITE, "").await;
    let mut session = door.honest().session().await.unwrap();
    for _ in 0..3 {
        assert_eq!(session.send(notification("card", "1")).await.unwrap().status, 204);
    }
    // Behind it, so that everything before it has arrived.
    assert_eq!(session.send(notification("card", "2")).await.unwrap().status, 204);
    all_arrive(&door, &BTreeSet::from([("card".to_owned(), "2".to_owned())])).await;
    let operations: Vec<_> = arrived(&door)["card"].iter().map(|(_, operation)| operation.clone()).collect();
    assert_eq!(operations, ["1", "2"]);
    let operation = "{environment=\"preprod\",product=\"d1\",operation=\"notifyCardOperationV1\"}";
    for line in [
        format!("issuer_host_inbox_received_total{operation} 2"),
        format!("issuer_host_inbox_deduplicated_total{operation} 2"),
    ] {
        assert!(door.server.has_metric_line(&line).await, "{line}");
    }
}

#[tokio::test]
async fn a_state_that_comes_back_arrives_each_time_where_the_key_is_not_thales_own() {
    let door = open(SQLITE, "").await;
    let mut session = door.honest().session().await.unwrap();
    let path = "/issuer/igwapi/v2.0/notifyVirtualCardChange";
    for action in ["SUSPEND", "RESUME", "SUSPEND"] {
        let body = format!("{{\"issuerCardRefId\":\"card\",\"virtualCardId\":\"v\",\"action\":\"{action}\"}}");
        let call = request("POST", path)
            .header("x-issuer-id", "ISSUER0001")
            .header("x-correlation-id", "the-same")
            .header("content-type", "application/json")
            .body(Bytes::from(body))
            .unwrap();
        assert_eq!(session.send(call).await.unwrap().status, 200);
    }
    eventually("three deliveries", async || door.backend.all_received().len() == 3).await;
    let actions: Vec<_> = door
        .backend
        .all_received()
        .iter()
        .map(|one| serde_json::from_slice::<serde_json::Value>(&one.body).unwrap()["action"].clone())
        .collect();
    assert_eq!(actions, ["SUSPEND", "RESUME", "SUSPEND"]);
}

#[tokio::test]
async fn entries_of_a_backend_that_is_taken_out_of_the_configuration_are_told_of_and_wait() {
    let down = "[backends.other]\nurl = \"http://127.0.0.1:1\"\n";
    let backend = format!("[environments.preprod.operations.notifyCardOperationV1]\nbackend = \"other\"\n{down}");
    let door = open_signed(SQLITE, &backend).await;
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(session.send(notification("card", "1")).await.unwrap().status, 204);
    assert!(door.server.events("inbox_forgotten").is_empty(), "control");
    door.edit("backend = \"other\"\n", "");
    door.server.reload().await;
    eventually("a word about it", async || !door.server.events("inbox_forgotten").is_empty()).await;
    let told = &door.server.told("inbox_forgotten", 1).await[0];
    assert_eq!((&told["backend"], &told["entries"]), (&"other".into(), &1.into()), "{told}");
    // What comes now goes to the environment's own backend, and what waits goes on when its backend is back.
    assert_eq!(session.send(notification("card", "2")).await.unwrap().status, 204);
    all_arrive(&door, &BTreeSet::from([("card".to_owned(), "2".to_owned())])).await;
    assert_eq!(arrived(&door)["card"].len(), 1);
    let here = format!("backend = \"other\"\n[backends.other]\nurl = \"http://{}\"", door.backend.address());
    door.edit("[backends.other]\nurl = \"http://127.0.0.1:1\"", &here);
    door.server.reload().await;
    all_arrive(&door, &BTreeSet::from([("card".to_owned(), "1".to_owned())])).await;
}
