//! Out of what the operating system gives, and back.

use crate::support::{Door, descriptors, eventually};

#[tokio::test]
async fn without_file_descriptors_the_accept_loop_backs_off_and_recovers() {
    let door = Door::open().await;
    door.is_unharmed().await;
    descriptors::limit(&door, 48).await;
    let silent = descriptors::exhaust(&door).await;
    drop(silent);
    eventually("the server to take calls again", async || door.honest().call("/again").await.is_ok()).await;
    door.is_unharmed().await;
    // A line a pause, not a line a connection: pauses double up to a second.
    let lines = door.server.events("accept_failed").len();
    assert!(lines < 30, "{lines} lines");
}
