//! Out of what the operating system gives, and back.

use crate::support::{Door, eventually, tool};

#[tokio::test]
async fn without_file_descriptors_the_accept_loop_backs_off_and_recovers() {
    let door = Door::open().await;
    door.is_unharmed().await;
    let pid = door.server.pid().to_string();
    let limit = tool::run(door.directory.path(), "prlimit", &["--pid", &pid, "--nofile=48:48"], "").await;
    limit.expect_success("to take the server's file descriptors away");
    let stranger = door.stranger();
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(stranger.socket().await.unwrap());
    }
    eventually("accept to fail", async || !door.server.events("accept_failed").is_empty()).await;
    drop(silent);
    eventually("the server to take calls again", async || door.honest().call("/again").await.is_ok()).await;
    door.is_unharmed().await;
    // A line a pause, not a line a connection: pauses double up to a second.
    let lines = door.server.events("accept_failed").len();
    assert!(lines < 30, "{lines} lines");
}
