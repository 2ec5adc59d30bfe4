//! What a Rust developer writes in an afternoon: axum behind tokio-rustls, and client certificates demanded.
//!
//! It has what the manuals of its crates lead to: rustls' defaults for suites, groups and the number of tickets, its own
//! ticketer so that sessions resume, ALPN, `TCP_NODELAY`. It has no deadlines, limits, reloads or log, and tells a backend
//! nothing of the caller: all that issuer-host does besides is a handicap in the comparison.
//!
//! ```sh
//! naive PKI_DIRECTORY LISTEN_ADDRESS              # answers by itself
//! naive PKI_DIRECTORY LISTEN_ADDRESS BACKEND_URL  # passes requests on: http://HOST:PORT
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::uri::{Authority, Scheme};
use axum::http::{StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(directory), Some(listen)) = (arguments.next(), arguments.next()) else {
        return Err("usage: naive PKI_DIRECTORY LISTEN_ADDRESS [BACKEND_URL]".into());
    };
    let router = match arguments.next() {
        None => Router::new().route("/issuer/igwapi/v2.0/notifyVirtualCardChange", post(answer)),
        Some(backend) => Router::new().fallback(forward).with_state(Backend::new(&backend)?),
    };
    let acceptor = TlsAcceptor::from(Arc::new(configuration(Path::new(&directory))?));
    let listener = TcpListener::bind(&listen).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            let _ = socket.set_nodelay(true);
            // A caller that fails is of no interest to the others.
            if let Ok(stream) = acceptor.accept(socket).await {
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

/// TLS as rustls has it by default, with client certificates and tickets.
fn configuration(directory: &Path) -> Result<ServerConfig, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(directory.join("thales-client-ca.pem"))? {
        roots.add(root?)?;
    }
    let chain = CertificateDer::pem_file_iter(directory.join("server-chain.pem"))?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(directory.join("server-key.pem"))?;
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build()?;
    let mut config = ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(chain, key)?;
    config.ticketer = Ticketer::new()?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn answer(_notification: Bytes) -> StatusCode {
    StatusCode::OK
}

#[derive(Clone)]
struct Backend {
    client: Client<HttpConnector, Body>,
    authority: Authority,
}

impl Backend {
    fn new(url: &str) -> Result<Self, Box<dyn Error>> {
        let authority = url.parse::<Uri>()?.into_parts().authority.ok_or("the backend's URL has no host")?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), authority })
    }
}

async fn forward(State(backend): State<Backend>, mut request: Request) -> Response {
    let mut uri = request.uri().clone().into_parts();
    (uri.scheme, uri.authority) = (Some(Scheme::HTTP), Some(backend.authority));
    let Ok(uri) = Uri::from_parts(uri) else { return StatusCode::BAD_REQUEST.into_response() };
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    match backend.client.request(request).await {
        Ok(response) => response.into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
