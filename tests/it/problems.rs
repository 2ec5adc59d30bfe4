//! What is wrong is told by `/status` and by `issuer-host status`, with the cause, and what was never wrong is not.

use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::tool::{self, Finished};
use crate::support::{Door, QUIET, Setup, eventually};

async fn asked(door: &Door, more: &[&str]) -> Finished {
    let address = door.server.admin().to_string();
    let arguments = [&["status", "--config", "issuer-host.toml", "--address", &address], more].concat();
    tool::run(door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await
}

/// The problems of an alert.
fn of<'a>(status: &'a Value, alert: &str) -> Vec<&'a Value> {
    let runbook = format!("docs/runbook/{alert}.md");
    status["problems"].as_array().unwrap().iter().filter(|problem| problem["runbook"] == runbook.as_str()).collect()
}

#[tokio::test]
async fn a_backend_that_is_down_is_told_with_its_address_and_the_cause() {
    // A port that nobody listens on: bound once, to know that it is free, and let go.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let address = format!("http://{free}");
    let door = Door::with(Setup { log: QUIET, backend_url: Some(address.clone()), ..Setup::default() }).await;
    let before = door.server.status().await;
    assert_eq!(before["problems"], Value::Array(Vec::new()), "control: nothing is wrong yet");
    assert_eq!(before["connections_limit"], 10_000);
    let well = asked(&door, &[]).await;
    assert_eq!(well.code(), Some(0), "{}", well.text());
    assert!(well.text().contains("Nothing is wrong.") && well.text().contains("preprod: epoch 1"), "{}", well.text());

    assert_eq!(door.honest().call("/down").await.unwrap().status, 503);
    let status = door.server.status().await;
    let failing = of(&status, "IssuerHostBackendFailing");
    assert_eq!(failing.len(), 1, "{status}");
    assert!(failing[0]["title"].as_str().unwrap().contains(&address), "{status}");
    assert!(failing[0]["detail"].as_str().unwrap().contains("Connection refused"), "{status}");
    assert_eq!(failing[0]["environment"], "preprod");
    let errors = of(&status, "IssuerHostErrorsHigh");
    assert_eq!(errors[0], &status["problems"][0], "what pages comes first: {status}");
    assert!(errors[0]["to_do"].as_str().unwrap().contains(&address), "{status}");
    let backend = &status["environments"][0]["backends"][0];
    assert_eq!((&backend["name"], &backend["address"]), (&"".into(), &address.as_str().into()));
    assert_eq!((&backend["last_failure"]["reason"], &backend["in_flight"]), (&"unavailable".into(), &0.into()));

    let told = asked(&door, &[]).await;
    assert_eq!(told.code(), Some(1), "{}", told.text());
    for words in ["page ", "Connection refused", "To do:", "docs/runbook/IssuerHostBackendFailing.md"] {
        assert!(told.words().contains(words.trim()), "{words}: {}", told.text());
    }
    let report = asked(&door, &["--json"]).await;
    let report: Value = serde_json::from_str(report.text().trim()).unwrap();
    assert_eq!(of(&report, "IssuerHostBackendFailing").len(), 1, "{report}");
}

#[tokio::test]
async fn nobody_who_answers_and_a_configuration_that_cannot_be_read_have_exit_codes_of_their_own() {
    let mut door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    assert_eq!(asked(&door, &[]).await.code(), Some(0), "control");
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    let alone = asked(&door, &[]).await;
    assert_eq!(alone.code(), Some(69), "{}", alone.text());
    assert!(alone.text().contains(&door.server.admin().to_string()), "{}", alone.text());
    // What is wrong elsewhere in it does not matter: where to ask is known.
    door.replace("issuer-host.toml", "lisen = 1\n");
    assert_eq!(asked(&door, &[]).await.code(), Some(69));
    door.replace("issuer-host.toml", "[admin");
    let arguments = ["status", "--config", "issuer-host.toml"];
    let told = tool::run(door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await;
    assert_eq!(told.code(), Some(78), "{}", told.text());
}

#[tokio::test]
async fn since_when_reloads_are_refused_stays_while_they_are() {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    assert_eq!(door.server.status_of("preprod").await["last_reload"]["since"], Value::Null, "control");
    let good = door.pki.clients.pem();
    door.replace("client-ca.pem", "no certificate");
    assert_eq!(door.server.try_reload().await.0, 422);
    let first = door.server.status_of("preprod").await["last_reload"].clone();
    assert_eq!(first["since"], first["at"]);
    // `at` has seconds: until another one has begun nothing could be told apart.
    eventually("another second", async || {
        assert_eq!(door.server.try_reload().await.0, 422);
        door.server.status_of("preprod").await["last_reload"]["at"] != first["at"]
    })
    .await;
    assert_eq!(door.server.status_of("preprod").await["last_reload"]["since"], first["since"]);
    door.replace("client-ca.pem", good);
    door.server.reload().await;
    assert_eq!(door.server.status_of("preprod").await["last_reload"]["since"], Value::Null, "it is over");
}
