//! `issuer-host call`, against the real server: what Thales would make of it.

mod hostile;
mod load;
mod products;
mod refused;
mod retries;

use std::fs;

use http::{Response, StatusCode};
use serde_json::Value;

use crate::support::tool::{self, Finished};
use crate::support::{Answer, Door, HOST, Setup, token_door};

/// The API key of the merchant.
const API_KEY: &str = "key-of-the-tests-0123456789";
const API_KEYS: &str = "\n[environments.preprod.api_keys.current]\nkey_file = \"api-key.txt\"\n";
const ISSUER: &str = "ISSUER0001";

/// A door for these products, with the files that a caller needs beside it.
async fn door(products: &str, tables: &str, files: Vec<(&str, Vec<u8>)>) -> Door {
    let files = [files, vec![("api-key.txt", API_KEY.into())]].concat();
    let door = token_door::with_products(products, Setup { environment: tables, files, ..Setup::default() }).await;
    door.replace("caller.pem", door.pki.honest.chain_pem());
    door.replace("caller-key.pem", door.pki.honest.key_pem());
    door.replace("server-ca.pem", door.pki.servers.pem());
    door.replace("wrong-key.txt", "another-key-0123456789");
    door
}

/// Calls the door as an honest client.
async fn call(door: &Door, words: &[&str]) -> Finished {
    let shown = ["--client-certificate", "caller.pem", "--client-key", "caller-key.pem"];
    stranger(door, &[words, &shown].concat()).await
}

/// The same without a client certificate.
async fn stranger(door: &Door, words: &[&str]) -> Finished {
    let url = format!("https://{HOST}:{}", door.server.address().port());
    let common = ["call", &url, "--connect", "127.0.0.1", "--server-ca", "server-ca.pem", "--issuer-id", ISSUER];
    let arguments = [&common[..], words].concat();
    tool::run(door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await
}

/// The objects of `--format json`: one for each try, and the sum.
#[track_caller]
fn objects(finished: &Finished) -> (Vec<Value>, Value) {
    let text = finished.text();
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let mut lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let sum = lines.pop().unwrap_or_else(|| panic!("nothing was said:\n{text}"));
    (lines, sum["summary"].clone())
}

#[track_caller]
fn went_well(finished: &Finished) -> String {
    assert_eq!(finished.code(), Some(0), "{}", finished.text());
    assert!(!finished.text().contains("WRONG"), "{}", finished.text());
    finished.words()
}

#[track_caller]
fn failed(finished: &Finished) -> String {
    assert_eq!(finished.code(), Some(1), "{}", finished.text());
    finished.words()
}

/// An answer of JSON.
fn json(status: u16, body: &'static str) -> Answer {
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    Answer::Whole(response.header("content-type", "application/json").body(body.into()).unwrap())
}

/// The arguments of the API key.
const WITH_KEY: [&str; 2] = ["--api-key-file", "api-key.txt"];

#[tokio::test]
async fn a_body_headers_and_parameters_of_the_caller_s_own_reach_the_backend() {
    let door = door(r#"["d1"]"#, "", vec![("body.json", br#"{"operationId":"MINE"}"#.to_vec())]).await;
    let path = "/notifications/d1/v1/issuers/ISSUER0001/cards/MYCARD/notifications";
    door.backend.answer(path, Answer::Fixed(StatusCode::NO_CONTENT, ""));
    let own = ["--body", "body.json", "--path-parameter", "cardId=MYCARD", "--header", "x-own: mine"];
    went_well(&call(&door, &[&["d1", "notifyCardOperationV1"], &own[..]].concat()).await);
    let received = door.backend.received(path);
    assert_eq!(received.body, r#"{"operationId":"MINE"}"#);
    assert_eq!(received.headers["x-own"], "mine");
    assert_eq!(received.headers["content-type"], "application/json");
}

#[tokio::test]
async fn each_call_is_a_new_event_over_the_versions_that_were_asked_for() {
    let door = door(r#"["tsh"]"#, "", vec![]).await;
    door.backend.answer("/issuer/igwapi/v2.0/sendOTP", Answer::Fixed(StatusCode::OK, ""));
    for (words, version, alpn, kept) in [
        (&["--tls", "1.2", "--http", "1.1"][..], "TLS 1.2", "http/1.1", true),
        (&["--tls", "1.3", "--http", "2"], "TLS 1.3", "h2", true),
        (&["--new-connection"], "TLS 1.3", "h2", false),
    ] {
        let finished = call(&door, &[&["tsh", "sendOTP", "--count", "3", "--format", "json"], words].concat()).await;
        went_well(&finished);
        let (lines, sum) = objects(&finished);
        assert_eq!(sum, serde_json::json!({ "calls": 3, "good": 3 }));
        let ids: std::collections::BTreeSet<_> = lines.iter().map(|line| line["correlation_id"].to_string()).collect();
        assert_eq!(ids.len(), 3, "{ids:?}");
        for (at, line) in lines.iter().enumerate() {
            let tls = &line["tls"];
            assert_eq!((&tls["version"], &tls["alpn"]), (&Value::from(version), &Value::from(alpn)), "{line}");
            assert_eq!(tls["connection_kept"], kept && at > 0, "{line}");
        }
    }
}

#[tokio::test]
async fn certificates_take_turns_over_new_connections() {
    let door = door(r#"["tsh"]"#, "", vec![]).await;
    let second = door.pki.issuing.client("rotated");
    door.replace("second.pem", second.chain_pem());
    door.replace("second-key.pem", second.key_pem());
    door.backend.answer("/issuer/igwapi/v2.0/sendOTP", Answer::Fixed(StatusCode::OK, ""));
    let words = ["tsh", "sendOTP", "--rotate", "second.pem:second-key.pem", "--count", "4", "--format", "json"];
    let finished = call(&door, &words).await;
    went_well(&finished);
    let lines = objects(&finished).0;
    assert!(lines.iter().all(|line| line["tls"]["connection_kept"] == false));
    let received = door.backend.all_received();
    let subjects: Vec<_> =
        received.iter().map(|one| one.headers["issuer-host-client-subject"].to_str().unwrap()).collect();
    assert_eq!(subjects.len(), 4);
    assert_ne!(subjects[0], subjects[1]);
    assert_eq!(subjects[..2], subjects[2..]);
    // What is said of each call is what the server saw of it.
    let digest = |one: &Value| one["client_certificate"]["sha256"].as_str().unwrap().to_owned();
    let said: Vec<_> = lines.iter().map(digest).collect();
    let seen = received.iter().map(|one| one.headers["issuer-host-client-sha256"].to_str().unwrap().to_owned());
    assert_eq!(said, seen.collect::<Vec<_>>());
    assert_eq!(lines[1]["client_certificate"]["file"], "second.pem", "{}", lines[1]);
    let words = went_well(&call(&door, &["tsh", "sendOTP", "--rotate", "second.pem:second-key.pem"]).await);
    assert!(
        words.contains("with caller.pem: ") && words.contains("with second.pem: O=issuer-host tests,C=FR,CN=rotated, "),
        "{words}"
    );
    assert!(words.contains(lines[1]["client_certificate"]["serial"].as_str().unwrap()), "{words}");
    let words = went_well(&call(&door, &["tsh", "sendOTP"]).await);
    assert!(!words.contains("with caller.pem"), "one needs no name: {words}");
}

#[tokio::test]
async fn nothing_secret_is_said() {
    let door = door(r#"["cof"]"#, API_KEYS, vec![]).await;
    for format in ["text", "json"] {
        let words = [&["--all", "cof", "--hostile", "--format", format][..], &WITH_KEY].concat();
        let text = call(&door, &words).await.text();
        assert!(text.contains("notifyTokenUpdate"), "control: {text}");
        assert!(!text.contains(API_KEY), "{text}");
        assert!(!text.contains("PRIVATE"), "{text}");
    }
    let key = fs::read_to_string(door.directory.path().join("caller-key.pem")).unwrap();
    let text = call(&door, &["cof", "notifyTokenUpdate", "--api-key-file", "caller-key.pem"]).await.text();
    assert!(key.lines().skip(1).all(|line| !text.contains(line)), "{text}");
}
