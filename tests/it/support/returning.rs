//! A caller that comes back, and keeps the sessions that it was given.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::AsyncWriteExt as _;

use super::{Caller, HOST, Refusal, raw};

/// A caller with one session store for all of its visits.
#[derive(Clone)]
pub(crate) struct Returning {
    caller: Caller,
    host: String,
    config: Arc<ClientConfig>,
}

impl Returning {
    pub(crate) fn new(caller: &Caller) -> Self {
        let mut config = caller.config();
        config.resumption = Resumption::in_memory_sessions(8);
        Self { caller: caller.clone(), host: HOST.to_owned(), config: Arc::new(config) }
    }

    /// The same caller with the same sessions, at another address.
    pub(crate) fn at(&self, address: std::net::SocketAddr) -> Self {
        Self { caller: self.caller.clone().to(address), ..self.clone() }
    }

    /// The `Host` that its requests name, when it is not the usual one.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    /// One call over a connection of its own: how the handshake went. A refusal at any point up to the answer is an error.
    pub(crate) async fn visit(&self) -> Result<HandshakeKind, Refusal> {
        let mut stream = self.caller.connect_with(Arc::clone(&self.config)).await?;
        let request = format!("POST /visit HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n", self.host);
        stream.write_all(request.as_bytes()).await.map_err(Refusal::of)?;
        raw::try_read_until(&mut stream, "received").await?;
        Ok(stream.get_ref().1.handshake_kind().unwrap())
    }

    /// A visit that has to succeed.
    pub(crate) async fn expect_visit(&self, when: &str) -> HandshakeKind {
        self.visit().await.unwrap_or_else(|refusal| panic!("refused {when}: {refusal:?}"))
    }

    /// A full handshake, and a second one that resumes: what every test of a session that is *not* resumed begins with.
    pub(crate) async fn expect_resumption(&self) {
        assert_ne!(self.expect_visit("at first").await, HandshakeKind::Resumed, "there is nothing to resume yet");
        assert_eq!(self.expect_visit("at the second visit").await, HandshakeKind::Resumed, "control: it would resume");
    }
}
