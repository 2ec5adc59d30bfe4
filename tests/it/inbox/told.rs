//! What an operator is told of the inbox: in access events, and when its store is somewhere else.

use std::io::Write as _;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::door::edit;
use crate::support::{Door, Pki, Setup, eventually};

use super::database::Database;
use super::recorder::{QUICK, SQLITE, arrived, notification, open};

#[tokio::test]
async fn the_event_of_a_request_names_the_entry_or_says_that_it_is_a_repeat() {
    let log = format!("{SQLITE}{QUICK}");
    let arrange = |directory: &std::path::Path| edit(directory, "product = \"tsh\"", "product = [\"tsh\", \"d1\"]");
    let door = Door::behind(Pki::new(), Setup { log: &log, arrange: Some(&arrange), ..Setup::default() }).await;
    let mut session = door.honest().session().await.unwrap();
    for _ in 0..2 {
        assert_eq!(session.send(notification("card", "1")).await.unwrap().status, 204);
    }
    eventually("it to arrive", async || arrived(&door).contains_key("card")).await;
    eventually("both to be told", async || door.server.events("request").len() == 2).await;
    let events = door.server.events("request");
    let id = arrived(&door)["card"][0].0.clone();
    assert_eq!((&events[0]["inbox"], &events[0]["entry"]), (&json!("stored"), &json!(id)));
    assert_eq!((&events[1]["inbox"], &events[1]["entry"]), (&json!("repeat"), &Value::Null));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn another_url_in_the_file_that_holds_it_needs_a_restart_and_is_named() {
    let database = Database::start();
    let mut file = NamedTempFile::new().unwrap();
    writeln!(file, "{}", database.url()).unwrap();
    let door = open(&format!("[inbox]\nurl_file = \"{}\"\n", file.path().display()), "").await;
    let report = door.server.reload().await;
    assert_eq!(report["configuration"]["needs_restart"], json!([]), "control: {report}");
    std::fs::write(file.path(), database.url().replace("/postgres", "/another?password=hunter2")).unwrap();
    let report = door.server.reload().await;
    assert_eq!(report["configuration"]["needs_restart"], json!(["inbox.url"]), "{report}");
    // What was opened goes on.
    assert_eq!(door.honest().session().await.unwrap().send(notification("card", "1")).await.unwrap().status, 204);
    assert!(!door.server.log().contains("hunter2"));
}
