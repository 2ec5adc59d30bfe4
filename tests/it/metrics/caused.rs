//! Each metric is told after the thing that causes it.

use std::collections::BTreeSet;

use http::StatusCode;
use issuer_host::metrics::table::ALL;

use crate::support::everything::door_with_everything;
use crate::support::identity_provider::IdentityProvider;
use crate::support::jwt::TokenKey;
use crate::support::notifications::{NOTIFICATION, door_with_inbox, fill, notify};
use crate::support::series::{counted, told};
use crate::support::token_door::{D1_CALL, D1_TOKEN, SECRET, ask, call, call_d1, open, token};
use crate::support::{
    Answer, Authority, Door, Gate, QUIET, Server, Setup, descriptors, eventually, eventually_after_failures, request,
};

/// What is told of a server that runs and was never called.
const AT_ONCE: &[&str] = &[
    "issuer_host_build",
    "issuer_host_certificate_expiry_timestamp_seconds",
    "issuer_host_connection_permits_limit",
    "issuer_host_crl_next_update_timestamp_seconds",
    "issuer_host_epoch",
    "issuer_host_handshakes_limit",
    "issuer_host_ready",
    "issuer_host_reload_last_success_timestamp_seconds",
    "issuer_host_second_key_expiry_timestamp_seconds",
    "process_cpu_seconds",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
];
const CALLED: &[&str] = &[
    "issuer_host_backend_connections",
    "issuer_host_backend_connects",
    "issuer_host_backend_requests",
    "issuer_host_backend_requests_in_flight",
    "issuer_host_connection_permits_in_use",
    "issuer_host_connections",
    "issuer_host_handshakes",
    "issuer_host_handshakes_in_flight",
    "issuer_host_request_duration_seconds",
    "issuer_host_requests",
    "issuer_host_requests_in_flight",
    "issuer_host_second_key_refusals",
    "issuer_host_token_requests",
];
const BROKEN: &[&str] = &["issuer_host_backend_failures"];
const RELOADED: &[&str] = &[
    "issuer_host_admin_requests",
    "issuer_host_configuration_needs_restart",
    "issuer_host_reloads",
    "issuer_host_retired_connections",
];
const REFUSED: &[&str] = &["issuer_host_configuration_refused", "issuer_host_reload_failing"];
const EXHAUSTED: &[&str] = &["issuer_host_connection_permits_exhausted", "issuer_host_handshakes_displaced"];
const NO_FILES: &[&str] = &["issuer_host_accept_errors"];
const CROWDED: &[&str] = &["issuer_host_admin_connections_displaced"];
const OF_AN_IDENTITY_PROVIDER: &[&str] =
    &["issuer_host_jwks_last_success_timestamp_seconds", "issuer_host_jwks_refreshes"];
const INBOX: &[&str] = &[
    "issuer_host_inbox_commit_duration_seconds",
    "issuer_host_inbox_commit_entries",
    "issuer_host_inbox_deduplicated",
    "issuer_host_inbox_delivered",
    "issuer_host_inbox_destination_up",
    "issuer_host_inbox_received",
    "issuer_host_inbox_size_bytes",
];
const UNDELIVERED: &[&str] = &[
    "issuer_host_inbox_dead",
    "issuer_host_inbox_dead_letters",
    "issuer_host_inbox_oldest_pending_timestamp_seconds",
    "issuer_host_inbox_pending",
    "issuer_host_inbox_retried",
];
/// Without the feature `otlp` it is never told.
const TRACED: &[&str] = &["issuer_host_trace_spans"];
const FULL: &[&str] = &["issuer_host_inbox_failures", "issuer_host_inbox_full"];

#[test]
fn every_metric_is_caused_by_one_of_these_tests() {
    let lists = [
        AT_ONCE,
        CALLED,
        BROKEN,
        RELOADED,
        REFUSED,
        EXHAUSTED,
        NO_FILES,
        CROWDED,
        OF_AN_IDENTITY_PROVIDER,
        INBOX,
        UNDELIVERED,
        FULL,
        TRACED,
    ];
    let caused: BTreeSet<_> = lists.concat().into_iter().collect();
    let all: BTreeSet<_> = ALL.iter().map(|row| row.name()).collect();
    assert_eq!(caused, all);
}

/// Waits until there is a number other than 0 of each of these.
async fn expect(server: &Server, names: &[&str]) {
    let mut missing = Vec::new();
    for _ in 0..400 {
        let counted = counted(&told(server).await);
        missing = names.iter().filter(|name| !counted.contains(**name)).collect();
        if missing.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("not told: {missing:?}");
}

/// That there is none yet.
async fn expect_none(server: &Server, names: &[&str]) {
    let counted = counted(&told(server).await);
    let early: Vec<_> = names.iter().filter(|name| counted.contains(**name)).collect();
    assert!(early.is_empty(), "told before it was caused: {early:?}");
}

#[tokio::test]
async fn a_server_that_was_never_called_tells_what_it_is_made_of_and_a_call_adds_what_it_does() {
    let door = door_with_everything().await;
    expect(&door.server, AT_ONCE).await;
    expect_none(&door.server, CALLED).await;
    for kind in ["backend_client", "client_ca", "endorsed_chain", "server_chain"] {
        let labels = [&*format!("kind=\"{kind}\""), "file=\"/"];
        assert!(
            door.server.counted("issuer_host_certificate_expiry_timestamp_seconds", &labels).await > 1_000_000_000,
            "{kind}"
        );
    }
    let labels = [r#"kind="client_secret""#, r#"name="thales/current""#];
    assert!(door.server.counted("issuer_host_second_key_expiry_timestamp_seconds", &labels).await > 4_000_000_000);

    let mut session = door.honest().session().await.unwrap();
    let bearer = format!("Bearer {}", token(&ask(&mut session, D1_TOKEN, SECRET).await));
    ask(&mut session, D1_TOKEN, "not-the-secret-of-thales").await;
    assert_eq!(call_d1(&mut session, None).await.status, 401);
    let gate = Gate::closed();
    door.backend.answer(D1_CALL, Answer::Held(gate.clone()));
    let _silent = door.stranger().socket().await.unwrap();
    let held = tokio::spawn(async move { call(&mut session, "GET", D1_CALL, Some(&bearer)).await.status });
    gate.arrival().await;
    expect(&door.server, CALLED).await;
    gate.open();
    assert_eq!(held.await.unwrap(), 200);
    let of = async |outcome: &str, reason: &str| {
        let labels = [&*format!("outcome=\"{outcome}\""), &format!("reason=\"{reason}\"")];
        door.server.counted("issuer_host_token_requests_total", &labels).await
    };
    assert_eq!((of("issued", "").await, of("refused", "invalid_client").await), (1, 1));
    // Over is over.
    for name in ["issuer_host_requests_in_flight", "issuer_host_backend_requests_in_flight"] {
        eventually(name, async || door.server.counted(name, &[]).await == 0).await;
    }
}

#[tokio::test]
async fn handshakes_are_told_apart_by_what_they_cost() {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    let handshakes = async |session: &str| {
        door.server.counted("issuer_host_handshakes_total", &[&format!("session=\"{session}\"")]).await
    };
    let returning = crate::support::Returning::new(&door.honest());
    returning.expect_resumption().await;
    assert_eq!((handshakes("full").await, handshakes("remembered").await, handshakes("resumed").await), (1, 0, 1));
    // Another caller with the same certificate has no session, and needs no second judgement.
    door.honest().expect_accepted("the same certificate").await;
    assert_eq!((handshakes("full").await, handshakes("remembered").await, handshakes("resumed").await), (1, 1, 1));
    door.stranger().presenting(&door.pki.issuing.client("other")).expect_accepted("another certificate").await;
    assert_eq!((handshakes("full").await, handshakes("remembered").await, handshakes("resumed").await), (2, 1, 1));
}

#[tokio::test]
async fn a_backend_that_does_not_answer_is_told_by_how_it_fails() {
    let door = Door::with(Setup { log: QUIET, backend: "response_timeout = \"300ms\"", ..Setup::default() }).await;
    expect_none(&door.server, BROKEN).await;
    let of = async |reason: &str| {
        door.server
            .counted("issuer_host_backend_failures_total", &[&format!("reason=\"{reason}\""), r#"backend="""#])
            .await
    };
    door.backend.answer("/broken", Answer::Broken);
    door.backend.answer("/slow", Answer::Held(Gate::closed()));
    assert_eq!(door.honest().call("/broken").await.unwrap().status, 502);
    assert_eq!(door.honest().call("/slow").await.unwrap().status, 504);
    expect(&door.server, BROKEN).await;
    assert_eq!((of("broken").await, of("timeout").await, of("unavailable").await), (1, 1, 0));
    eventually("the connections to be closed", async || {
        door.server.counted("issuer_host_backend_connections", &[]).await == 0
    })
    .await;
}

#[tokio::test]
async fn a_reload_is_told_with_what_it_retires_and_what_waits_for_a_restart() {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    expect_none(&door.server, RELOADED).await;
    let mut session = door.honest().session().await.unwrap();
    session.send(request("POST", "/before").body("".into()).unwrap()).await.unwrap();
    door.replace_anchors(&[&Authority::root("Other Client Root")]);
    door.edit("listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.1:1\"]");
    door.server.reload().await;
    session.ended().await;
    expect(&door.server, RELOADED).await;
}

#[tokio::test]
async fn what_is_not_good_is_told_until_it_is() {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    expect_none(&door.server, REFUSED).await;
    let key = door.pki.server.key_pem();
    door.replace("server-key.pem", &key.as_bytes()[..key.len() / 2]);
    door.edit("[admin]\n", "[admin]\nlisten_too = \"127.0.0.1:0\"\n");
    door.server.try_reload().await;
    expect(&door.server, REFUSED).await;
    door.replace("server-key.pem", key);
    door.edit("listen_too = \"127.0.0.1:0\"\n", "");
    door.server.reload().await;
    expect_none(&door.server, REFUSED).await;
}

#[tokio::test]
async fn limits_that_are_reached_are_told() {
    let server = "max_connections = 30\nmax_handshakes = 10\nmax_handshakes_per_source = 10";
    let door = Door::with(Setup { log: QUIET, server, ..Setup::default() }).await;
    expect_none(&door.server, EXHAUSTED).await;
    for limit in ["issuer_host_connection_permits_limit 30", "issuer_host_handshakes_limit 10"] {
        assert!(door.server.has_metric_line(limit).await, "{limit}");
    }
    let mut sessions = Vec::new();
    for _ in 0..30 {
        let mut session = door.honest().session().await.unwrap();
        session.send(request("POST", "/held").body("".into()).unwrap()).await.unwrap();
        sessions.push(session);
    }
    expect(&door.server, &["issuer_host_connection_permits_exhausted"]).await;
    drop(sessions);
    door.server.permits_return_to_zero().await;
    let stranger = door.stranger();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(stranger.socket().await.unwrap());
    }
    expect(&door.server, &["issuer_host_handshakes_displaced"]).await;
}

#[tokio::test]
async fn accept_errors_are_told() {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    expect_none(&door.server, NO_FILES).await;
    descriptors::limit(&door, 48).await;
    let silent = descriptors::exhaust(&door).await;
    drop(silent);
    expect(&door.server, NO_FILES).await;
}

#[tokio::test]
async fn a_crowd_at_the_admin_listener_is_told() {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    expect_none(&door.server, CROWDED).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(tokio::net::TcpStream::connect(door.server.admin()).await.unwrap());
    }
    expect(&door.server, CROWDED).await;
}

#[tokio::test]
async fn the_keys_of_an_identity_provider_are_told_by_their_fetches() {
    let (provider, key) = (IdentityProvider::open().await, TokenKey::new());
    provider.publish(&[("first", &key)]);
    let tables = format!(
        "[environments.preprod.tokens]\nissuer = \"{}\"\naudience = \"bank\"\njwks_ca = \"idp-ca.pem\"\n",
        provider.issuer()
    );
    let door = open(&tables, vec![("idp-ca.pem", provider.ca().into())], "").await;
    expect(&door.server, OF_AN_IDENTITY_PROVIDER).await;
    let labels = [r#"outcome="fetched""#];
    assert!(door.server.counted("issuer_host_jwks_refreshes_total", &labels).await >= 1);
}

#[cfg(feature = "otlp")]
#[tokio::test]
async fn spans_are_told_once_they_are_sent() {
    let collector = crate::support::Collector::open().await;
    let log = format!("{QUIET}\n{}", collector.table());
    let door = Door::with(Setup { log: &log, ..Setup::default() }).await;
    expect_none(&door.server, TRACED).await;
    door.honest().expect_accepted("an honest client").await;
    expect(&door.server, TRACED).await;
}

#[tokio::test]
async fn a_notification_that_is_kept_and_delivered_is_told() {
    let door = door_with_inbox("").await;
    for event in ["1", "1", "2"] {
        assert_eq!(notify(&door, event).await, 204);
    }
    // How large it is, it is asked every ten seconds.
    expect(&door.server, INBOX).await;
}

#[tokio::test]
async fn a_notification_that_cannot_be_delivered_is_told() {
    let door = door_with_inbox("").await;
    expect_none(&door.server, UNDELIVERED).await;
    door.backend.answer(NOTIFICATION, Answer::Fixed(StatusCode::UNPROCESSABLE_ENTITY, ""));
    assert_eq!(notify(&door, "1").await, 204);
    eventually("a dead letter", async || !door.server.events("dead_letter").is_empty()).await;
    door.backend.answer(NOTIFICATION, Answer::Broken);
    assert_eq!(notify(&door, "2").await, 204);
    expect(&door.server, UNDELIVERED).await;
    let up = async || door.server.counted("issuer_host_inbox_destination_up", &[r#"environment="preprod""#]).await;
    eventually("the destination to be told as down", async || up().await == 0).await;
    door.backend.answer(NOTIFICATION, Answer::Fixed(StatusCode::NO_CONTENT, ""));
    eventually_after_failures("the destination to be told as up", async || up().await == 1).await;
}

#[tokio::test]
async fn an_inbox_that_takes_no_more_is_told() {
    let door = door_with_inbox("max_size = \"1 MiB\"").await;
    expect_none(&door.server, FULL).await;
    door.backend.answer(NOTIFICATION, Answer::Fixed(StatusCode::NOT_FOUND, ""));
    fill(&door).await;
    expect(&door.server, FULL).await;
}
