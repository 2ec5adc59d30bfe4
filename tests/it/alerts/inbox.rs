//! Notifications that cannot be kept, or not be delivered.

use http::StatusCode;

use crate::support::notifications::{NOTIFICATION, door_with_inbox, fill, notify};
use crate::support::{Answer, Door, eventually};

use super::history::History;

async fn open(more: &str) -> (Door, History) {
    let door = door_with_inbox(more).await;
    let history = History::of(&door.server).await;
    (door, history)
}

/// Waits until the server tells of something that it looks up in the store every ten seconds.
async fn told(door: &Door, name: &str) {
    eventually(name, async || door.server.counted(name, &["environment=\"preprod\""]).await > 0).await;
}

pub(super) async fn the_database_is_taken_away() -> Vec<History> {
    let (door, mut history) = open("").await;
    assert_eq!(notify(&door, "before").await, 204, "control");
    std::fs::rename(door.directory.path().join("inbox.db"), door.directory.path().join("elsewhere.db")).unwrap();
    for event in ["1", "2", "3"] {
        assert_eq!(notify(&door, event).await, 503);
    }
    history.goes_on(20, &door.server).await;
    vec![history]
}

/// What does not fit is refused, which is no failure of the store; whoever waits for deliveries is told later.
pub(super) async fn the_inbox_takes_no_more() -> Vec<History> {
    let (door, mut history) = open("max_size = \"1 MiB\"").await;
    door.backend.answer(NOTIFICATION, Answer::Fixed(StatusCode::NOT_FOUND, ""));
    fill(&door).await;
    let full = async || door.server.has_metric_line("issuer_host_inbox_full 1").await;
    eventually("the inbox to be told as full", full).await;
    assert_eq!(notify(&door, "one more").await, 503);
    history.goes_on(9, &door.server).await;
    vec![history]
}

pub(super) async fn a_notification_is_refused_for_good() -> Vec<History> {
    let (door, mut history) = open("").await;
    door.backend.answer(NOTIFICATION, Answer::Fixed(StatusCode::UNPROCESSABLE_ENTITY, ""));
    assert_eq!(notify(&door, "1").await, 204);
    told(&door, "issuer_host_inbox_dead_letters").await;
    history.goes_on(10, &door.server).await;
    vec![history]
}

/// It is tried again and again, for more than an hour.
pub(super) async fn a_notification_is_refused_for_now() -> Vec<History> {
    let (door, mut history) = open("").await;
    door.backend.answer(NOTIFICATION, Answer::Fixed(StatusCode::NOT_FOUND, ""));
    assert_eq!(notify(&door, "1").await, 204);
    told(&door, "issuer_host_inbox_pending").await;
    history.goes_on(75, &door.server).await;
    vec![history]
}

pub(super) async fn whoever_takes_deliveries_breaks_them_off() -> Vec<History> {
    let (door, mut history) = open("").await;
    door.backend.answer(NOTIFICATION, Answer::Broken);
    assert_eq!(notify(&door, "1").await, 204);
    eventually("the destination to be told as down", async || {
        let down = "issuer_host_inbox_destination_up{environment=\"preprod\",backend=\"\"} 0";
        door.server.has_metric_line(down).await
    })
    .await;
    history.goes_on(12, &door.server).await;
    vec![history]
}
