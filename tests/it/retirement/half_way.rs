//! Heads and handshakes that end after the trust went with which they began.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConnection;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::door_of_two;
use crate::support::{Caller, HOST, eventually, raw, within};

#[tokio::test]
async fn a_head_that_ends_after_the_installation_is_answered_with_503_and_close() {
    let (door, other) = door_of_two("").await;
    let mut answered = false;
    // The server shows to nobody that it has read half a head, so it gets longer each time; before it has, it just closes.
    for round in 1..=8 {
        let mut stream = door.honest().connect().await.unwrap();
        stream.write_all(b"POST /late HTTP/1.1\r\nho").await.unwrap();
        stream.flush().await.unwrap();
        eventually("the client to be admitted", async || {
            door.server.status_of("preprod").await["live_connections"] == 1
        })
        .await;
        tokio::time::sleep(Duration::from_millis(50) * round).await;
        door.install_anchors(&[&other]).await;
        let rest = format!("st: {HOST}\r\ncontent-length: 0\r\n\r\n");
        let received = raw::exchange(&mut stream, rest.as_bytes()).await;
        let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
        if raw::statuses(&received) == [503] {
            assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
            assert!(text.contains("has to be verified again"), "{text}");
            answered = true;
            break;
        }
        assert_eq!(text, "");
        door.install_anchors(&[&door.pki.clients, &other]).await;
    }
    assert!(answered, "closed eight times without a word");
    assert_eq!(door.backend.arrivals("/late"), 0);
}

#[tokio::test]
async fn a_handshake_that_ends_after_the_installation_is_judged_by_the_new_epoch() {
    let (door, other) = door_of_two("").await;
    for (controls, caller) in [(1, door.honest().tls12()), (2, door.honest().tls13())] {
        let control = HalfWay::begin(&caller).await;
        assert!(control.finish_and_call().await.contains("received"), "control: let in without an installation");
        let begun = HalfWay::begin(&caller).await;
        door.install_anchors(&[&other]).await;
        let answer = begun.finish_and_call().await;
        assert!(!answer.contains("HTTP/1.1"), "{answer}");
        assert_eq!(door.backend.arrivals("/half-way"), controls, "the controls alone");
        door.install_anchors(&[&door.pki.clients, &other]).await;
    }
    door.is_unharmed().await;
}

/// A handshake of which the server has answered the first message.
struct HalfWay {
    connection: ClientConnection,
    socket: tokio::net::TcpStream,
}

impl HalfWay {
    async fn begin(caller: &Caller) -> Self {
        let name = ServerName::try_from(HOST).unwrap();
        let mut connection = ClientConnection::new(Arc::new(caller.config()), name).unwrap();
        let mut hello = Vec::new();
        connection.write_tls(&mut hello).unwrap();
        let mut socket = caller.socket().await.unwrap();
        socket.write_all(&hello).await.unwrap();
        // The answer is written under the epoch in force now.
        within("the server's answer to the hello", socket.peek(&mut [0; 64])).await.unwrap();
        Self { connection, socket }
    }

    /// Ends the handshake, calls, and returns what comes back.
    async fn finish_and_call(mut self) -> String {
        let mut buffer = vec![0; 16 * 1024];
        let request =
            format!("POST /half-way HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        std::io::Write::write_all(&mut self.connection.writer(), request.as_bytes()).unwrap();
        let mut heard = Vec::new();
        let talking = async {
            loop {
                while self.connection.wants_write() {
                    let mut out = Vec::new();
                    self.connection.write_tls(&mut out).unwrap();
                    if self.socket.write_all(&out).await.is_err() {
                        return;
                    }
                }
                let Ok(length @ 1..) = self.socket.read(&mut buffer).await else { return };
                let mut read = &buffer[..length];
                while !read.is_empty() {
                    self.connection.read_tls(&mut read).unwrap();
                    // An alert is one of the right answers.
                    let Ok(state) = self.connection.process_new_packets() else { return };
                    let mut plain = vec![0; state.plaintext_bytes_to_read()];
                    std::io::Read::read_exact(&mut self.connection.reader(), &mut plain).unwrap();
                    heard.extend(plain);
                }
            }
        };
        within("the end of a connection", talking).await;
        String::from_utf8_lossy(&heard).into_owned()
    }
}
