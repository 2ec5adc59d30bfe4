//! Callers that are kept out, and a door that is too narrow for those who come.

use crate::support::{Authority, Door, QUIET, Session, Setup, descriptors, eventually, request};

use super::history::History;

async fn open(server: &str) -> Door {
    Door::with(Setup { log: QUIET, server, ..Setup::default() }).await
}

async fn knocked(door: &Door) -> Session {
    let mut session = door.honest().session().await.unwrap();
    // By an answer: its connection is counted when the server is content, not when the client is.
    assert!(session.send(known_call()).await.unwrap().status < 500);
    session
}

/// A call that an operation knows.
fn known_call() -> http::Request<bytes::Bytes> {
    let call = request("POST", "/issuer/igwapi/v2.0/checkCardEligibility").header("x-issuer-id", "ISSUER0001");
    call.body("{}".into()).unwrap()
}

async fn nobody_is_connected(door: &Door) {
    eventually("all connections to end", async || door.server.counted("issuer_host_connections", &[]).await == 0).await;
}

/// The callers' CA is taken away, by mistake, after `history`.
async fn anchors_are_replaced(door: &Door, mut history: History) -> Vec<History> {
    door.install_anchors(&[&Authority::root("Other Client Root")]).await;
    nobody_is_connected(door).await;
    history.stays(1, &door.server).await;
    for _ in 0..3 {
        door.honest().expect_refused("a caller of the CA before").await;
    }
    history.goes_on(40, &door.server).await;
    vec![history]
}

pub(super) async fn the_callers_ca_is_taken_away() -> Vec<History> {
    let door = open("").await;
    let mut history = History::of(&door.server).await;
    for _ in 0..3 {
        drop(knocked(&door).await);
    }
    nobody_is_connected(&door).await;
    history.goes_on(30, &door.server).await;
    anchors_are_replaced(&door, history).await
}

/// One connection was all that there ever was: what counts it never rose from anything.
pub(super) async fn the_ca_of_the_only_connection_is_taken_away() -> Vec<History> {
    let door = open("").await;
    let mut history = History::of(&door.server).await;
    let _session = knocked(&door).await;
    history.stays(30, &door.server).await;
    anchors_are_replaced(&door, history).await
}

pub(super) async fn strangers_show_certificates_of_their_own() -> Vec<History> {
    let door = open("").await;
    let mut history = History::of(&door.server).await;
    let stranger = door.stranger().presenting(&Authority::root("Strangers' Root").client("stranger"));
    for _ in 0..3 {
        drop(knocked(&door).await);
        stranger.expect_refused("a stranger").await;
    }
    history.goes_on(40, &door.server).await;
    vec![history]
}

const NARROW: &str = "max_connections = 30\nmax_handshakes = 10\nmax_handshakes_per_source = 10";

pub(super) async fn connections_reach_their_limit() -> Vec<History> {
    let door = open(NARROW).await;
    let mut history = History::of(&door.server).await;
    let mut sessions = Vec::new();
    for _ in 0..30 {
        sessions.push(knocked(&door).await);
    }
    history.goes_on(15, &door.server).await;
    vec![history]
}

/// Whenever somebody looks there is room again.
pub(super) async fn connections_reach_their_limit_and_end() -> Vec<History> {
    let door = open(NARROW).await;
    let mut history = History::of(&door.server).await;
    let mut sessions = Vec::new();
    for _ in 0..30 {
        sessions.push(knocked(&door).await);
    }
    let exhausted = async || door.server.metric("issuer_host_connection_permits_exhausted_total").await >= 1.0;
    eventually("the limit to be counted as reached", exhausted).await;
    drop(sessions);
    door.server.permits_return_to_zero().await;
    history.goes_on(15, &door.server).await;
    vec![history]
}

pub(super) async fn more_handshakes_are_begun_than_may_be() -> Vec<History> {
    let door = open(NARROW).await;
    let mut history = History::of(&door.server).await;
    let stranger = door.stranger();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(stranger.socket().await.unwrap());
    }
    let displaced = async || door.server.metric("issuer_host_handshakes_displaced_total").await >= 10.0;
    eventually("handshakes to give way", displaced).await;
    drop(silent);
    history.goes_on(20, &door.server).await;
    vec![history]
}

pub(super) async fn no_descriptor_is_left_for_a_connection() -> Vec<History> {
    let door = open("").await;
    let mut history = History::of(&door.server).await;
    descriptors::limit(&door, 48).await;
    drop(descriptors::exhaust(&door).await);
    // Whoever wants to look at it needs one as well.
    descriptors::limit(&door, 1024).await;
    door.server.permits_return_to_zero().await;
    history.goes_on(15, &door.server).await;
    vec![history]
}
