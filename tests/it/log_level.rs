//! What the log tells, and how much of it others can cause.

use serde_json::{Value, json};

use crate::support::{Authority, Door, QUIET, Setup, Spec, eventually};

/// What `PUT /log-level` answers.
async fn put(door: &Door, body: &str) -> (u16, Value) {
    let (status, answer) = door.server.tell_admin("PUT", "/log-level", body).await.unwrap();
    (status, serde_json::from_str(&answer).unwrap_or(Value::String(answer)))
}

async fn level(door: &Door) -> Value {
    serde_json::from_str(&door.server.admin_fetch("/log-level").await.1).unwrap()
}

#[tokio::test]
async fn the_level_is_changed_and_put_back_while_the_server_runs() {
    let door = Door::open().await;
    assert_eq!(level(&door).await, json!({ "level": "info", "configured": "info" }));
    door.honest().expect_accepted("an honest client").await;
    eventually("its line", async || door.server.events("request").len() == 1).await;
    assert!(door.server.events("client_admitted").is_empty(), "control: it is not told of at info");

    let (status, report) = put(&door, r#"{"level": "trace", "for": "10m"}"#).await;
    assert_eq!((status, &report["level"], &report["configured"]), (200, &"trace".into(), &"info".into()));
    assert!(report["until"].as_str().unwrap().ends_with('Z'), "{report}");
    for caller in [door.honest(), door.honest().h2()] {
        caller.expect_accepted("an honest client").await;
    }
    eventually("what is told at debug", async || door.server.events("client_admitted").len() == 2).await;
    let told = door.server.log();
    let lines = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    for line in lines.filter(|line| line["level"] == "DEBUG" || line["level"] == "TRACE") {
        assert!(line["target"].as_str().unwrap().starts_with("issuer_host"), "a library speaks: {line}");
    }

    let (status, report) = put(&door, "info").await;
    assert_eq!((status, report), (200, json!({ "level": "info", "configured": "info" })));
    door.honest().expect_accepted("an honest client").await;
    eventually("its line", async || door.server.events("request").len() == 4).await;
    assert_eq!(door.server.told("client_admitted", 2).await.len(), 2);
    assert_eq!(door.server.told("log_level_changed", 2).await.len(), 2, "who changes it can be seen");
}

#[tokio::test]
async fn what_is_no_level_changes_nothing() {
    let door = Door::open().await;
    for body in [
        "",
        "verbose",
        "issuer_host=info,hyper=trace",
        r#"{"level": "rustls=trace"}"#,
        r#"{"level": "debug", "for": "2d"}"#,
    ] {
        let (status, answer) = put(&door, body).await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer.as_str().unwrap().contains("error, warn, info, debug, trace"), "{answer}");
    }
    assert_eq!(level(&door).await["level"], "info");
}

#[tokio::test]
async fn the_level_follows_the_configuration() {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    door.edit("format = \"json\"", "format = \"json\"\nlevel = \"debug\"");
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["configuration"]["needs_restart"]), (200, &json!([])), "{report}");
    assert_eq!(level(&door).await, json!({ "level": "debug", "configured": "debug" }));
    door.honest().expect_accepted("an honest client").await;
    eventually("what is told at debug", async || !door.server.events("client_admitted").is_empty()).await;
}

#[tokio::test]
async fn a_flood_of_refusals_for_one_reason_hides_no_other_reason() {
    let door = Door::with(Setup { log: "level = \"debug\"", ..Setup::default() }).await;
    let nobody = door.honest().presenting(&Authority::root("Nobody").client("nobody"));
    for _ in 0..20 {
        nobody.expect_refused("a client of another authority").await;
    }
    let late = door.pki.clients.issue(Spec::client("late").expired());
    door.honest().presenting(&late).expect_refused("an expired client").await;
    door.stranger().expect_refused("a client without a certificate").await;
    eventually("the expired one", async || {
        door.server.events("client_refused").iter().any(|event| event["reason"] == "expired")
    })
    .await;
    eventually("the one without a certificate", async || {
        door.server.events("handshake_failed").iter().any(|event| event["reason"] == "no_certificate")
    })
    .await;
    let flood = door.server.events("client_refused").iter().filter(|event| event["reason"] == "unknown_issuer").count();
    assert!((1..20).contains(&flood), "control: {flood} lines of a flood of twenty");
}

#[tokio::test]
async fn no_level_hides_what_administrators_do() {
    let door = Door::open().await;
    assert_eq!(put(&door, "error").await.0, 200);
    door.server.reload().await;
    let actions = || door.server.events("admin_action").iter().map(|event| event["action"].clone()).collect::<Vec<_>>();
    eventually("what was done to be told", async || actions() == ["log_level", "reload"]).await;
    assert!(door.server.events("reload_ended").is_empty(), "control: other lines of that level are not told");
}
