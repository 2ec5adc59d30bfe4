//! File descriptors, taken away from a running server.

use tokio::net::TcpStream;

use super::{Door, eventually, tool};

/// From now on the server may have so many open, until it is given more again: the limit is the soft one.
pub(crate) async fn limit(door: &Door, most: impl std::fmt::Display) {
    let (pid, limit) = (door.server.pid().to_string(), format!("--nofile={most}:"));
    let done = tool::run(door.directory.path(), "prlimit", &["--pid", &pid, &limit], "").await;
    done.expect_success("to take the server's file descriptors away");
}

/// Connects to a server that may have few open until it cannot accept; the connections.
pub(crate) async fn exhaust(door: &Door) -> Vec<TcpStream> {
    let stranger = door.stranger();
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(stranger.socket().await.unwrap());
    }
    eventually("accept to fail", async || !door.server.events("accept_failed").is_empty()).await;
    silent
}
