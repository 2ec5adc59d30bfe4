//! A resumption that stops before the client's last word, so that a test can change something in between.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::visit_request;
use crate::support::{Refusal, within};

/// The server has resumed the session and waits for the client's Finished.
pub(crate) struct HalfOpen {
    tls: ClientConnection,
    socket: TcpStream,
    host: String,
}

impl HalfOpen {
    pub(super) async fn resume(config: Arc<ClientConfig>, socket: TcpStream, host: &str) -> Self {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let tls = ClientConnection::new(config, name).unwrap();
        let mut half = Self { tls, socket, host: host.to_owned() };
        half.send().await.unwrap();
        let reading = async {
            while half.tls.is_handshaking() {
                half.receive().await.unwrap();
            }
        };
        within("the server's part of the resumption", reading).await;
        assert_eq!(half.tls.handshake_kind(), Some(HandshakeKind::Resumed), "control: the server takes the session");
        half
    }

    /// Says the last word, and calls.
    pub(crate) async fn finish(mut self) -> Result<(), Refusal> {
        self.tls.writer().write_all(visit_request(&self.host).as_bytes()).unwrap();
        self.send().await?;
        let mut answer = Vec::new();
        let reading = async {
            while !String::from_utf8_lossy(&answer).contains("received") {
                self.receive().await?;
                let mut chunk = [0; 4096];
                while let Ok(length @ 1..) = self.tls.reader().read(&mut chunk) {
                    answer.extend_from_slice(&chunk[..length]);
                }
            }
            Ok(())
        };
        within("the answer, or the end", reading).await
    }

    async fn send(&mut self) -> Result<(), Refusal> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        self.socket.write_all(&bytes).await.map_err(Refusal::of)
    }

    async fn receive(&mut self) -> Result<(), Refusal> {
        let mut buffer = [0; 4096];
        let length = self.socket.read(&mut buffer).await.map_err(Refusal::of)?;
        if length == 0 {
            return Err(Refusal::Closed);
        }
        let mut bytes = &buffer[..length];
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes).unwrap();
            self.tls.process_new_packets().map_err(|error| Refusal::of(std::io::Error::other(error)))?;
        }
        Ok(())
    }
}
