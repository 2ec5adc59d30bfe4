//! A plain rustls server: the control that shows that a test's client could do what the real server refuses.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::{Caller, HOST, Pki};

/// Answers every request with 200 and resumes sessions as rustls does by default.
pub(crate) struct ControlServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl ControlServer {
    /// Asks for no client certificate.
    pub(crate) async fn open(pki: &Pki) -> Self {
        let config = builder().with_no_client_auth();
        Self::start(config.with_single_cert(pki.server.chain.clone(), pki.server.key.clone_key()).unwrap()).await
    }

    /// Demands a certificate under the client CA, and judges it as rustls does by default.
    pub(crate) async fn demanding(pki: &Pki) -> Self {
        let mut anchors = RootCertStore::empty();
        anchors.add(pki.clients.certificate().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(anchors), provider).build().unwrap();
        let config = builder().with_client_cert_verifier(verifier);
        Self::start(config.with_single_cert(pki.server.chain.clone(), pki.server.key.clone_key()).unwrap()).await
    }

    async fn start(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config))));
        Self { address, task }
    }

    pub(crate) fn caller(&self, pki: &Pki) -> Caller {
        Caller::new(self.address, HOST, pki.servers.certificate().clone())
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut stream = acceptor.accept(stream).await?;
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).await? > 0 {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nreceived").await?;
            }
            std::io::Result::Ok(())
        });
    }
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}
