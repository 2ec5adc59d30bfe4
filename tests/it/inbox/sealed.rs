//! What lies on the disk.

use std::os::unix::fs::PermissionsExt as _;

use bytes::Bytes;
use http::StatusCode;

use crate::support::{Answer, Door, Pki, Setup, eventually, request};

use super::recorder::{QUICK, SQLITE};

/// In a path, a query, a header and a body.
const MARKERS: [&str; 4] = ["marked-path", "marked-query", "marked-header", "marked-body"];
/// Never stored, sealed or not.
const CREDENTIAL: &str = "marked-credential";

/// A key file with one key, 32 bytes.
pub(super) fn key_file(name: &str, byte: u8) -> Vec<u8> {
    use base64::Engine as _;
    let key: Vec<u8> = (0..32).map(|at| byte.wrapping_add(at)).collect();
    format!("{name}:{}\n", base64::engine::general_purpose::STANDARD.encode(key)).into_bytes()
}

/// A door whose backend takes nothing, and a notification with all markers in its inbox.
async fn kept(inbox: &str) -> Door {
    let log = format!("access = false\n{SQLITE}{inbox}\n{QUICK}");
    let arrange =
        |directory: &std::path::Path| crate::support::door::edit(directory, "product = \"tsh\"", "product = \"d1\"");
    let files = vec![("inbox-keys", key_file("first", 1))];
    let setup = Setup { log: &log, files, arrange: Some(&arrange), ..Setup::default() };
    let door = Door::behind(Pki::new(), setup).await;
    let path = "/notifications/d1/v1/issuers/ISSUER0001/cards/marked-path/notifications";
    door.backend.answer(path, Answer::Fixed(StatusCode::SERVICE_UNAVAILABLE, ""));
    let call = request("POST", &format!("{path}?q=marked-query"))
        .header("x-marked", "marked-header")
        .header("cookie", format!("id={CREDENTIAL}"))
        .header("authorization", format!("Bearer {CREDENTIAL}"))
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{\"operationId\":\"1\",\"text\":\"marked-body\"}"))
        .unwrap();
    let reply = door.honest().session().await.unwrap().send(call).await.unwrap();
    assert_eq!(reply.status, 204, "{reply:?}");
    door
}

/// Which of `texts` stand in the files of the store, whatever they are called.
fn found<'t>(door: &Door, texts: &[&'t str]) -> Vec<&'t str> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(door.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("inbox.db") {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
            bytes.extend(std::fs::read(&path).unwrap());
        }
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("notifyCardOperationV1"), "control: what is told of an entry is there");
    texts.iter().copied().filter(|text| holds(text)).collect()
}

#[tokio::test]
async fn nothing_of_what_was_sent_can_be_read_from_a_sealed_inbox_and_credentials_from_none() {
    let clear = kept("").await;
    assert_eq!(found(&clear, &MARKERS), MARKERS, "control: without a key it stands there");
    assert!(found(&clear, &[CREDENTIAL]).is_empty());
    assert!(clear.server.log().contains("kept in clear"), "that is warned about");
    let sealed = kept("key_file = \"inbox-keys\"\n").await;
    assert!(found(&sealed, &MARKERS).is_empty(), "{:?}", found(&sealed, &MARKERS));
    assert!(found(&sealed, &[CREDENTIAL]).is_empty());
    assert!(!sealed.server.log().contains("kept in clear"));
}

#[tokio::test]
async fn a_sealed_entry_is_delivered_as_it_was_sent_after_its_key_was_replaced() {
    let mut door = kept("key_file = \"inbox-keys\"\n").await;
    // The new key seals, the old one opens until everything is sealed anew.
    let keys = [key_file("second", 99), key_file("first", 1)].concat();
    door.replace("inbox-keys", keys);
    door.server.reload().await;
    let rekeyed = tool(&door, &["inbox", "rekey"]).await;
    assert!(rekeyed.succeeded(), "{}", rekeyed.text());
    door.replace("inbox-keys", key_file("second", 99));
    let config = door.directory.path().join("issuer-host.toml");
    door.server.kill();
    door.server = crate::support::Server::start(&config).await;
    let path = "/notifications/d1/v1/issuers/ISSUER0001/cards/marked-path/notifications";
    door.backend.answer(path, Answer::Fixed(StatusCode::OK, ""));
    eventually("the delivery", async || {
        let received = door.backend.received(path);
        received.headers.contains_key("ce-attempt") && door.backend.arrivals(path) > 1
    })
    .await;
    let received = door.backend.received(path);
    assert_eq!(&received.body[..], b"{\"operationId\":\"1\",\"text\":\"marked-body\"}");
    assert_eq!(received.uri.query(), Some("q=marked-query"));
    assert_eq!(received.headers["x-marked"], "marked-header");
    assert!(!received.headers.contains_key("authorization") && !received.headers.contains_key("cookie"));
    let verified = tool(&door, &["inbox", "verify"]).await;
    assert!(verified.succeeded(), "{}", verified.text());
}

/// Runs the program on the door's configuration.
async fn tool(door: &Door, arguments: &[&str]) -> crate::support::tool::Finished {
    let arguments = [arguments, &["--config", "issuer-host.toml"]].concat();
    crate::support::tool::run(door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await
}
