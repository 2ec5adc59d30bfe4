//! A store that is away when the server starts: it is waited for, probes are answered meanwhile, and nobody else is.

use std::path::PathBuf;

use tokio::net::TcpListener;

use crate::support::door::edit;
use crate::support::{Caller, Door, HOST, QUIET, Server, Setup, eventually, request};

use super::database::{Database, free_port};
use super::recorder::{QUICK, SQLITE, notification};
use super::sealed::key_file;

/// A door without an inbox, whose configuration is given one for the next server.
async fn door() -> Door {
    let arrange = |directory: &std::path::Path| edit(directory, "product = \"tsh\"", "product = [\"tsh\", \"d1\"]");
    Door::with(Setup { log: QUIET, arrange: Some(&arrange), ..Setup::default() }).await
}

fn with_inbox(door: &Door, inbox: &str) -> PathBuf {
    door.edit("[environments.preprod]", &format!("{inbox}{QUICK}\n[environments.preprod]"));
    door.directory.path().join("issuer-host.toml")
}

async fn waits(server: &Server) {
    let told = server.told("inbox_waiting", 1).await;
    assert_eq!(server.admin_fetch("/livez").await, (200, "ok\n".to_owned()), "{told:?}");
    assert_eq!(server.admin_fetch("/readyz").await, (503, "starting\n".to_owned()));
    assert_eq!(server.admin_fetch("/status").await.0, 503);
    assert!(server.has_metric_line("issuer_host_ready 0").await);
    assert!(!server.log().contains("hunter2"), "{}", server.log());
}

/// Accepts, and says nothing.
async fn mute() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("[inbox]\nurl = \"postgres://inbox:hunter2@{}/inbox\"\n", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn a_server_whose_database_does_not_answer_answers_probes_takes_no_caller_and_ends_when_it_is_told_to() {
    let door = door().await;
    let (_mute, inbox) = mute().await;
    let config = with_inbox(&door, &inbox);
    let port = free_port();
    door.edit("listen = [\"127.0.0.1:0\"]", &format!("listen = [\"127.0.0.1:{port}\"]"));
    let mut server = Server::begin(&config).await;
    let answer = server.admin_fetch("/readyz").await;
    assert_eq!(answer, (503, "starting\n".to_owned()), "while it is being opened, too");
    waits(&server).await;
    assert_eq!(server.told("starting", 1).await.len(), 1);
    let early = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
    assert!(early.is_err(), "a caller would wait for an answer that does not come");
    server.terminate();
    assert_eq!(server.exit_code().await, Some(0), "{}", server.log());
    assert_eq!((server.events("start_abandoned").len(), server.events("ready").len()), (1, 0));
    assert_eq!(server.events("inbox_waiting").len(), 1, "once is enough");
}

#[tokio::test]
async fn probes_are_answered_over_the_admin_listener_s_tls_while_the_store_is_away() {
    let door = door().await;
    let (_mute, inbox) = mute().await;
    let config = with_inbox(&door, &inbox);
    let tls = "[admin.tls]\ncertificate_chain = \"server-chain.pem\"\nprivate_key = \"server-key.pem\"\n";
    let listen = "[admin]\nlisten = \"127.0.0.1:0\"\n";
    door.edit(listen, &format!("{listen}{tls}"));
    let server = Server::begin(&config).await;
    server.told("inbox_waiting", 1).await;
    let prober = Caller::new(server.admin(), HOST, door.pki.servers.certificate().clone());
    let mut session = prober.session().await.unwrap();
    let starting = session.send(request("GET", "/readyz").body("".into()).unwrap()).await.unwrap();
    assert_eq!((starting.status, starting.text().as_str()), (503, "starting\n"));
    let answer = server.try_admin_fetch("/readyz").await;
    assert_eq!(answer, None, "nothing is told in clear");
}

#[tokio::test]
async fn a_server_waits_for_the_one_before_that_still_has_the_file_and_goes_on_by_itself() {
    let mut door = door().await;
    let config = with_inbox(&door, SQLITE);
    door.server.kill();
    door.server = Server::start(&config).await;
    let mut next = Server::begin(&config).await;
    waits(&next).await;
    assert!(next.log().contains("another process serves"), "{}", next.log());

    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    next.gets_ready().await;
    door.server = next;
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200);
    assert_eq!(door.server.admin_fetch("/status").await.0, 200);
    assert_eq!(door.server.events("inbox_open").len(), 1);
    let reply = door.honest().session().await.unwrap().send(notification("card", "1")).await.unwrap();
    assert_eq!(reply.status, 204, "{reply:?}");
    eventually("the notification", async || door.backend.all_received().len() == 1).await;
}

#[tokio::test]
async fn keys_that_are_not_those_of_the_inbox_end_the_start_at_once() {
    let mut door = door().await;
    door.replace("inbox-keys", key_file("first", 1));
    let config = with_inbox(&door, &format!("{SQLITE}key_file = \"inbox-keys\"\n"));
    door.server.kill();
    door.server = Server::start(&config).await;
    door.server.kill();
    door.replace("inbox-keys", key_file("second", 99));
    let finished = door.command("serve").await;
    assert_eq!(finished.code(), Some(78), "{}", finished.words());
    assert!(finished.words().contains("sealed under the master key \"first\""), "{}", finished.words());
    assert!(!finished.words().contains("inbox_waiting"));
    door.replace("inbox-keys", key_file("first", 1));
    door.server = Server::start(&config).await;
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200, "control");
}

#[tokio::test]
async fn environments_that_are_not_good_are_told_at_once_and_not_when_the_store_is_back() {
    let door = door().await;
    let (_mute, inbox) = mute().await;
    with_inbox(&door, &inbox);
    door.replace("server-key.pem", "no key at all");
    let finished = door.command("serve").await;
    assert_eq!(finished.code(), Some(78), "{}", finished.words());
    assert!(finished.words().contains("server-key.pem"), "{}", finished.words());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn a_server_that_is_up_before_its_database_becomes_ready_with_it() {
    let database = Database::start();
    database.stop();
    let mut door = door().await;
    let config = with_inbox(&door, &format!("[inbox]\nurl = \"{}\"\n", database.url()));
    door.server.kill();
    let mut server = Server::begin(&config).await;
    waits(&server).await;
    assert!(server.log().contains("nobody listens at"), "{}", server.log());
    database.up();
    server.gets_ready().await;
    door.server = server;
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200);
    let reply = door.honest().session().await.unwrap().send(notification("card", "1")).await.unwrap();
    assert_eq!(reply.status, 204, "{reply:?}");
    eventually("the notification", async || door.backend.all_received().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn a_server_waits_for_another_one_that_is_at_the_tables() {
    let database = Database::start();
    let mut door = door().await;
    let config = with_inbox(&door, &format!("[inbox]\nurl = \"{}\"\n", database.url()));
    door.server.kill();
    door.server = Server::start(&config).await;
    door.server.kill();
    let mut other = database.connect().await;
    for statement in ["BEGIN", "LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let mut server = Server::begin(&config).await;
    waits(&server).await;
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    server.gets_ready().await;
    door.server = server;
    door.honest().expect_accepted("a caller").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs it"]
async fn a_database_that_refuses_the_user_or_is_not_there_ends_the_start_at_once() {
    let door = door().await;
    let server = std::env::var("ISSUER_HOST_TEST_POSTGRES").unwrap();
    let (user_at_place, _) = server.trim_start_matches("postgres://").split_once('/').unwrap();
    let (_, place) = user_at_place.split_once('@').unwrap();
    with_inbox(&door, "[inbox]\nurl = \"postgres://first\"\n");
    let mut before = "postgres://first".to_owned();
    for (url, words) in [
        (format!("postgres://somebody:hunter2@{place}/postgres"), "does not take the url's user"),
        (format!("postgres://{user_at_place}/somewhere"), "has no database of that name"),
    ] {
        door.edit(&before, &url);
        let finished = door.command("serve").await;
        let said = finished.words();
        assert_eq!(finished.code(), Some(78), "{said}");
        assert!(said.contains(words) && said.contains("inbox.url") && !said.contains("hunter2"), "{said}");
        before = url;
    }
}
