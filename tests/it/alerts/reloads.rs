//! What lies on disk is not what is in force.

use crate::support::{Door, QUIET, Setup};

use super::history::History;

async fn open() -> (Door, History) {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    let history = History::of(&door.server).await;
    (door, history)
}

pub(super) async fn a_private_key_is_cut_off() -> Vec<History> {
    let (door, mut history) = open().await;
    let key = door.pki.server.key_pem();
    door.replace("server-key.pem", &key.as_bytes()[..key.len() / 2]);
    door.expect_reload("kept").await;
    history.goes_on(15, &door.server).await;
    vec![history]
}

pub(super) async fn a_setting_is_misspelt() -> Vec<History> {
    let (door, mut history) = open().await;
    door.edit("[admin]\n", "[admin]\nlisten_too = \"127.0.0.1:0\"\n");
    assert_eq!(door.server.try_reload().await.0, 422);
    history.goes_on(15, &door.server).await;
    vec![history]
}

pub(super) async fn a_setting_changes_that_counts_from_the_next_start_on() -> Vec<History> {
    let (door, mut history) = open().await;
    door.edit("listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.1:1\"]");
    door.server.reload().await;
    history.goes_on(70, &door.server).await;
    vec![history]
}
