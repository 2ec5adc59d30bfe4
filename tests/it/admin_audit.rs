//! Who changed what over the admin listener can be told afterwards.

use std::path::Path;

use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::{Door, Setup, door, eventually, raw};

const TOKEN: &str = "token-of-the-administrators";
const OTHER: &str = "token-of-somebody-else-here";

async fn open(table: &str) -> Door {
    let table = format!("[admin]\n{table}");
    let arrange = |directory: &Path| door::edit(directory, "[admin]\n", &table);
    Door::with(Setup { arrange: Some(&arrange), ..Setup::default() }).await
}

/// What comes back, head and body.
async fn ask(door: &Door, request: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nhost: localhost:9090\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(door.server.admin()).await.unwrap();
    String::from_utf8(raw::exchange(&mut stream, request.as_bytes()).await).unwrap()
}

fn is(answer: &str, status: &str) -> bool {
    answer.starts_with(&format!("HTTP/1.1 {status} "))
}

/// The only line of an event, once it is there.
async fn line(door: &Door, event: &str, field: &str, value: &str) -> Value {
    let lines = || door.server.events(event).into_iter().filter(|line| line[field] == value).collect::<Vec<_>>();
    eventually(event, async || lines().len() == 1).await;
    lines().remove(0)
}

#[tokio::test]
async fn who_signs_in_changes_something_and_leaves_is_told_of_and_neither_token_nor_session_is() {
    let door = open(&format!("token = \"{TOKEN}\"\n")).await;
    assert!(is(&ask(&door, "GET /status", &format!("authorization: Bearer {OTHER}\r\n"), "").await, "401"));
    let refused = line(&door, "admin_refused", "reason", "wrong_token").await;
    assert_eq!((&refused["peer"], &refused["unsaid"]), (&"127.0.0.1".into(), &0.into()), "{refused}");

    let meant = "issuer-host-admin: 1\r\n";
    let opened = ask(&door, "POST /session", meant, TOKEN).await;
    let cookie = opened.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap();
    assert!(cookie.starts_with("issuer-host-session-9090="), "{cookie}");
    let told: Value = serde_json::from_str(opened.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let secret = told["secret"].as_str().unwrap();
    let session = line(&door, "admin_session_opened", "peer", "127.0.0.1").await["session"].clone();

    // The cookie alone, which each port of this host is shown, changes nothing.
    let (cookie, meant_so) = (format!("cookie: {cookie}\r\n"), format!("issuer-host-admin: {secret}\r\n"));
    assert!(is(&ask(&door, "POST /reload", &format!("{cookie}{meant}"), "").await, "403"));
    line(&door, "admin_refused", "reason", "forged").await;
    assert!(door.server.events("admin_action").is_empty());
    assert!(is(&ask(&door, "POST /reload", &format!("{cookie}{meant_so}"), "").await, "200"));
    let reload = line(&door, "admin_action", "action", "reload").await;
    assert_eq!((&reload["by"], &reload["session"], &reload["level"]), (&"session".into(), &session, &"WARN".into()));

    // What has the log say less is told of all the same.
    let bearer = format!("authorization: Bearer {TOKEN}\r\n{meant}");
    assert!(is(&ask(&door, "PUT /log-level", &bearer, "error").await, "200"));
    let level = line(&door, "admin_action", "action", "log_level").await;
    assert_eq!((&level["by"], &level["to"], &level["peer"]), (&"token".into(), &"error".into(), &"127.0.0.1".into()));
    assert!(is(&ask(&door, "PUT /log-level", &bearer, "info").await, "200"));

    assert!(is(&ask(&door, "DELETE /session", &format!("{cookie}{meant_so}"), "").await, "204"));
    let closed = line(&door, "admin_session_closed", "why", "logout").await;
    assert_eq!(closed["session"], session);
    let log = door.server.log();
    for held in [TOKEN, OTHER, secret, cookie.trim().split_once('=').unwrap().1] {
        assert!(!log.contains(held), "{held} is in the log");
    }
}

#[tokio::test]
async fn whoever_is_on_this_machine_is_told_of_where_nothing_is_asked_for() {
    let door = open("").await;
    assert_eq!(door.server.tell_admin("PUT", "/log-level", "no level").await.unwrap().0, 400);
    door.server.reload().await;
    let reload = line(&door, "admin_action", "action", "reload").await;
    assert_eq!((&reload["by"], &reload["session"]), (&"loopback".into(), &Value::Null), "{reload}");
    assert_eq!(door.server.told("admin_action", 1).await.len(), 1, "what is refused is no action");
    assert!(door.server.events("admin_refused").is_empty());
}
