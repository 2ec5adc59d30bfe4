//! Bytes as they are, for what no honest client would send.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Refusal, within};

/// Sends `bytes` and reads until the other side closes or resets. A server may close before it has read everything.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    drain(stream).await
}

/// Reads until the other side closes or resets.
pub(crate) async fn drain<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    let reading = async {
        while let Ok(length) = stream.read(&mut buffer).await {
            if length == 0 {
                break;
            }
            received.extend_from_slice(&buffer[..length]);
        }
    };
    within("the server to close the connection", reading).await;
    received
}

/// Reads until `received` contains `what`.
pub(crate) async fn read_until<S: AsyncRead + Unpin>(stream: &mut S, what: &str) -> String {
    match try_read_until(stream, what).await {
        Ok(text) => text,
        Err(refusal) => panic!("the server closed before it sent {what:?}: {refusal:?}"),
    }
}

/// The same, where the server may close or send an alert first.
pub(crate) async fn try_read_until<S: AsyncRead + Unpin>(stream: &mut S, what: &str) -> Result<String, Refusal> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    let reading = async {
        loop {
            let text = String::from_utf8_lossy(&received).into_owned();
            if text.contains(what) {
                return Ok(text);
            }
            match stream.read(&mut buffer).await.map_err(Refusal::of)? {
                0 => return Err(Refusal::Closed),
                length => received.extend_from_slice(&buffer[..length]),
            }
        }
    };
    within(what, reading).await
}

/// The status codes of the answers in what an HTTP/1.1 server sent.
pub(crate) fn statuses(received: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(received);
    text.match_indices("HTTP/1.1 ").map(|(at, line)| text[at + line.len()..][..3].parse().unwrap()).collect()
}
