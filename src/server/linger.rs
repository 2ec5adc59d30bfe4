//! Lingering close: a socket that is closed with unread bytes in it answers them by a reset, and the reset destroys what the
//! peer has not read yet: our alert, or our 413.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a peer may take to read our last words.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// How much it may still send meanwhile, in bytes.
const DISCARDED: usize = 1024 * 1024;

/// Sends FIN, then reads and discards until the peer closes, within bounds.
pub(super) async fn close(mut socket: TcpStream) {
    let discard = async {
        socket.shutdown().await?;
        // Hardly anybody sends more, and it is cleared for each connection.
        let mut scratch = [0; 512];
        let mut left = DISCARDED;
        while left > 0 {
            match socket.read(&mut scratch).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        Ok::<(), std::io::Error>(())
    };
    // However it ends, the socket closes now.
    let _ = tokio::time::timeout(PATIENCE, discard).await;
}
