//! Servers that are gone, or say that callers should go elsewhere.

use crate::support::{Door, Setup, eventually};

use super::history::History;

/// Long enough for the ticket, which waits for ten minutes.
const MINUTES: u32 = 15;

pub(super) async fn the_only_server_is_killed() -> Vec<History> {
    let mut door = Door::open().await;
    let mut history = History::of(&door.server).await;
    door.server.kill();
    history.goes_on(MINUTES, &door.server).await;
    vec![history]
}

pub(super) async fn one_of_two_servers_is_killed() -> Vec<History> {
    let (mut door, other) = tokio::join!(Door::open(), Door::open());
    let mut history = History::named("one:9090", &door.server).await;
    let mut others = History::named("two:9090", &other.server).await;
    door.server.kill();
    history.goes_on(MINUTES, &door.server).await;
    others.goes_on(MINUTES, &other.server).await;
    vec![history, others]
}

/// A server that is told to stop, and has not left yet.
async fn stopping() -> (Door, History) {
    let door = Door::with(Setup { server: "drain_delay = \"10m\"", ..Setup::default() }).await;
    let mut history = History::of(&door.server).await;
    door.server.terminate();
    let says_no = async || door.server.admin_fetch("/readyz").await.0 == 503;
    eventually("the server to say that it is not ready", says_no).await;
    history.goes_on(MINUTES, &door.server).await;
    (door, history)
}

pub(super) async fn the_only_server_is_not_ready() -> Vec<History> {
    let (_door, history) = stopping().await;
    vec![history]
}

pub(super) async fn one_of_two_servers_is_not_ready() -> Vec<History> {
    let ((_door, history), other) = tokio::join!(stopping(), Door::open());
    let mut others = History::named("two:9090", &other.server).await;
    others.goes_on(MINUTES, &other.server).await;
    vec![history, others]
}
