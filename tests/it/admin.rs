//! The admin listener: plain HTTP, of its own, and nothing secret on it.

use serde_json::Value;

use crate::support::everything::{KEY_ENDS, SECRET_ENDS, door_with_everything};
use crate::support::{Authority, Door, Server, Spec, descriptors, eventually, raw};

#[tokio::test]
async fn probes_and_metrics_are_served_on_the_admin_listener_alone() {
    let door = Door::open().await;
    assert_ne!(door.server.admin(), door.server.address());
    for path in ["/livez", "/readyz", "/metrics", "/status"] {
        assert_eq!(door.server.admin_fetch(path).await.0, 200, "{path}");
    }
    assert_eq!(door.server.admin_fetch("/nothing").await.0, 404);
    // Behind the door the same paths are the backend's.
    for path in ["/livez", "/readyz", "/metrics", "/status"] {
        assert_eq!(door.honest().call(path).await.unwrap().text(), "received", "{path}");
        assert_eq!(door.backend.arrivals(path), 1);
    }
    // And the admin listener is no door: no path leads to the backend.
    door.server.admin_fetch("/accepted").await;
    assert_eq!(door.backend.arrivals("/accepted"), 0);
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let door = Door::open().await;
    let count = async |server: &Server, name: &str| {
        let text = server.admin_fetch("/metrics").await.1;
        text.lines().filter(|line| line.starts_with("issuer_host_") && line.contains(name)).count()
    };
    door.honest().expect_accepted("an honest client").await;
    door.stranger().expect_refused("a stranger").await;
    assert_ne!(count(&door.server, "handshake").await, 0);
    assert_ne!(count(&door.server, "request").await, 0);
    assert_ne!(count(&door.server, "environment=\"preprod\"").await, 0);
    door.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn the_status_shows_the_environment_and_no_secret() {
    let door = Door::open().await;
    door.honest().expect_accepted("an honest client").await;
    let (_, text) = door.server.admin_fetch("/status").await;
    let status: Value = serde_json::from_str(&text).unwrap();
    assert!(status.to_string().contains("preprod"), "{status}");
    let key = door.pki.server.key_pem();
    let secret = key.lines().nth(1).unwrap();
    for (place, text) in
        [("/status", text), ("/metrics", door.server.admin_fetch("/metrics").await.1), ("the log", door.server.log())]
    {
        assert!(!text.contains(secret) && !text.contains("PRIVATE KEY"), "{place} shows the private key");
        assert!(!text.contains("honest call body"), "{place} shows a body");
    }
}

#[tokio::test]
async fn the_status_tells_of_everything_that_ends_when_and_in_which_file() {
    let door = door_with_everything().await;
    let status: Value = serde_json::from_str(&door.server.admin_fetch("/status").await.1).unwrap();
    let environment = &status["environments"][0];
    let file = |list: &str| {
        let path = environment[list][0]["file"].as_str().unwrap_or_else(|| panic!("{list}: {environment}"));
        assert!(std::path::Path::new(path).is_file(), "{list}: {path}");
        path.rsplit('/').next().unwrap().to_owned()
    };
    assert_eq!(file("crls"), "clients.crl");
    assert_eq!(file("endorsed_chain"), "endorsed.pem");
    assert_ne!(file("anchors"), file("server_chain"));
    let keys = |list: &str, name: &str, ends: &str| {
        assert_eq!(environment[list], serde_json::json!([{ "name": name, "expires": ends, "expired": false }]));
    };
    keys("api_keys", "main", KEY_ENDS);
    keys("client_secrets", "thales/current", SECRET_ENDS);
    let [own, vault] = &environment["backends"].as_array().unwrap()[..] else { panic!("{environment}") };
    assert_eq!(own["client_certificate"], serde_json::json!([]), "control");
    let shown = &vault["client_certificate"][0];
    assert_eq!((&vault["name"], &shown["subject"]), (&"vault".into(), &"O=issuer-host tests,C=FR,CN=to-vault".into()));
    assert!(shown["file"].as_str().is_some_and(|file| file.ends_with("/to-vault.pem")), "{shown}");
}

#[tokio::test]
async fn a_certificate_that_a_backend_is_shown_is_told_of_before_it_ends() {
    let door = door_with_everything().await;
    let warned = || door.server.warned_of("client_certificate (");
    let soon = Authority::root("Backend CA").issue(Spec::client("to-vault").valid(-1, 5));
    door.replace("to-vault-key.pem", soon.key_pem());
    door.replace("to-vault.pem", soon.chain_pem());
    for _ in 0..2 {
        door.server.reload().await;
    }
    eventually("it to be told", async || !warned().is_empty()).await;
    let line = &warned()[0];
    let words = line["message"].as_str().unwrap();
    assert!(words.contains("/to-vault.pem): O=issuer-host tests,C=FR,CN=to-vault expires at"), "{words}");
    assert_eq!(line["environment"], "preprod", "{line}");
}

#[tokio::test]
async fn garbage_on_the_admin_listener_does_not_harm() {
    let door = Door::open().await;
    for garbage in [&b"\x16\x03\x01\x00\x05hello"[..], b"GET /livez\r\n\r\n", &[0xff; 1000]] {
        let mut socket = tokio::net::TcpStream::connect(door.server.admin()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut socket, garbage).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut socket).await.unwrap();
        raw::drain(&mut socket).await;
    }
    assert_eq!(door.server.admin_fetch("/livez").await.0, 200);
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_target_in_absolute_form_is_judged_by_the_host_in_it_as_well() {
    let door = Door::open().await;
    let port = door.server.admin().port();
    for (target, status) in [
        ("/status".to_owned(), "200"),
        (format!("http://localhost:{port}/status"), "200"),
        ("http://evil.example/status".to_owned(), "421"),
    ] {
        let mut socket = tokio::net::TcpStream::connect(door.server.admin()).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = String::from_utf8(raw::exchange(&mut socket, request.as_bytes()).await).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{target}");
    }
}

#[tokio::test]
async fn without_file_descriptors_the_admin_listener_says_so_and_recovers() {
    let door = Door::open().await;
    let failures = || door.server.events("accept_failed");
    assert_eq!(door.server.admin_fetch("/livez").await.0, 200);
    assert!(failures().is_empty(), "control");
    descriptors::limit(&door, 48).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(tokio::net::TcpStream::connect(door.server.admin()).await.unwrap());
    }
    eventually("accept to fail", async || !failures().is_empty()).await;
    drop(silent);
    assert_eq!(door.server.admin_fetch("/livez").await.0, 200);
    assert!(failures().iter().all(|event| event["listener"] == "admin"), "{:?}", failures());
    assert!(door.server.metric("issuer_host_accept_errors_total").await >= 1.0);
    // A line a pause, not a line a connection: pauses double up to a second.
    assert!(failures().len() < 30, "{} lines", failures().len());
}
