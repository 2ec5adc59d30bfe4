//! A connection of a load: TCP and TLS, as thin as they can be.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, HandshakeKind};
use rustls_pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Group, Mode};
use crate::caller::tls::config_with;
use crate::caller::verifier::Accepting;
use crate::caller::{CallerError, CallerOptions, Failure, Http, Stage, Wanted};

/// Sessions that a connection may have in store: a server sends a few tickets at once, and each is good for one handshake.
const SESSIONS: usize = 8;

/// Opens connections to one server.
#[derive(Clone)]
pub(super) struct Connecting {
    address: SocketAddr,
    server_name: ServerName<'static>,
    config: Arc<ClientConfig>,
    within: Duration,
    /// Whether a connection is for one call.
    short: bool,
    wanted: Wanted,
}

/// An open connection.
pub(super) struct Opened {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) resumed: bool,
    pub(super) connecting: Duration,
    pub(super) handshake: Duration,
    /// How many bytes of the first request went with the end of the handshake.
    pub(super) sent: usize,
}

impl Connecting {
    pub(super) fn new(options: &CallerOptions, mode: Mode, groups: &[Group]) -> Result<Self, CallerError> {
        let kx_groups = groups.iter().map(|group| group.of_rustls()).collect();
        let provider = CryptoProvider { kx_groups, ..CryptoProvider::clone(&crate::tls::provider()) };
        let judge = Arc::new(Accepting::new(options.trust.chain_judge()?));
        // Where both are taken it is HTTP/1.1: Thales' side is not known to speak HTTP/2.
        let http = if options.http == Http::V2 { Http::V2 } else { Http::V1 };
        let options = CallerOptions { http, ..options.clone() };
        let (mut config, wanted) = config_with(&options, Arc::new(provider), judge)?;
        config.resumption = Resumption::disabled();
        Ok(Self {
            address: options.address,
            server_name: options.server_name,
            config: Arc::new(config),
            within: options.connect_timeout,
            short: mode != Mode::KeepAlive,
            wanted,
        })
    }

    /// The same with a session store of its own, which is empty.
    pub(super) fn resuming(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// What the server wanted of the client's certificate.
    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// TCP and TLS. As much of `request` as fits goes with the client's last message of the handshake, once the server's certificate is
    /// verified.
    pub(super) async fn open(&self, request: &[u8]) -> Result<Opened, Failure> {
        let start = Instant::now();
        let mut connecting = None;
        let opening = async {
            let socket = self.socket().map_err(Failure::Unreachable)?;
            let socket = socket.connect(self.address).await.map_err(Failure::Unreachable)?;
            let connected = *connecting.insert(start.elapsed());
            let mut sent = 0;
            let stream = TlsConnector::from(Arc::clone(&self.config))
                .connect_with(self.server_name.clone(), socket, |session| {
                    // It takes what there is room for.
                    sent = session.writer().write(request).unwrap_or_default();
                })
                .await
                .map_err(|error| Failure::of(Stage::Handshake, &error))?;
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            let handshake = start.elapsed().saturating_sub(connected);
            Ok(Opened { stream, resumed, connecting: connected, handshake, sent })
        };
        let outcome = timeout(self.within, opening).await;
        let stage = if connecting.is_some() { Stage::Handshake } else { Stage::Connecting };
        outcome.unwrap_or(Err(Failure::TimedOut { stage, after: self.within }))
    }

    fn socket(&self) -> io::Result<TcpSocket> {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // An answer is waited for after each write.
        socket.set_nodelay(true)?;
        if self.short {
            // Who closes first keeps the port for a minute (TIME_WAIT, RFC 9293 section 3.6.1), and there are 28,000 of them: closing
            // with a reset, once the answer is there and goodbye is said, keeps none.
            socket.set_zero_linger()?;
        }
        Ok(socket)
    }
}
