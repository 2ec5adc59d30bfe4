//! The callers: connections that stay open, each with one notification after the other, none of them twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Error;
use crate::pki::{HOST, Identity};

/// Connections at once.
pub(crate) const CONNECTIONS: usize = 64;
/// Bytes of a notification, about.
const BODY_BYTES: usize = 1024;

/// Whom the callers trust, and who they are.
#[derive(Clone)]
pub(crate) struct Callers {
    connector: TlsConnector,
    number: Arc<AtomicU64>,
}

/// What came of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Acknowledged notifications per second.
    pub(crate) rate: f64,
    /// Seconds from the request to its acknowledgement.
    pub(crate) mean: f64,
    pub(crate) p99: f64,
    /// Notifications that have to come again.
    pub(crate) refused: u64,
}

impl Callers {
    pub(crate) fn new(server_root: &str, identity: &Identity) -> Result<Self, Error> {
        use rustls_pki_types::pem::PemObject as _;
        let mut roots = RootCertStore::empty();
        roots.add(rustls_pki_types::CertificateDer::from_pem_slice(server_root.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), number: Arc::default() })
    }

    /// Calls for `time`.
    pub(crate) async fn run(&self, address: SocketAddr, time: Duration) -> Result<Run, Error> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(self.connect(address).await?);
        }
        let begun = Instant::now();
        let tasks: Vec<_> = connections
            .into_iter()
            .map(|connection| tokio::spawn(self.clone().converse(connection, begun + time)))
            .collect();
        let (mut latencies, mut refused) = (Vec::new(), 0);
        for task in tasks {
            let (took, again) = task.await??;
            latencies.extend(took);
            refused += again;
        }
        let elapsed = begun.elapsed().as_secs_f64();
        latencies.sort_by(f64::total_cmp);
        let count = latencies.len();
        #[allow(clippy::cast_precision_loss, reason = "counts of seconds")]
        let (rate, mean) = (count as f64 / elapsed, latencies.iter().sum::<f64>() / count as f64);
        let p99 = latencies.get(count * 99 / 100).copied().unwrap_or(f64::NAN);
        Ok(Run { rate, mean, p99, refused })
    }

    async fn connect(&self, address: SocketAddr) -> Result<http1::SendRequest<Full<Bytes>>, Error> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let stream = self.connector.connect(ServerName::try_from(HOST)?, socket).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn converse(
        self,
        mut connection: http1::SendRequest<Full<Bytes>>,
        until: Instant,
    ) -> Result<(Vec<f64>, u64), Error> {
        let (mut latencies, mut refused) = (Vec::new(), 0);
        while Instant::now() < until {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let path = format!("/notifications/d1/v1/issuers/BENCH/cards/card-{number}/notifications");
            let mut body = format!("{{\"operationId\":\"{}-{number}\",\"padding\":\"", std::process::id());
            body.push_str(&"x".repeat(BODY_BYTES.saturating_sub(body.len() + 2)));
            body.push_str("\"}");
            let request = Request::post(path)
                .header("host", HOST)
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from(body)))?;
            let begun = Instant::now();
            connection.ready().await?;
            let answer = connection.send_request(request).await?;
            let status = answer.status();
            answer.into_body().collect().await?;
            match status.as_u16() {
                204 => latencies.push(begun.elapsed().as_secs_f64()),
                503 => refused += 1,
                other => return Err(format!("the server answered {other}").into()),
            }
        }
        Ok((latencies, refused))
    }
}
