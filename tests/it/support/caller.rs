//! A caller with a rustls client whose every knob a test can turn.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{SupportedKxGroup, aws_lc_rs};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{
    AlertDescription, ClientConfig, RootCertStore, SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion,
    version,
};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Identity, Reply, Session, request, within};

/// Who calls, and how. Cheap to clone and to vary.
#[derive(Clone)]
pub(crate) struct Caller {
    address: SocketAddr,
    source: Option<SocketAddr>,
    name: ServerName<'static>,
    sends_name: bool,
    trust: CertificateDer<'static>,
    credential: Option<Arc<CertifiedKey>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    suites: Vec<SupportedCipherSuite>,
    groups: Vec<&'static dyn SupportedKxGroup>,
    alpn: Vec<Vec<u8>>,
    preface: Vec<u8>,
}

/// How a server said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By a TLS alert.
    Alert(AlertDescription),
    /// By closing or resetting the connection.
    Closed,
    /// Nobody listens.
    NotListening,
}

impl Caller {
    /// A caller without a client certificate that trusts the server root `trust`.
    pub(crate) fn new(address: SocketAddr, name: &str, trust: CertificateDer<'static>) -> Self {
        let provider = aws_lc_rs::default_provider();
        Self {
            address,
            source: None,
            name: ServerName::try_from(name.to_owned()).unwrap(),
            sends_name: true,
            trust,
            credential: None,
            versions: vec![&version::TLS13, &version::TLS12],
            suites: provider.cipher_suites,
            groups: provider.kx_groups,
            alpn: Vec::new(),
            preface: Vec::new(),
        }
    }

    /// Presents the chain, whether or not it makes sense and whatever the server hints at.
    pub(crate) fn presenting(mut self, identity: &Identity) -> Self {
        let key = aws_lc_rs::sign::any_supported_type(&identity.key).unwrap();
        self.credential = Some(Arc::new(CertifiedKey::new(identity.chain.clone(), key)));
        self
    }

    pub(crate) fn signing_with(mut self, identity: &Identity, key: Arc<dyn SigningKey>) -> Self {
        self.credential = Some(Arc::new(CertifiedKey::new(identity.chain.clone(), key)));
        self
    }

    pub(crate) fn tls12(mut self) -> Self {
        self.versions = vec![&version::TLS12];
        self
    }

    pub(crate) fn tls13(mut self) -> Self {
        self.versions = vec![&version::TLS13];
        self
    }

    pub(crate) fn suite(mut self, suite: SupportedCipherSuite) -> Self {
        self.suites = vec![suite];
        self
    }

    pub(crate) fn group(mut self, group: &'static dyn SupportedKxGroup) -> Self {
        self.groups = vec![group];
        self
    }

    pub(crate) fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    pub(crate) fn h2(self) -> Self {
        self.alpn(&["h2"])
    }

    pub(crate) fn name(mut self, name: &str) -> Self {
        self.name = ServerName::try_from(name.to_owned()).unwrap();
        self
    }

    /// Keeps the name to itself (no SNI), and still checks the certificate against it.
    pub(crate) fn without_name(mut self) -> Self {
        self.sends_name = false;
        self
    }

    pub(crate) fn to(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Calls from this local address.
    pub(crate) fn from(mut self, source: SocketAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Sends these bytes before the handshake: a PROXY header.
    pub(crate) fn preface(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.preface = bytes.into();
        self
    }

    /// The client's configuration, for a caller that wants to use one twice.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.clone_from(&self.suites);
        provider.kx_groups.clone_from(&self.groups);
        let mut roots = RootCertStore::empty();
        roots.add(self.trust.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.credential {
            Some(credential) => builder.with_client_cert_resolver(Arc::new(Presents(Arc::clone(credential)))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.alpn);
        config.enable_sni = self.sends_name;
        config.resumption = Resumption::disabled();
        config
    }

    /// The TCP connection alone.
    pub(crate) async fn socket(&self) -> Result<TcpStream, Refusal> {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
        if let Some(source) = self.source {
            socket.bind(source).unwrap();
        }
        let mut stream = socket.connect(self.address).await.map_err(|_| Refusal::NotListening)?;
        stream.set_nodelay(true).unwrap();
        stream.write_all(&self.preface).await.map_err(Refusal::of)?;
        Ok(stream)
    }

    /// The handshake. On TLS 1.3 success says only that the *client* is content.
    pub(crate) async fn connect(&self) -> Result<TlsStream<TcpStream>, Refusal> {
        self.connect_with(Arc::new(self.config())).await
    }

    pub(crate) async fn connect_with(&self, config: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, Refusal> {
        self.handshake_over(self.socket().await?, config).await
    }

    /// A connection that speaks HTTP, over a TCP connection that was there before.
    pub(crate) async fn session_over(&self, stream: TcpStream) -> Result<Session, Refusal> {
        Session::over(self.handshake_over(stream, Arc::new(self.config())).await?).await
    }

    async fn handshake_over(
        &self,
        stream: TcpStream,
        config: Arc<ClientConfig>,
    ) -> Result<TlsStream<TcpStream>, Refusal> {
        let handshake = TlsConnector::from(config).connect(self.name.clone(), stream);
        within("the handshake to end", handshake).await.map_err(Refusal::of)
    }

    /// A connection that speaks HTTP as ALPN chose.
    pub(crate) async fn session(&self) -> Result<Session, Refusal> {
        Session::over(self.connect().await?).await
    }

    /// One call over a connection of its own.
    pub(crate) async fn call(&self, path: &str) -> Result<Reply, Refusal> {
        let mut session = self.session().await?;
        session.send(request("POST", path).body("honest".into()).unwrap()).await
    }

    /// Asserts that the caller is let in: its call is answered with 200 by the backend.
    pub(crate) async fn expect_accepted(&self, who: &str) -> Reply {
        let reply = self.call("/accepted").await.unwrap_or_else(|refusal| panic!("{who} was refused: {refusal:?}"));
        assert_eq!((reply.status, reply.text().as_str()), (200, "received"), "{who} was not passed on to the backend");
        reply
    }

    /// Asserts that the caller is kept out, by a read: a TLS 1.3 client is connected before the server has judged it.
    pub(crate) async fn expect_refused(&self, who: &str) -> Refusal {
        let mut stream = match self.connect().await {
            Err(refusal) => return refusal,
            Ok(stream) => stream,
        };
        let mut byte = [0];
        match tokio::time::timeout(Duration::from_secs(8), stream.read(&mut byte)).await {
            Ok(Ok(0)) => Refusal::Closed,
            Ok(Ok(_)) => panic!("{who} was let in: the server speaks to it"),
            Ok(Err(error)) => Refusal::of(error),
            Err(_) => panic!("{who} was let in: the server waits for its request"),
        }
    }
}

impl Refusal {
    /// What the server's no looks like from here; fails when it was the client that gave up.
    pub(crate) fn of(error: io::Error) -> Self {
        let kind = error.kind();
        match error.into_inner().map(<dyn std::error::Error + Send + Sync>::downcast::<rustls::Error>) {
            Some(Ok(tls)) => match *tls {
                rustls::Error::AlertReceived(alert) => Self::Alert(alert),
                own => panic!("the client itself gave up: {own}"),
            },
            _ if kind == io::ErrorKind::InvalidData => panic!("the client itself gave up"),
            _ => Self::Closed,
        }
    }
}

/// Presents one credential to whoever asks for a certificate.
struct Presents(Arc<CertifiedKey>);

impl ResolvesClientCert for Presents {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Presents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Presents({} certificates)", self.0.cert.len())
    }
}
