//! The accept loop: permit, accept, spawn. Nothing that a peer controls runs here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tracing::warn;

use super::connection;
use super::{Beat, Door, Listener};
use crate::telemetry::events;

/// First pause after an error that another accept would meet again (no file descriptor left, say), and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Accepts until the drain begins, and says on each `beat` that it does. The listening socket is closed when this returns.
pub async fn accept(listener: Listener, door: Arc<Door>, mut beat: Beat) {
    accept_until_drain(&listener, &door, &mut beat).await;
    for (socket, peer) in listener.close() {
        // Whoever came after all permits were gone finds the connection closed.
        let Some(permit) = door.permits.reserve().now_or_never() else { return };
        door.shutdown.spawn(connection::run(socket, peer, permit.take(), Arc::clone(&door)));
    }
}

async fn accept_until_drain(listener: &Listener, door: &Arc<Door>, beat: &mut Beat) {
    let mut pause = BACKOFF.0;
    loop {
        let permit = tokio::select! {
            permit = door.permits.reserve() => permit,
            () = beat.answer() => continue,
            () = door.shutdown.begun() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = beat.answer() => continue,
            () = door.shutdown.begun() => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                pause = BACKOFF.0;
                door.shutdown.spawn(connection::run(socket, peer, permit.take(), Arc::clone(door)));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                door.metrics.accept_failed();
                // Once per pause at most, so that no flood of connections becomes a flood of lines.
                warn!(event = events::ACCEPT_FAILED, %error, retry_in_ms = pause.as_millis(), "cannot accept; trying again");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = door.shutdown.begun() => return,
                }
                pause = (pause * 2).min(BACKOFF.1);
            }
        }
    }
}

/// Errors of a connection that died in the queue; the next accept is not affected by them (accept(2), "Error handling").
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::Interrupted
    )
}
