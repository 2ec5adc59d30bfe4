//! The accept loop: permit, accept, spawn. Nothing that a peer controls runs here.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::accept_errors::AcceptErrors;
use super::connection;
use super::limits::Permit;
use super::workers::Workers;
use super::{Beat, Door, Listener};

/// Accepts until the drain begins, and says on each `beat` that it does. The listening socket is closed when this returns.
pub(crate) async fn accept(listener: Listener, door: Arc<Door>, workers: Workers, mut beat: Beat) {
    accept_until_drain(&listener, &door, &workers, &mut beat).await;
    for (socket, peer) in listener.close() {
        // Whoever came after all permits were gone finds the connection closed.
        let Some(permit) = door.permits.reserve().now_or_never() else { return };
        serve(socket, peer, permit.take(), &door, &workers);
    }
}

async fn accept_until_drain(listener: &Listener, door: &Arc<Door>, workers: &Workers, beat: &mut Beat) {
    let mut errors = AcceptErrors::new("server", door.metrics.clone());
    let mut open = None;
    loop {
        let permit = tokio::select! {
            permit = door.permits.reserve() => permit,
            () = beat.answer() => continue,
            () = door.shutdown.begun() => return,
        };
        let accepted = tokio::select! {
            accepted = next(listener, &mut open) => accepted,
            () = beat.answer() => continue,
            () = door.shutdown.begun() => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                errors.over();
                serve(socket, peer, permit.take(), door, workers);
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

/// The next connection. The socket is opened where that is asked first.
async fn next(listener: &Listener, open: &mut Option<TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    let socket = match open {
        Some(socket) => socket,
        None => open.insert(listener.open()?),
    };
    socket.accept().await
}

fn serve(socket: TcpStream, peer: SocketAddr, permit: Permit, door: &Arc<Door>, workers: &Workers) {
    let run = {
        let door = Arc::clone(door);
        move |socket, place| connection::run(socket, peer, permit, place, door)
    };
    workers.place().serve(socket, &door.shutdown, run);
}
