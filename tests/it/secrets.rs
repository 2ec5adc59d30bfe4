//! Nothing secret is printed or kept: secrets are planted wherever a caller, a backend or an operator can put one, and then looked
//! for in everything that a run leaves, with the log as talkative as it can be.

mod calls;
mod planted;
mod run;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::door::replace;
use crate::support::jwt::TokenKey;
use crate::support::{Reply, eventually};
use planted::{API_KEY, NEXT_API_KEY, PAN_IN_BODY, PIN, Planted};
use run::Run;

#[tokio::test]
async fn no_secret_is_found_in_what_a_server_that_logs_json_prints_or_keeps() {
    Box::pin(leaves_no_secret("json")).await;
}

#[tokio::test]
async fn no_secret_is_found_in_what_a_server_that_logs_for_people_prints_or_keeps() {
    Box::pin(leaves_no_secret("human")).await;
}

async fn leaves_no_secret(format: &str) {
    let mut planted = Planted::known();
    let key = TokenKey::new();
    for line in key.pem().lines().filter(|line| !line.starts_with("-----")) {
        planted.add("signing key", line);
    }
    #[cfg(feature = "otlp")]
    let collector = crate::support::Collector::open().await;
    #[cfg(feature = "otlp")]
    let mut run = Run::start(format, &key, &collector.table()).await;
    #[cfg(not(feature = "otlp"))]
    let mut run = Run::start(format, &key, "").await;
    let mut told: Vec<(String, Vec<u8>)> = Vec::new();

    for caller in [run.caller(), run.caller().h2()] {
        let mut session = caller.session().await.unwrap();
        let token = calls::fetch_token(&mut session, &mut planted).await;
        calls::every_operation(&run, &mut session, &token).await;
        let mut replies = calls::every_operation_refused(&mut session).await;
        replies.extend(calls::everything_that_fails(&run, &caller, &token).await);
        told.extend(replies.iter().map(|reply| ("an answer".to_owned(), text(reply))));
    }
    let malformed = calls::everything_malformed(&run).await;
    told.extend(malformed.into_iter().map(|answer| ("an answer".to_owned(), answer)));

    told.push(("check".to_owned(), run.command(&["check", "--config", "issuer-host.toml"]).into()));
    // What an operator may get wrong, with the secret in it.
    let good = std::fs::read(run.folder.path().join("api-key.txt")).unwrap();
    replace(run.folder.path(), "api-key.txt", NEXT_API_KEY);
    replace(run.folder.path(), "signing-key.pem", &format!("{}\n{}", key.pem().trim_end(), "no more of it"));
    told.push(("reload".to_owned(), run.ask_admin("POST", "/reload").await.into()));
    told.push(("check".to_owned(), run.command(&["check", "--config", "issuer-host.toml"]).into()));
    replace(run.folder.path(), "api-key.txt", &good);
    replace(run.folder.path(), "signing-key.pem", &key.pem());
    told.push(("reload".to_owned(), run.ask_admin("POST", "/reload").await.into()));
    for path in ["/metrics", "/status", "/readyz"] {
        told.push((path.to_owned(), run.ask_admin("GET", path).await.into()));
    }
    eventually("the log to be there", async || run.stderr().matches("\"request\"").count() >= 200).await;
    // Control: it told of what happened, at every level.
    let log = run.stderr();
    for event in ["\"request_refused\"", "\"second_key_refused\"", "\"request\""] {
        assert!(log.contains(event), "no {event} in the log");
    }

    told.extend(run.finish().await);
    #[cfg(feature = "otlp")]
    {
        // Control: it was told of calls of every kind.
        let names: std::collections::BTreeSet<_> = collector.spans().into_iter().map(|span| span.name).collect();
        assert!(names.contains("GET /banking/d1/v1/issuers/{issuerId}/consumers/{consumerId}"), "{names:?}");
        assert!(names.contains("POST") && names.len() > 20, "{names:?}");
        told.push(("what the collector got".to_owned(), collector.bytes()));
    }
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    for expected in ["stdout", "stderr", "issuer-host.toml", "/metrics"] {
        assert!(names.iter().any(|name| name.ends_with(expected)), "{expected} was not looked at: {names:?}");
    }
    for (name, bytes) in &told {
        let found = planted.found_in(bytes);
        assert!(found.is_empty(), "{found:?} found in {name}:\n{}", lines_with(&planted, bytes));
    }
}

/// Control of the tests above: what is planted is found, whole or half, whatever it is encoded in.
#[test]
fn what_is_planted_is_found_in_whatever_form() {
    let mut planted = Planted::known();
    planted.add(
        "access token",
        "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5iYW5rLnRlc3QifQ.x-y_z",
    );
    assert!(planted.found_in(b"{\"event\":\"request\",\"path\":\"/tsh-cof/notify-token-update\"}").is_empty());
    for (what, value) in planted.values() {
        let half = &value[..value.len() / 2];
        let mut shown = vec![
            value.to_owned(),
            value.to_uppercase(),
            format!("in the middle of{value}something else"),
            STANDARD.encode(value),
            STANDARD.encode(format!("thales:{value}")),
            STANDARD.encode(format!("a:{value}:b")),
            value.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            value.bytes().map(|byte| format!("{byte:02x}")).collect(),
            format!("{:?}", value.as_bytes()),
        ];
        if half.len() >= 16 {
            shown.push(half.to_owned());
            shown.push(value[value.len() / 2..].to_owned());
        }
        for shown in shown {
            assert!(planted.found_in(shown.as_bytes()).contains(&what), "{what} is not found in {shown}");
        }
    }
    assert!(planted.found_in(API_KEY.as_bytes()).contains(&"API key"));
    assert_eq!(planted.found_in(format!("{PAN_IN_BODY} {PIN}").as_bytes()).len(), 2);
}

fn text(reply: &Reply) -> Vec<u8> {
    format!("{} {:?}\n{}", reply.status, reply.headers, reply.text()).into()
}

/// The lines that give something away.
fn lines_with(planted: &Planted, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().filter(|line| !planted.found_in(line.as_bytes()).is_empty());
    lines.take(5).collect::<Vec<_>>().join("\n")
}
