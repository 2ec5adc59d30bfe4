//! The calling side: connections with a client certificate, as a newcomer or as somebody who comes again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::{Resumption, WantsClientCert};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, ClientConfig, ConfigBuilder, HandshakeKind, NamedGroup, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Error;
use crate::sessions::Forgetful;

/// Sessions that somebody who comes again keeps: one is used up by each visit, which brings one or two.
const SESSIONS: usize = 8;

/// Bytes of a request's body. Thales' notifications are JSON documents of this order.
const BODY_BYTES: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tls {
    #[value(name = "1.2")]
    V1_2,
    #[value(name = "1.3")]
    V1_3,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Http {
    #[value(name = "1")]
    V1,
    #[value(name = "2")]
    V2,
}

/// Everything that is the same for each connection of a run.
#[derive(Clone)]
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    host: String,
    path: String,
    tls: Tls,
    http: Http,
    body: Bytes,
    /// What every handshake has to be: a newcomer's is full, that of somebody who comes again is resumed.
    kind: HandshakeKind,
    /// What has to be answered, where it is another status than 200 or 204.
    answer: Option<u16>,
}

/// An open connection.
pub(crate) struct Connection {
    sender: Sender,
    driver: JoinHandle<()>,
    suite: Option<CipherSuite>,
}

/// The end of a connection that takes requests.
pub(crate) enum Sender {
    /// One request at a time.
    V1(http1::SendRequest<Full<Bytes>>),
    /// A stream of its own for each request.
    V2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    /// A newcomer with the credentials in `pki`. It offers rustls' suites, so that each server chooses as it does for its users,
    /// and groups that every peer knows, so that all do the same key exchange: X25519.
    pub(crate) fn new(pki: &Path, host: &str, path: &str, tls: Tls, http: Http) -> Result<Self, Error> {
        let config = Self::configuration(pki, tls)?;
        let chain = CertificateDer::pem_file_iter(pki.join("client-chain.pem"))?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(pki.join("client-key.pem"))?;
        Ok(Self::with(config.with_client_auth_cert(chain, key)?, host, path, tls, http))
    }

    /// The same caller without a certificate: the control arm.
    pub(crate) fn without_certificate(pki: &Path, host: &str, path: &str, tls: Tls, http: Http) -> Result<Self, Error> {
        Ok(Self::with(Self::configuration(pki, tls)?.with_no_client_auth(), host, path, tls, http))
    }

    /// The same caller with a memory of its own, that has been at `address` once: from now on all its handshakes are resumed.
    pub(crate) async fn returning(&self, address: SocketAddr) -> Result<Self, Error> {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        let first = Self { config: Arc::new(config), ..self.clone() };
        first.visit(address).await?;
        Ok(Self { kind: HandshakeKind::Resumed, ..first })
    }

    /// The same caller, to whom `answer` is right and nothing else; without one 200 and 204 are.
    pub(crate) fn expecting(self, answer: Option<u16>) -> Self {
        Self { answer, ..self }
    }

    pub(crate) fn http(&self) -> Http {
        self.http
    }

    fn configuration(pki: &Path, tls: Tls) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
        let version = match tls {
            Tls::V1_2 => &rustls::version::TLS12,
            Tls::V1_3 => &rustls::version::TLS13,
        };
        let provider = CryptoProvider {
            // P-256 is here for TLS 1.2, where the list also says which curves a server certificate may use; it is not chosen.
            kx_groups: vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1],
            ..aws_lc_rs::default_provider()
        };
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(pki.join("server-ca.pem"))? {
            roots.add(root?)?;
        }
        Ok(ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])?
            .with_root_certificates(roots))
    }

    fn with(mut config: ClientConfig, host: &str, path: &str, tls: Tls, http: Http) -> Self {
        config.resumption = Resumption::store(Arc::new(Forgetful));
        config.alpn_protocols = match http {
            Http::V1 => vec![b"http/1.1".to_vec()],
            Http::V2 => vec![b"h2".to_vec()],
        };
        let mut body = b"{\"notification\":\"".to_vec();
        body.resize(BODY_BYTES - 2, b'x');
        body.extend_from_slice(b"\"}");
        Self {
            config: Arc::new(config),
            host: host.to_owned(),
            path: path.to_owned(),
            tls,
            http,
            body: Bytes::from(body),
            kind: HandshakeKind::Full,
            answer: None,
        }
    }

    async fn handshake(&self, address: SocketAddr) -> Result<TlsStream<TcpStream>, Error> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from(self.host.clone())?;
        Ok(TlsConnector::from(Arc::clone(&self.config)).connect(name, socket).await?)
    }

    /// Connects and shows that the handshake was of the kind and the version that was asked for.
    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<Connection, Error> {
        let stream = self.handshake(address).await?;
        let (_, session) = stream.get_ref();
        let version = match self.tls {
            Tls::V1_2 => rustls::ProtocolVersion::TLSv1_2,
            Tls::V1_3 => rustls::ProtocolVersion::TLSv1_3,
        };
        if session.protocol_version() != Some(version) {
            return Err(format!("the server chose {:?}, not {version:?}", session.protocol_version()).into());
        }
        match session.handshake_kind() {
            Some(kind) if kind == self.kind => {}
            Some(HandshakeKind::Full) => return Err("the handshake was a full one".into()),
            kind => return Err(format!("the handshake was {kind:?}").into()),
        }
        let group = session.negotiated_key_exchange_group().map(rustls::crypto::SupportedKxGroup::name);
        // A session of TLS 1.2 is resumed without a key exchange.
        let exchanged = self.kind == HandshakeKind::Full || self.tls == Tls::V1_3;
        if exchanged && group != Some(NamedGroup::X25519) {
            return Err(format!("the server chose {group:?}, not X25519").into());
        }
        if self.http == Http::V2 && session.alpn_protocol() != Some(b"h2") {
            return Err("the server did not choose h2".into());
        }
        let suite = session.negotiated_cipher_suite().map(|suite| suite.suite());
        let io = TokioIo::new(stream);
        let (sender, driver) = match self.http {
            Http::V1 => {
                let (sender, connection) = http1::handshake(io).await?;
                (Sender::V1(sender), tokio::spawn(async move { drop(connection.await) }))
            }
            Http::V2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                (Sender::V2(sender), tokio::spawn(async move { drop(connection.await) }))
            }
        };
        Ok(Connection { sender, driver, suite })
    }

    /// Connection, handshake, POST, answer, goodbye; says which suite the server chose.
    pub(crate) async fn visit(&self, address: SocketAddr) -> Result<Option<CipherSuite>, Error> {
        let mut connection = self.connect(address).await?;
        self.post(connection.sender()).await?;
        let suite = connection.suite;
        connection.close().await;
        Ok(suite)
    }

    /// One POST, its answer read to the end.
    pub(crate) async fn post(&self, sender: &mut Sender) -> Result<(), Error> {
        let request = Request::post(match self.http {
            Http::V1 => self.path.clone(),
            Http::V2 => format!("https://{}{}", self.host, self.path),
        })
        .header(CONTENT_TYPE, "application/json")
        // The customer of the configuration that scripts/bench.sh writes; others do not look at it.
        .header("x-issuer-id", "BENCH");
        let response = match sender {
            Sender::V1(sender) => {
                let request = request.header(HOST, &self.host).body(Full::new(self.body.clone()))?;
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::V2(sender) => {
                let request = request.version(Version::HTTP_2).body(Full::new(self.body.clone()))?;
                sender.send_request(request).await?
            }
        };
        let status = response.status();
        response.into_body().collect().await?;
        let is_right = match self.answer {
            Some(answer) => status == answer,
            None => status == StatusCode::OK || status == StatusCode::NO_CONTENT,
        };
        if is_right { Ok(()) } else { Err(format!("the server answered {status}").into()) }
    }

    /// Whether the server takes this caller. A TLS 1.3 client believes itself connected before it is refused, so that only
    /// a read tells.
    pub(crate) async fn is_taken(&self, address: SocketAddr) -> bool {
        let Ok(mut stream) = self.handshake(address).await else { return false };
        let request = format!("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", self.path, self.host);
        if stream.write_all(request.as_bytes()).await.is_err() {
            return false;
        }
        let mut answer = [0; 64];
        // nginx completes the handshake and answers 400 on HTTP; the others break it off with an alert.
        match stream.read(&mut answer).await {
            Ok(read) => answer.get(..read).is_some_and(|answer| answer.starts_with(b"HTTP/1.1 2")),
            Err(_) => false,
        }
    }
}

impl Connection {
    pub(crate) fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// Splits off what `tasks` tasks need to post over this connection at the same time. HTTP/1.1 has room for one.
    pub(crate) fn share(self, tasks: usize) -> Vec<Sender> {
        match self.sender {
            Sender::V1(sender) => vec![Sender::V1(sender)],
            Sender::V2(sender) => std::iter::repeat_n(sender, tasks).map(Sender::V2).collect(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !match &self.sender {
            Sender::V1(sender) => sender.is_closed(),
            Sender::V2(sender) => sender.is_closed(),
        }
    }

    /// Says goodbye as a caller does: `close_notify`, then FIN.
    pub(crate) async fn close(self) {
        drop(self.sender);
        drop(self.driver.await);
    }
}
