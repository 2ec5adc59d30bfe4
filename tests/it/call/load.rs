//! `call --mode`: loads against the real server. They end by count, so that time decides nothing.

use std::process::{Command, Stdio};

use http::StatusCode;
use serde_json::{Value, json};

use super::{ISSUER, call, door, stranger};
use crate::support::tool::{self, Finished};
use crate::support::{Answer, Authority, Door, HOST, eventually};

const PATH: &str = "/issuer/igwapi/v2.0/sendOTP";
const CALLS: u64 = 40;
const CONNECTIONS: u64 = 4;

/// A load of `CALLS` calls over `CONNECTIONS` connections.
fn load<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["tsh", "sendOTP", "--connections", "4", "--count", "40", "--format", "json", "--tls", "1.3"];
    [&fixed[..], words].concat()
}

/// A door for tsh with these keys of its environment.
async fn tsh(keys: &str) -> Door {
    let door = door(r#"["tsh"]"#, keys, vec![]).await;
    door.backend.answer(PATH, Answer::Fixed(StatusCode::OK, ""));
    door
}

/// The summary.
#[track_caller]
fn summary(finished: &Finished, code: i32) -> Value {
    let text = finished.text();
    assert_eq!(finished.code(), Some(code), "{text}");
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no summary:\n{text}"));
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn each_mode_makes_as_many_calls_as_were_asked_for() {
    let door = tsh("").await;
    for (words, full, resumed) in [
        (&["--mode", "handshake"][..], CALLS, 0),
        (&["--mode", "resume"], CONNECTIONS, CALLS - CONNECTIONS),
        (&["--mode", "keepalive"], CONNECTIONS, 0),
        (&["--mode", "handshake", "--http", "2"], CALLS, 0),
        (&["--mode", "resume", "--http", "2"], CONNECTIONS, CALLS - CONNECTIONS),
        (&["--mode", "keepalive", "--http", "2", "--streams", "3"], CONNECTIONS, 0),
        (&["--mode", "keepalive", "--threads", "3", "--rate", "1000"], CONNECTIONS, 0),
    ] {
        let before = door.backend.arrivals(PATH) as u64;
        let finished = call(&door, &load(words)).await;
        let summary = summary(&finished, 0);
        assert_eq!((&summary["succeeded"], &summary["failed"]), (&json!(CALLS), &json!(0)), "{words:?}: {summary}");
        assert_eq!(summary["statuses"], json!({ "200": CALLS }), "{words:?}");
        assert_eq!(summary["handshakes"], json!({ "full": full, "resumed": resumed, "refused_after": 0 }), "{words:?}");
        for (part, count) in
            [("connect", full + resumed), ("handshake", full + resumed), ("exchange", CALLS), ("call", CALLS)]
        {
            let times = &summary[part];
            assert_eq!(times["count"], count, "{words:?} {part}: {summary}");
            let figures = ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"].map(|name| times[name].as_f64().unwrap());
            assert!(figures[0] > 0.0 && figures.is_sorted(), "{words:?} {part}: {times}");
        }
        // A frame of HTTP/2 has a head of nine bytes (RFC 9113 section 4.1); HTTP/1.1 needs more for a status line.
        for way in ["bytes_sent", "bytes_received"] {
            assert!(summary[way].as_u64().unwrap() > 9 * CALLS, "{words:?} {way}: {summary}");
        }
        assert_eq!(door.backend.arrivals(PATH) as u64 - before, CALLS, "{words:?}");
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn every_call_of_a_load_is_an_event_of_its_own() {
    let door = tsh("").await;
    for http in ["1.1", "2"] {
        summary(&call(&door, &load(&["--mode", "keepalive", "--http", http])).await, 0);
    }
    let received = door.backend.all_received();
    let of_load = received.iter().filter(|one| one.uri.path() == PATH);
    let ids: Vec<_> = of_load.map(|one| one.headers["x-correlation-id"].to_str().unwrap()).collect();
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), different.len()), (80, 80), "{ids:?}");
}

#[tokio::test]
async fn a_server_that_refuses_the_client_is_counted_by_its_alert() {
    let door = tsh("").await;
    for mode in ["handshake", "resume", "keepalive"] {
        for http in ["1.1", "2"] {
            let finished = stranger(&door, &load(&["--mode", mode, "--http", http])).await;
            let summary = summary(&finished, 1);
            assert_eq!(
                (&summary["succeeded"], &summary["failed"]),
                (&json!(0), &json!(CALLS)),
                "{mode} {http}: {summary}"
            );
            let failures = summary["failures"].as_array().unwrap();
            assert_eq!(failures.len(), 1, "{mode} {http}: {summary}");
            assert_eq!(failures[0]["kind"], "alert_certificate_required", "{mode} {http}: {summary}");
            assert!(failures[0]["example"].as_str().unwrap().contains("certificate_required"), "{summary}");
            let advice = failures[0]["advice"].as_str().unwrap();
            assert!(advice.contains("--client-certificate FILE"), "{mode} {http}: {summary}");
            let handshakes = &summary["handshakes"];
            assert_eq!(handshakes["refused_after"], handshakes["full"], "{mode} {http}: {summary}");
        }
    }
    assert_eq!(door.backend.arrivals(PATH), 0);
}

#[tokio::test]
async fn a_server_that_does_not_resume_fails_a_load_of_resumptions() {
    let door = tsh("resumption = \"off\"").await;
    for tls in ["1.3", "1.2"] {
        let mut words = load(&["--mode", "resume"]);
        *words.iter_mut().find(|word| **word == "1.3").unwrap() = tls;
        let summary = summary(&call(&door, &words).await, 1);
        assert_eq!(
            summary["handshakes"],
            json!({ "full": CALLS, "resumed": 0, "refused_after": 0 }),
            "{tls}: {summary}"
        );
        assert_eq!(summary["succeeded"], CONNECTIONS, "{tls}: the first of each connection is as it should be");
        assert_eq!(summary["failures"][0]["kind"], "not_resumed", "{tls}: {summary}");
        assert_eq!(summary["failures"][0]["count"], CALLS - CONNECTIONS, "{tls}: {summary}");
    }
}

#[tokio::test]
async fn answers_that_are_not_those_that_thales_expects_are_failures() {
    let door = tsh("").await;
    door.backend.answer(PATH, Answer::Fixed(StatusCode::NO_CONTENT, ""));
    let finished = call(&door, &load(&["--mode", "keepalive"])).await;
    let summary = summary(&finished, 1);
    assert_eq!(summary["failures"][0]["kind"], "status_204", "{summary}");
    assert_eq!(summary["failures"][0]["count"], CALLS, "{summary}");
}

#[tokio::test]
async fn the_first_answer_of_each_connection_is_judged_as_a_single_call_is() {
    const QUERY: &str = "/issuer/igwapi/v2.0/requestCardDigitization";
    let door = tsh("").await;
    for (body, wrong) in [("{}", true), (r#"{"levelOfTrust":"GREEN"}"#, false)] {
        door.backend.answer(QUERY, super::json(200, body));
        for (mode, http, judged) in [
            ("keepalive", "1.1", CONNECTIONS),
            ("keepalive", "2", CONNECTIONS),
            ("handshake", "1.1", CALLS),
            ("handshake", "2", CALLS),
        ] {
            let mut words = load(&["--mode", mode, "--http", http]);
            words[1] = "requestCardDigitization";
            let summary = summary(&call(&door, &words).await, i32::from(wrong));
            let failed = if wrong { judged } else { 0 };
            assert_eq!(
                (&summary["succeeded"], &summary["failed"]),
                (&json!(CALLS - failed), &json!(failed)),
                "{summary}"
            );
            if wrong {
                let failure = &summary["failures"][0];
                assert_eq!(failure["kind"], "wrong_answer", "{mode} {http}: {summary}");
                assert!(
                    failure["example"].as_str().unwrap().contains("lacks levelOfTrust"),
                    "{mode} {http}: {summary}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_load_stays_green_while_trust_anchors_join() {
    let door = tsh("").await;
    let words = ["tsh", "sendOTP", "--mode", "keepalive", "--connections", "2", "--count", "400", "--rate", "400"];
    let words = [&words[..], &["--format", "json"]].concat();
    let (finished, ()) = tokio::join!(call(&door, &words), async {
        eventually("the load has begun", || async { door.backend.arrivals(PATH) > 20 }).await;
        let other = Authority::root("Another Client Root");
        door.install_anchors(&[&door.pki.clients, &other]).await;
    });
    let summary = summary(&finished, 0);
    assert_eq!(summary["succeeded"], 400, "{summary}");
    assert!(door.server.epoch().await > 1, "control: the anchors were installed");
}

#[tokio::test]
async fn an_interrupt_ends_a_load_with_its_summary() {
    let door = tsh("").await;
    let url = format!("https://{HOST}:{}", door.server.address().port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_issuer-host"));
    command.args(["call", &url, "--connect", "127.0.0.1", "--server-ca", "server-ca.pem", "--issuer-id", ISSUER]);
    command.args(["--client-certificate", "caller.pem", "--client-key", "caller-key.pem", "tsh", "sendOTP"]);
    command.args(["--mode", "keepalive", "--rate", "50", "--duration", "1h", "--format", "json"]);
    let load = command.current_dir(door.directory.path()).stdout(Stdio::piped()).spawn().unwrap();
    eventually("the load has begun", || async { door.backend.arrivals(PATH) > 0 }).await;
    assert!(Command::new("kill").args(["-INT", &load.id().to_string()]).status().unwrap().success());
    let output = tokio::task::spawn_blocking(|| load.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["stopped"], &summary["failed"]), (&json!(true), &json!(0)), "{summary}");
    assert!(summary["succeeded"].as_u64().unwrap() > 0, "{summary}");
}

#[tokio::test]
async fn people_get_a_table() {
    let door = tsh("").await;
    let words = ["tsh", "sendOTP", "--mode", "keepalive", "--connections", "2", "--count", "20"];
    let finished = call(&door, &words).await;
    let text = finished.text();
    assert_eq!(finished.code(), Some(0), "{text}");
    for words in ["20 had the expected status", "0 failed", "p99.9", "2 full handshakes", "bytes of HTTP/1.1 sent"] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[tokio::test]
async fn nobody_loads_another_machine_by_a_slip() {
    let door = tsh("").await;
    // An address for documentation (RFC 5737), to which nothing may be sent.
    let words = ["call", "https://192.0.2.1:8443", "tsh", "sendOTP", "--mode", "handshake", "--count", "1"];
    let program = env!("CARGO_BIN_EXE_issuer-host");
    let finished = tool::run(door.directory.path(), program, &words, "yes\n").await;
    assert_eq!(finished.code(), Some(2), "{}", finished.text());
    assert!(finished.words().contains("--yes-load-this-host"), "{}", finished.text());
}
