//! A server that is not ours, sound until a test says otherwise.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::support::{Authority, HOST, Identity, Pki};

/// Whom it admits.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Clients {
    /// Those of the client CA.
    OfTheAuthority,
    /// Those, and whoever has no certificate.
    OfTheAuthorityOrNone,
    /// Whoever has a certificate.
    Any,
    /// Everybody, and HTTP answers 400 to all but the honest client, as nginx does.
    SortedOutInHttp,
    /// Everybody, without asking.
    Unasked,
    /// Everybody, without asking, and every request is cut off.
    UnaskedAndCutOff,
    /// As [`Self::OfTheAuthorityOrNone`], and every request of those without a certificate is cut off.
    CutOffWithoutOne,
    /// The same, for `GET /` alone.
    CutOffWithoutOneAtTheRoot,
}

/// What a test wants to be different.
pub(super) struct Knobs {
    pub(super) clients: Clients,
    pub(super) protocols: &'static [&'static [u8]],
    /// Whether names that are not its own are refused.
    pub(super) strict_names: bool,
    pub(super) early_data: bool,
    pub(super) versions: &'static [&'static rustls::SupportedProtocolVersion],
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            clients: Clients::OfTheAuthority,
            protocols: &[b"h2", b"http/1.1"],
            strict_names: true,
            early_data: false,
            versions: rustls::ALL_VERSIONS,
        }
    }
}

/// Runs until it is dropped.
pub(super) struct OtherServer {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl OtherServer {
    pub(super) async fn start(pki: &Pki, credential: &Identity, knobs: Knobs) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config(pki, credential, &knobs)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clients = knobs.clients;
        let honest = (clients == Clients::SortedOutInHttp).then(|| pki.honest.leaf().clone());
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, honest) = (acceptor.clone(), honest.clone());
                tokio::spawn(async move {
                    let stream = match acceptor.accept(socket).into_fallible().await {
                        Ok(stream) => stream,
                        Err((_, mut socket)) => {
                            // A close with something unread is a reset, which may overtake the alert.
                            let _ = socket.shutdown().await;
                            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
                            return;
                        }
                    };
                    let tls = stream.get_ref().1;
                    let leaf = tls.peer_certificates().and_then(|chain| chain.first());
                    let welcome = honest.is_none() || leaf == honest.as_ref();
                    let (h2, nobody) = (tls.alpn_protocol() == Some(b"h2"), leaf.is_none());
                    let cut = Arc::new(Notify::new());
                    let service = {
                        let cut = Arc::clone(&cut);
                        service_fn(move |request: Request<Incoming>| {
                            let cut = Arc::clone(&cut);
                            async move {
                                if match clients {
                                    Clients::UnaskedAndCutOff => true,
                                    Clients::CutOffWithoutOne => nobody,
                                    Clients::CutOffWithoutOneAtTheRoot => nobody && request.uri().path() == "/",
                                    _ => false,
                                } {
                                    cut.notify_one();
                                    std::future::pending::<()>().await;
                                }
                                let status = if welcome { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
                                let mut response = Response::new(Full::new(Bytes::new()));
                                *response.status_mut() = status;
                                Ok::<_, Infallible>(response)
                            }
                        })
                    };
                    // Callers that go away are nothing to this server.
                    let io = TokioIo::new(stream);
                    let serving = async {
                        if h2 {
                            let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
                        } else {
                            let _ = http1::Builder::new().serve_connection(io, service).await;
                        }
                    };
                    tokio::select! {
                        () = serving => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for OtherServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn config(pki: &Pki, credential: &Identity, knobs: &Knobs) -> ServerConfig {
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&credential.key).unwrap();
    let served = Served {
        key: Arc::new(CertifiedKey::new(credential.chain.clone(), key)),
        name: knobs.strict_names.then_some(HOST),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(knobs.versions)
        .unwrap()
        .with_client_cert_verifier(verifier(&pki.clients, knobs.clients))
        .with_cert_resolver(Arc::new(served));
    config.alpn_protocols = knobs.protocols.iter().map(|name| name.to_vec()).collect();
    if knobs.early_data {
        config.max_early_data_size = 1024;
    }
    config
}

fn verifier(authority: &Authority, clients: Clients) -> Arc<dyn ClientCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    match clients {
        Clients::OfTheAuthority => builder.build().unwrap(),
        Clients::OfTheAuthorityOrNone | Clients::CutOffWithoutOne | Clients::CutOffWithoutOneAtTheRoot => {
            builder.allow_unauthenticated().build().unwrap()
        }
        Clients::Any => Arc::new(AnyClient { mandatory: true }),
        Clients::SortedOutInHttp => Arc::new(AnyClient { mandatory: false }),
        Clients::Unasked | Clients::UnaskedAndCutOff => WebPkiClientVerifier::no_client_auth(),
    }
}

#[derive(Debug)]
struct Served {
    key: Arc<CertifiedKey>,
    name: Option<&'static str>,
}

impl ResolvesServerCert for Served {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let known = self.name.is_none() || self.name == hello.server_name();
        known.then(|| Arc::clone(&self.key))
    }
}

#[derive(Debug)]
struct AnyClient {
    mandatory: bool,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
