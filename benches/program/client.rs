//! Callers: sockets, handshakes and calls, honest or not.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName};
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Error;
use super::pki::Identity;

/// What is not answered by then has failed.
const PATIENCE: Duration = Duration::from_secs(15);
/// Sessions that one who comes again keeps.
const SESSIONS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

/// Who calls, and how. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    host: &'static str,
    config: Arc<ClientConfig>,
    source: Option<IpAddr>,
    receive_buffer: Option<usize>,
}

/// An open connection that speaks HTTP; closed when dropped.
pub(crate) enum Connection {
    One(http1::SendRequest<Full<Bytes>>, &'static str),
    Two(http2::SendRequest<Full<Bytes>>, &'static str),
}

/// A call: a POST of JSON.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Client {
    /// A caller of `host` that shows `identity`, if any, whatever the server hints at, and makes a full handshake each time.
    pub(crate) fn new(
        address: SocketAddr,
        host: &'static str,
        server_root: &CertificateDer<'static>,
        identity: Option<&Identity>,
        http: Http,
    ) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(server_root.clone())?;
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match identity {
            Some(Identity { chain, key }) => {
                let key = aws_lc_rs::sign::any_supported_type(key)?;
                builder.with_client_cert_resolver(Arc::new(Shows(Arc::new(CertifiedKey::new(chain.clone(), key)))))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = match http {
            Http::One => vec![b"http/1.1".to_vec()],
            Http::Two => vec![b"h2".to_vec()],
        };
        config.resumption = Resumption::disabled();
        Ok(Self { address, host, config: Arc::new(config), source: None, receive_buffer: None })
    }

    /// The same, with sessions of its own that it comes back with.
    pub(crate) fn returning(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// The same from another address of this machine.
    pub(crate) fn from(&self, source: IpAddr) -> Self {
        Self { source: Some(source), ..self.clone() }
    }

    /// The same with a receive buffer of so many bytes.
    pub(crate) fn receiving(&self, bytes: usize) -> Self {
        Self { receive_buffer: Some(bytes), ..self.clone() }
    }

    pub(crate) async fn socket(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        if let Some(bytes) = self.receive_buffer {
            SockRef::from(&socket).set_recv_buffer_size(bytes)?;
        }
        let stream = timeout(PATIENCE, socket.connect(self.address)).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    pub(crate) async fn tls(&self) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(self.host).map_err(io::Error::other)?;
        let handshake = TlsConnector::from(Arc::clone(&self.config)).connect(name, self.socket().await?);
        timeout(PATIENCE, handshake).await?
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Error> {
        let stream = self.tls().await?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = TokioIo::new(stream);
        if is_h2 {
            let (sender, driver) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(async move { drop(driver.await) });
            return Ok(Connection::Two(sender, self.host));
        }
        let (sender, driver) = http1::handshake(io).await?;
        tokio::spawn(async move { drop(driver.await) });
        Ok(Connection::One(sender, self.host))
    }

    /// One call over a connection of its own.
    pub(crate) async fn visit(&self, call: &Call) -> Result<StatusCode, Error> {
        self.connect().await?.call(call).await
    }
}

impl Connection {
    /// The answer's status, once the answer was read to its end.
    pub(crate) async fn call(&mut self, call: &Call) -> Result<StatusCode, Error> {
        let calling = async {
            let response = match self {
                Self::One(sender, host) => {
                    let request = call.request(call.path.clone()).header("host", *host);
                    sender.ready().await?;
                    sender.send_request(request.body(Full::new(call.body.clone()))?).await?
                }
                Self::Two(sender, host) => {
                    let request = call.request(format!("https://{host}{}", call.path));
                    sender.ready().await?;
                    sender.send_request(request.body(Full::new(call.body.clone()))?).await?
                }
            };
            let status = response.status();
            response.into_body().collect().await?;
            Result::<_, Error>::Ok(status)
        };
        timeout(PATIENCE, calling).await.map_err(|_| "no answer")?
    }

    /// Whether it was closed from the other side.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::One(sender, _) => sender.is_closed(),
            Self::Two(sender, _) => sender.is_closed(),
        }
    }
}

impl Call {
    /// A question of TSH to the issuer `ISSUER0001`.
    pub(crate) fn query() -> Self {
        Self {
            path: "/issuer/igwapi/v2.0/checkCardEligibility".to_owned(),
            headers: vec![("x-issuer-id", "ISSUER0001".to_owned())],
            body: Bytes::from_static(b"{\"cardId\":\"card\"}"),
        }
    }

    /// A notification of D1 for `issuer`, of which `operation` is the key: no other is a repeat of it.
    pub(crate) fn notification(issuer: &str, card: &str, operation: &str) -> Self {
        Self {
            path: format!("/notifications/d1/v1/issuers/{issuer}/cards/{card}/notifications"),
            headers: Vec::new(),
            body: Bytes::from(format!("{{\"operationId\":\"{operation}\",\"operation\":\"SUSPEND\"}}")),
        }
    }

    fn request(&self, target: String) -> http::request::Builder {
        let request = Request::post(target).header("content-type", "application/json");
        self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }
}

/// Shows one chain to whoever asks for a certificate.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
