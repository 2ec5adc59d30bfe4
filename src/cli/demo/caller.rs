//! A caller that behaves as Thales does: a client certificate, one POST, one answer.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::{AlertDescription, ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cli::Error;
use crate::pki::pem;

/// What the caller shows: chain and key, both PEM; `None` = it shows nothing.
pub(super) type ClientCredential<'a> = Option<(&'a [u8], &'a [u8])>;

/// How a call ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer came: its status, and what it says.
    Answered(u16, Bytes),
    /// The server ended the connection with this alert.
    Refused(AlertDescription),
    /// The connection ended otherwise.
    Broken(String),
}

/// A caller of one server.
pub(super) struct Caller {
    address: SocketAddr,
    roots: Arc<RootCertStore>,
}

impl Caller {
    pub(super) fn new(address: SocketAddr, server_ca: &[u8]) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in pem::certificates(server_ca)? {
            roots.add(certificate)?;
        }
        Ok(Self { address, roots: Arc::new(roots) })
    }

    /// One call over a new connection. An error is a failure of the demo's own parts, not of what it shows.
    pub(super) async fn call(
        &self,
        version: &'static SupportedProtocolVersion,
        credential: ClientCredential<'_>,
        request: Request<Full<Bytes>>,
    ) -> Result<Outcome, Error> {
        let builder = ClientConfig::builder_with_provider(crate::tls::provider())
            .with_protocol_versions(&[version])?
            .with_root_certificates(Arc::clone(&self.roots));
        let config = match credential {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain: Vec<CertificateDer<'static>> = pem::certificates(chain)?;
                builder.with_client_auth_cert(chain, pem::private_key(key)?)?
            }
        };
        let socket = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost")?;
        let stream = match TlsConnector::from(Arc::new(config)).connect(name, socket).await {
            Ok(stream) => stream,
            Err(error) => return Ok(ended(&error)),
        };
        // A TLS 1.3 client is connected before the server has judged its certificate: only a read tells.
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(request).await;
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let body = answer.into_body().collect().await?.to_bytes();
                Ok(Outcome::Answered(status, body))
            }
            Err(error) => {
                drop(sender);
                // The driver saw the alert, the sender only that the connection went away.
                let error: Error = driver.await?.err().unwrap_or(error).into();
                Ok(ended(error.as_ref()))
            }
        }
    }
}

/// A call as Thales makes it, with one header of its product; the ids in its body are made up.
pub(super) fn request(
    path: &str,
    correlation_id: &str,
    header: (&str, &str),
) -> Result<Request<Full<Bytes>>, http::Error> {
    Request::post(path)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-correlation-id", correlation_id)
        .header(header.0, header.1)
        .body(Full::from(r#"{"issuerCardRefId":"sample-card","tokenId":"sample-token"}"#))
}

/// The alert in an error's chain of causes, else the error's own words.
fn ended(error: &(dyn std::error::Error + 'static)) -> Outcome {
    let mut cause = Some(error);
    while let Some(current) = cause {
        let tls = current.downcast_ref::<rustls::Error>().or_else(|| {
            current
                .downcast_ref::<std::io::Error>()
                .and_then(|io| io.get_ref())
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        });
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return Outcome::Refused(*alert);
        }
        cause = current.source();
    }
    Outcome::Broken(error.to_string())
}
