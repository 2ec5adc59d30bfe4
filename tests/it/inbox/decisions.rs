//! Dead letters, and what administrators decide about them.

use std::process::Stdio;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use crate::support::{Answer, Door, Session, eventually, tool};

use super::recorder::{SQLITE, arrived, notification, open};

const TOKEN: &str = "token-of-the-administrators";

/// Asks the admin listener as an administrator does, with curl.
async fn ask(door: &Door, method: &str, path: &str, token: &str) -> (u16, Value) {
    let url = format!("http://{}{path}", door.server.admin());
    let authorization = format!("authorization: Bearer {token}");
    let arguments =
        ["-sS", "-X", method, "-H", &authorization, "-H", "issuer-host-admin: 1", "-w", "\n%{http_code}", &url];
    let answer = tool::run(door.directory.path(), "curl", &arguments, "").await;
    let text = answer.text();
    let mut lines = text.trim_end().lines().rev().filter(|line| !line.trim().is_empty());
    let status = lines.next().unwrap().trim().parse().unwrap();
    let body: Vec<&str> = lines.collect();
    (status, serde_json::from_str(&body.into_iter().rev().collect::<String>()).unwrap_or(Value::Null))
}

async fn send(session: &mut Session, operation: &str) {
    assert_eq!(session.send(notification("card", operation)).await.unwrap().status, 204);
}

/// A door whose backend refuses the first event of a card for good, with two events of that card in its inbox.
async fn refused(delivery: &str) -> Door {
    // The table of admin stands in the configuration already.
    let arrange = format!("{SQLITE}[inbox.delivery]\n{delivery}");
    let door = open_with_token(&arrange).await;
    let path = notification("card", "1").uri().path().to_owned();
    door.backend.answer(&path, Answer::Fixed(StatusCode::UNPROCESSABLE_ENTITY, ""));
    let mut session = door.honest().session().await.unwrap();
    send(&mut session, "1").await;
    eventually("a dead letter", async || !door.server.events("dead_letter").is_empty()).await;
    door.backend.answer(&path, Answer::Fixed(StatusCode::OK, ""));
    send(&mut session, "2").await;
    door
}

async fn open_with_token(inbox: &str) -> Door {
    let door = super::recorder::open_plain(inbox).await;
    door.edit("[admin]\n", &format!("[admin]\ntoken = \"{TOKEN}\"\n"));
    door.server.reload().await;
    door
}

fn operations(door: &Door) -> Vec<String> {
    arrived(door).remove("card").unwrap_or_default().into_iter().map(|(_, operation)| operation).collect()
}

#[tokio::test]
async fn a_dead_letter_lets_the_others_pass_and_is_delivered_under_its_id_when_it_is_replayed() {
    let door = refused("first_backoff = \"20ms\"\n").await;
    eventually("the next one", async || operations(&door).contains(&"2".to_owned())).await;
    let (status, page) = ask(&door, "GET", "/inbox?state=dead", TOKEN).await;
    assert_eq!(status, 200);
    let entries = page["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{page}");
    let id = entries[0]["id"].as_str().unwrap().to_owned();
    assert!(entries[0]["last_problem"].as_str().unwrap().contains("422"), "{page}");
    assert_eq!(ask(&door, "POST", &format!("/inbox/{id}/replay"), "another-token-altogether").await.0, 401);
    assert_eq!(operations(&door).len(), 2, "control: nothing happened");
    assert_eq!(ask(&door, "POST", &format!("/inbox/{id}/replay"), TOKEN).await.0, 200);
    eventually("the replay", async || operations(&door).len() == 3).await;
    let replay = door.backend.all_received().pop().unwrap();
    assert_eq!(replay.headers["ce-id"], id.as_str());
    assert_eq!(replay.headers["ce-replay"], "1");
    assert_eq!(operations(&door), ["1", "2", "1"]);
}

#[tokio::test]
async fn a_dead_letter_that_blocks_its_lane_lets_it_go_when_it_is_discarded() {
    let door = refused("first_backoff = \"20ms\"\non_dead_letter = \"block\"\n").await;
    // Behind the other card's event everything that could be delivered has been.
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(session.send(notification("other", "x")).await.unwrap().status, 204);
    eventually("the other card", async || arrived(&door).contains_key("other")).await;
    assert_eq!(operations(&door), ["1"], "the second one waits");
    let listed = inbox(&door, &["list", "--state", "dead", "--format", "json"]);
    let entry: Value = serde_json::from_str(listed.trim()).unwrap_or_else(|error| panic!("{error}: {listed}"));
    let id = entry["id"].as_str().unwrap();
    let shown = inbox(&door, &["show", id]);
    assert!(shown.contains("422") && !shown.contains("SUSPEND"), "{shown}");
    inbox(&door, &["discard", id]);
    eventually("the second one", async || operations(&door) == ["1", "2"]).await;
    assert!(inbox(&door, &["verify"]).to_lowercase().contains("nothing"));
}

#[tokio::test]
async fn without_a_token_in_the_configuration_whoever_is_on_this_machine_is_an_administrator_and_with_one_nobody_else()
{
    let door = open(SQLITE, "").await;
    assert_eq!(door.server.admin_fetch("/inbox").await.0, 200);
    door.edit("[admin]\n", &format!("[admin]\ntoken = \"{TOKEN}\"\n"));
    door.server.reload().await;
    for path in ["/inbox", "/status"] {
        assert_eq!(door.server.admin_fetch(path).await.0, 401, "{path}");
        assert_eq!(ask(&door, "GET", path, TOKEN).await.0, 200, "{path}");
    }
    assert_eq!(door.server.try_admin_fetch("/metrics").await.unwrap().0, 200);
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200, "control");
}

/// What a command on the inbox says, beside the server that has it.
fn inbox(door: &Door, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_issuer-host"));
    command.current_dir(door.directory.path()).arg("inbox").args(arguments).args(["--config", "issuer-host.toml"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Deliveries are signed, and only who knows the secret can make such a signature.
#[tokio::test]
async fn a_delivery_tells_where_it_comes_from_and_is_signed() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let secret = [7_u8; 32];
    let signing = format!("signing_secret = \"whsec_{}\"", STANDARD.encode(secret));
    let door = super::recorder::open_signed(SQLITE, &signing).await;
    let mut session = door.honest().session().await.unwrap();
    send(&mut session, "1").await;
    eventually("the delivery", async || !door.backend.all_received().is_empty()).await;
    let received = door.backend.all_received().pop().unwrap();
    let header = |name: &str| received.headers[name].to_str().unwrap().to_owned();
    let signed =
        [header("webhook-id").as_bytes(), b".", header("webhook-timestamp").as_bytes(), b".", &received.body].concat();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
    let signature = format!("v1,{}", STANDARD.encode(aws_lc_rs::hmac::sign(&key, &signed)));
    assert_eq!(header("webhook-signature"), signature);
    assert_eq!(header("webhook-id"), header("ce-id"));
    assert_eq!(header("ce-specversion"), "1.0");
    assert_eq!(header("ce-type"), "thales.d1.notifyCardOperationV1");
    assert_eq!(header("ce-source"), "/issuer-host/preprod");
    assert_eq!(header("ce-subject"), "card");
    assert_eq!(header("issuer-host-environment"), "preprod");
    assert!(header("issuer-host-client-subject").contains("honest"));
    assert_eq!(received.body, Bytes::from_static(b"{\"operationId\":\"1\",\"operation\":\"SUSPEND\"}"));
}
