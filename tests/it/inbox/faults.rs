//! What goes wrong under an inbox: a store that cannot be written to, for a while.

use std::collections::BTreeSet;
use std::process::Command;

use bytes::Bytes;
use http::{Request, StatusCode};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::{Answer, Door, Server, Session, eventually};

use super::recorder::{SQLITE, all_arrive, notification, open};

/// A notification that takes room.
fn large(number: usize) -> Request<Bytes> {
    let operation = format!("{number}-{}", "x".repeat(16 * 1024));
    notification(&format!("card-{number}"), &operation)
}

fn operation_of(request: &Request<Bytes>) -> String {
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    body["operationId"].as_str().unwrap().to_owned()
}

/// Sends notifications until one is refused, and asserts that Thales will send that one again.
async fn fill(session: &mut Session, acknowledged: &mut BTreeSet<(String, String)>) -> usize {
    fill_from(0, session, acknowledged).await
}

async fn fill_from(first: usize, session: &mut Session, acknowledged: &mut BTreeSet<(String, String)>) -> usize {
    for number in first..first + 2000 {
        let call = large(number);
        let operation = operation_of(&call);
        let reply = session.send(call).await.unwrap();
        if reply.status != 204 {
            assert_eq!(reply.status, 503, "{reply:?}");
            assert_eq!(reply.headers["retry-after"], "5");
            return number;
        }
        acknowledged.insert((format!("card-{number}"), operation));
    }
    panic!("the store never refused anything");
}

/// What holds while nothing can be stored, and when it can be again, of the same process.
async fn recovers(
    door: &Door,
    session: &mut Session,
    mut acknowledged: BTreeSet<(String, String)>,
    number: usize,
    heal: impl AsyncFnOnce(),
) {
    let pid = door.server.pid();
    // Copying the log may make a little room meanwhile; what is taken then has to arrive like all the rest.
    let number = fill_from(number, session, &mut acknowledged).await;
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200, "queries are served all the same");
    assert!(door.server.metric("issuer_host_inbox_failures_total").await >= 1.0);
    heal().await;
    let call = large(number);
    acknowledged.insert((format!("card-{number}"), operation_of(&call)));
    let session = tokio::sync::Mutex::new(session);
    eventually("it to be stored", async || session.lock().await.send(large(number)).await.unwrap().status == 204).await;
    all_arrive(door, &acknowledged).await;
    assert_eq!(door.server.pid(), pid);
}

#[tokio::test]
async fn a_file_that_cannot_grow_refuses_until_it_can_and_loses_nothing() {
    let mut door = open(SQLITE, "").await;
    let config = door.directory.path().join("issuer-host.toml");
    door.server.kill();
    door.server = Server::start_with_file_limit(&config, 4096).await;
    let mut session = door.honest().session().await.unwrap();
    let mut acknowledged = BTreeSet::new();
    let number = fill(&mut session, &mut acknowledged).await;
    let pid = door.server.pid().to_string();
    recovers(&door, &mut session, acknowledged, number, async || {
        let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap();
        assert!(raised.success());
    })
    .await;
}

/// A small file system of its own, as long as it is held.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: std::path::PathBuf) -> Self {
        std::fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "none"]).arg(&at).status().unwrap();
        assert!(mounted.success(), "only root may mount");
        Self(at)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
#[ignore = "mounts a small tmpfs, which takes root: scripts/test.sh runs it as root"]
async fn a_full_disk_refuses_until_there_is_room_and_loses_nothing() {
    let holder = tempfile::TempDir::new().unwrap();
    let disk = SmallDisk::mount(holder.path().join("disk"));
    std::fs::write(disk.0.join("ballast"), vec![1; 1024 * 1024]).unwrap();
    let door = open(&format!("[inbox]\nurl = \"sqlite://{}/inbox.db\"\n", disk.0.display()), "").await;
    let mut session = door.honest().session().await.unwrap();
    let mut acknowledged = BTreeSet::new();
    let number = fill(&mut session, &mut acknowledged).await;
    recovers(&door, &mut session, acknowledged, number, async || {
        std::fs::remove_file(disk.0.join("ballast")).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_database_that_somebody_else_has_locked_refuses_until_it_is_free() {
    let door = open(SQLITE, "").await;
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(session.send(large(0)).await.unwrap().status, 204, "control");
    let acknowledged = BTreeSet::from([("card-0".to_owned(), operation_of(&large(0)))]);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(door.directory.path().join("inbox.db"));
    let mut other = options.connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    recovers(&door, &mut session, acknowledged, 1, async || {
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_database_whose_file_was_taken_away_refuses_until_it_is_back() {
    let door = open(SQLITE, "").await;
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(session.send(large(0)).await.unwrap().status, 204, "control");
    let acknowledged = BTreeSet::from([("card-0".to_owned(), operation_of(&large(0)))]);
    let (here, there) = ("inbox.db", "elsewhere.db");
    let rename = |from: &str, to: &str| {
        std::fs::rename(door.directory.path().join(from), door.directory.path().join(to)).unwrap();
    };
    rename(here, there);
    recovers(&door, &mut session, acknowledged, 1, async || rename(there, here)).await;
}

#[tokio::test]
async fn an_inbox_that_has_reached_its_limit_refuses_until_entries_are_delivered() {
    let door = open(&format!("{SQLITE}max_size = \"1 MiB\"\n"), "").await;
    for number in 0..200 {
        let path = large(number).uri().path().to_owned();
        // What is answered counts as arrived, be it that it was not taken.
        door.backend.answer(&path, Answer::Broken);
    }
    let mut session = door.honest().session().await.unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut refused = None;
    for number in 0..200 {
        let call = large(number);
        let operation = operation_of(&call);
        match session.send(call).await.unwrap().status {
            204 => _ = acknowledged.insert((format!("card-{number}"), operation)),
            status => {
                assert_eq!(status, 503);
                refused = Some(number);
                break;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let number = refused.expect("the limit is never reached");
    assert_eq!(door.server.told("inbox_full", 1).await.len(), 1);
    recovers(&door, &mut session, acknowledged, number, async || {
        for number in 0..200 {
            door.backend.answer(large(number).uri().path(), Answer::Fixed(StatusCode::NO_CONTENT, ""));
        }
    })
    .await;
}

#[tokio::test]
async fn a_store_that_cannot_be_written_to_is_a_bad_configuration() {
    let door = open(SQLITE, "").await;
    let directory = door.directory.path().to_owned();
    for (url, words) in [
        ("sqlite:none/inbox.db", "none"),
        ("sqlite:client-ca.pem", "not a database"),
        ("postgres://nobody:hunter2@127.0.0.1:1/nothing?sslmode=surely", "cannot be read"),
    ] {
        crate::support::door::edit(&directory, "sqlite:inbox.db", url);
        let finished = door.command("serve").await;
        let said = finished.words();
        assert_eq!(finished.code(), Some(78), "{url}: {said}");
        assert!(said.contains("inbox.url") && said.contains(words) && !said.contains("hunter2"), "{said}");
        crate::support::door::edit(&directory, url, "sqlite:inbox.db");
    }
}
