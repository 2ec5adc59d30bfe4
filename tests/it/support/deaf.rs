//! An HTTP/2 caller that does not hear goodbyes, so that a test can ask what a connection still answers after one.

use tokio::io::AsyncWriteExt as _;

use super::frames::{self, GOAWAY, PING};
use super::{Caller, Session};

/// A session to which neither PING nor GOAWAY comes through: its client goes on, and the server waits for it in vain.
pub(crate) async fn session(caller: &Caller) -> Session {
    let (mut from_server, mut to_server) = tokio::io::split(caller.clone().h2().connect().await.unwrap());
    let (client, between) = tokio::io::duplex(64 * 1024);
    let (mut from_client, mut to_client) = tokio::io::split(between);
    // Either ends with its connection.
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    tokio::spawn(async move {
        while let Ok(frame) = frames::read(&mut from_server).await {
            if !matches!(frame.kind, PING | GOAWAY) && to_client.write_all(&frame.bytes()).await.is_err() {
                break;
            }
        }
    });
    Session::h2(client).await.unwrap()
}
