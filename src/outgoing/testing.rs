//! What tests connect to: a server of a router, and certificates for both sides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::ClientCredentialPem;

/// A backend that serves a router, and counts its connections.
pub(crate) struct TestBackend {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl TestBackend {
    pub(crate) async fn start(router: Router, http2: bool, tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let (router, tls) = (router.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket, router, http2).await,
                        Some(tls) => {
                            let Ok(socket) = tls.accept(socket).await else { return };
                            let http2 = socket.get_ref().1.alpn_protocol() == Some(b"h2");
                            serve(socket, router, http2).await;
                        }
                    }
                });
            }
        });
        Self { address, connections }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(socket: S, router: Router, http2: bool) {
    let (socket, service) = (TokioIo::new(socket), TowerToHyperService::new(router));
    if http2 {
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(socket, service).await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(socket, service).await;
    }
}

/// A CA with what it signed for a backend on 127.0.0.1 and for a client of it.
pub(crate) struct Pki {
    pub(crate) ca: rcgen::Certificate,
    pub(crate) server: (rcgen::Certificate, KeyPair),
    pub(crate) client: (rcgen::Certificate, KeyPair),
}

impl Pki {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        Self { server: signed("127.0.0.1"), client: signed("client.example"), ca }
    }

    pub(crate) fn server_config(&self, client_required: bool, alpn: &[&str]) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if client_required {
            let mut roots = RootCertStore::empty();
            roots.add(self.ca.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(self.server.1.serialize_der().into());
        let mut config = builder.with_single_cert(vec![self.server.0.der().clone()], key).unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }

    pub(crate) fn credential(&self) -> ClientCredentialPem {
        let key = Zeroizing::new(self.client.1.serialize_pem().into_bytes());
        ClientCredentialPem { chain: self.client.0.pem().into_bytes(), key, file: None }
    }
}
