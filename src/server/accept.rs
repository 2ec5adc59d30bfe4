//! The accept loop: permit, accept, spawn. Nothing that a peer controls runs here.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::accept_errors::AcceptErrors;
use super::connection;
use super::{Beat, Door, Listener};

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
    let mut errors = AcceptErrors::new("server", door.metrics.clone());
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
                errors.over();
                door.shutdown.spawn(connection::run(socket, peer, permit.take(), Arc::clone(door)));
            }
            Err(error) => {
                let Some(pause) = errors.met(&error) else { continue };
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = door.shutdown.begun() => return,
                }
            }
        }
    }
}
