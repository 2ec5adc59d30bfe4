//! Forwarding over real sockets, to backends of HTTP/1.1 and HTTP/2, with and without TLS.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request as AxumRequest;
use axum::routing::any;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, RETRY_AFTER};
use http::{HeaderMap, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::*;
use crate::handler::Handler;
use crate::http::Stack;

pub(super) fn options(url: &str) -> ForwardOptions {
    ForwardOptions {
        url: url.to_owned(),
        ca_pem: None,
        client_credential: None,
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_secs(20),
        max_idle: 8,
        idle_timeout: Duration::from_secs(60),
        protocol: Protocol::Auto,
    }
}

/// A backend that serves a router, and counts its connections.
struct TestBackend {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl TestBackend {
    async fn start(router: Router, http2: bool, tls: Option<ServerConfig>) -> Self {
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

    async fn http1(router: Router) -> (Self, Forward) {
        let backend = Self::start(router, false, None).await;
        let forward = Forward::new(&options(&format!("http://{}", backend.address))).unwrap();
        (backend, forward)
    }

    fn connections(&self) -> usize {
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

/// Says what came in: version, method, target, host, and the body.
fn echo() -> Router {
    Router::new().fallback(|request: AxumRequest| async move {
        let (parts, body) = request.into_parts();
        let authority = parts.uri.authority().map(ToString::to_string);
        let host = parts.headers.get(HOST).map(|host| host.to_str().unwrap().to_owned());
        let target = parts.uri.path_and_query().map(ToString::to_string).unwrap();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let host = authority.or(host).unwrap();
        format!("{:?} {} {target} {host} {}", parts.version, parts.method, String::from_utf8_lossy(&body))
    })
}

async fn answer(forward: &Forward, request: Request<Body>) -> Response<Body> {
    let Ok(response) = forward.clone().call(request).await;
    response
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

fn get(target: &str) -> Request<Body> {
    Request::get(target).header(HOST, "issuer.bank.example").body(Body::empty()).unwrap()
}

fn post(target: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(target).header(HOST, "issuer.bank.example").body(body.into()).unwrap()
}

/// A body whose chunks are sent through a channel.
fn channel() -> (mpsc::UnboundedSender<&'static str>, Body) {
    let (sender, receiver) = mpsc::unbounded_channel::<&'static str>();
    let chunks = stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(chunk.as_bytes()))), receiver))
    });
    (sender, Body::new(StreamBody::new(chunks)))
}

#[tokio::test]
async fn a_call_reaches_an_http1_backend_as_it_was_made() {
    let (backend, forward) = TestBackend::http1(echo()).await;
    let said = text(answer(&forward, post("/tsh/v1?a=%2F", "body")).await).await;
    assert_eq!(said, format!("HTTP/1.1 POST /tsh/v1?a=%2F {} body", backend.address));
}

#[tokio::test]
async fn a_backend_of_http2_without_tls_is_spoken_to_with_prior_knowledge() {
    let backend = TestBackend::start(echo(), true, None).await;
    let options = options(&format!("http://{}", backend.address));
    let forward = Forward::new(&ForwardOptions { protocol: Protocol::Http2, ..options }).unwrap();
    let mut request = post("/a", "body");
    *request.version_mut() = Version::HTTP_2;
    let said = text(answer(&forward, request).await).await;
    assert_eq!(said, format!("HTTP/2.0 POST /a {} body", backend.address));
}

#[tokio::test]
async fn a_request_that_came_over_http2_can_go_on_over_http1() {
    let (_backend, forward) = TestBackend::http1(echo()).await;
    let mut request = post("/a", "body");
    *request.version_mut() = Version::HTTP_2;
    assert!(text(answer(&forward, request).await).await.starts_with("HTTP/1.1 POST /a "));
}

/// A CA with what it signed for a backend on 127.0.0.1 and for a client of it.
struct Pki {
    ca: rcgen::Certificate,
    server: (rcgen::Certificate, KeyPair),
    client: (rcgen::Certificate, KeyPair),
}

impl Pki {
    fn new() -> Self {
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

    fn server_config(&self, client_required: bool, alpn: &[&str]) -> ServerConfig {
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

    fn credential(&self) -> ClientCredentialPem {
        let key = Zeroizing::new(self.client.1.serialize_pem().into_bytes());
        ClientCredentialPem { chain: self.client.0.pem().into_bytes(), key }
    }

    fn trusting(&self, address: SocketAddr) -> ForwardOptions {
        let ca_pem = Some(self.ca.pem().into_bytes());
        ForwardOptions { ca_pem, ..options(&format!("https://{address}")) }
    }
}

#[tokio::test]
async fn alpn_chooses_the_version_that_a_backend_of_https_speaks() {
    let pki = Pki::new();
    for (alpn, version) in
        [(&["h2", "http/1.1"][..], "HTTP/2.0"), (&["http/1.1"][..], "HTTP/1.1"), (&[][..], "HTTP/1.1")]
    {
        let backend = TestBackend::start(echo(), false, Some(pki.server_config(false, alpn))).await;
        let forward = Forward::new(&pki.trusting(backend.address)).unwrap();
        let said = text(answer(&forward, post("/a", "body")).await).await;
        assert_eq!(said, format!("{version} POST /a {} body", backend.address));
    }
}

#[tokio::test]
async fn a_backend_with_a_certificate_of_another_ca_gets_no_request() {
    let (pki, other) = (Pki::new(), Pki::new());
    let backend = TestBackend::start(echo(), false, Some(pki.server_config(false, &[]))).await;
    // Control: its own CA will do.
    let own = Forward::new(&pki.trusting(backend.address)).unwrap();
    assert_eq!(answer(&own, get("/")).await.status(), 200);
    let foreign = Forward::new(&other.trusting(backend.address)).unwrap();
    assert_eq!(answer(&foreign, get("/")).await.status(), 503);
    let public = Forward::new(&options(&format!("https://{}", backend.address))).unwrap();
    assert_eq!(answer(&public, get("/")).await.status(), 503);
}

#[tokio::test]
async fn a_backend_that_requires_a_client_certificate_gets_the_configured_one() {
    let pki = Pki::new();
    let backend = TestBackend::start(echo(), false, Some(pki.server_config(true, &[]))).await;
    let with = ForwardOptions { client_credential: Some(pki.credential()), ..pki.trusting(backend.address) };
    assert_eq!(answer(&Forward::new(&with).unwrap(), get("/")).await.status(), 200);
    // Control: it does require it. In TLS 1.3 the refusal comes after the client has connected.
    let without = Forward::new(&pki.trusting(backend.address)).unwrap();
    assert!(matches!(answer(&without, get("/")).await.status().as_u16(), 502 | 503));
}

#[test]
fn what_cannot_be_used_is_refused_with_words_and_without_the_key() {
    let pki = Pki::new();
    let good =
        ForwardOptions { client_credential: Some(pki.credential()), ..pki.trusting("127.0.0.1:1".parse().unwrap()) };
    assert!(Forward::new(&good).is_ok());
    assert!(!format!("{good:?}").contains("PRIVATE"));
    let with = |change: &dyn Fn(&mut ForwardOptions)| {
        let mut options = good.clone();
        change(&mut options);
        Forward::new(&options).unwrap_err()
    };
    let key = |options: &mut ForwardOptions, pem: Vec<u8>| {
        options.client_credential = Some(ClientCredentialPem { key: Zeroizing::new(pem), ..pki.credential() });
    };
    assert!(matches!(with(&|options| options.ca_pem = Some(b"nothing".to_vec())), ForwardError::NoCa));
    assert!(matches!(
        with(&|options| options.ca_pem = Some(b"-----BEGIN CERTIFICATE-----\n!\n".to_vec())),
        ForwardError::CaPem(_)
    ));
    assert!(matches!(with(&|options| key(options, b"nothing".to_vec())), ForwardError::ClientKeyPem(_)));
    let foreign = Pki::new().credential().key.to_vec();
    assert!(matches!(with(&|options| key(options, foreign.clone())), ForwardError::ClientCredential(_)));
    assert!(matches!(with(&|options| options.url = "http://backend".into()), ForwardError::TlsWithoutHttps));
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (backend, forward) = TestBackend::http1(echo()).await;
    for _ in 0..3 {
        text(answer(&forward, post("/", "body")).await).await;
    }
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn a_backend_that_nobody_listens_for_is_unavailable() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let forward = Forward::new(&options(&format!("http://{address}"))).unwrap();
    let response = answer(&forward, post("/", "body")).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[RETRY_AFTER], "5");
}

/// Reads one request, head and `size` bytes of body, off a raw connection.
async fn read_request(socket: &mut TcpStream, size: usize) {
    let mut seen = Vec::new();
    loop {
        if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n")
            && seen.len() >= end + 4 + size
        {
            return;
        }
        assert_ne!(socket.read_buf(&mut seen).await.unwrap(), 0, "{}", String::from_utf8_lossy(&seen));
    }
}

#[tokio::test]
async fn a_connection_that_the_backend_closed_while_it_was_idle_costs_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forward = Forward::new(&options(&format!("http://{}", listener.local_addr().unwrap()))).unwrap();
    let (closed, mut is_closed) = mpsc::unbounded_channel();
    let backend = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            read_request(&mut socket, 4).await;
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            drop(socket);
            closed.send(()).unwrap();
        }
    });
    for _ in 0..2 {
        assert_eq!(text(answer(&forward, post("/", "body")).await).await, "ok");
        is_closed.recv().await.unwrap();
        // An exchange over another socket, so that the runtime has looked at all of them after the close.
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(other.local_addr().unwrap()), other.accept());
        far.unwrap().0.write_all(b"x").await.unwrap();
        assert_eq!(near.unwrap().read(&mut [0]).await.unwrap(), 1);
    }
    backend.await.unwrap();
}

#[tokio::test]
async fn a_request_that_left_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forward = Forward::new(&options(&format!("http://{}", listener.local_addr().unwrap()))).unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            // The first request of each connection is answered, so that the second comes over a pooled one.
            for answered in [true, false] {
                read_request(&mut socket, 4).await;
                counted.fetch_add(1, Ordering::SeqCst);
                if answered {
                    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                }
            }
        }
    });
    assert_eq!(text(answer(&forward, post("/", "body")).await).await, "ok");
    assert_eq!(answer(&forward, post("/", "body")).await.status(), 502);
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_first_piece_of_a_response_arrives_before_the_second_is_sent() {
    let (bodies, body) = mpsc::unbounded_channel();
    let body = Arc::new(tokio::sync::Mutex::new(body));
    let router = Router::new().fallback(move || async move { Response::new(body.lock().await.recv().await.unwrap()) });
    let (_backend, forward) = TestBackend::http1(router).await;
    let (chunks, body) = channel();
    bodies.send(body).unwrap();
    chunks.send("first").unwrap();
    let mut body = answer(&forward, get("/")).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    chunks.send("second").unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "second");
    drop(chunks);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn the_first_piece_of_a_request_arrives_before_the_second_is_sent() {
    let (seen, mut is_seen) = mpsc::unbounded_channel();
    let router = Router::new().fallback(move |headers: HeaderMap, mut body: Body| async move {
        assert!(!headers.contains_key(CONTENT_LENGTH));
        while let Some(Ok(frame)) = body.frame().await {
            seen.send(frame.into_data().unwrap()).unwrap();
        }
        "done"
    });
    let (_backend, forward) = TestBackend::http1(router).await;
    let (chunks, body) = channel();
    let exchange = tokio::spawn(async move { answer(&forward, post("/", body)).await });
    for chunk in ["first", "second"] {
        chunks.send(chunk).unwrap();
        assert_eq!(is_seen.recv().await.unwrap(), chunk);
    }
    drop(chunks);
    assert_eq!(text(exchange.await.unwrap()).await, "done");
}

#[tokio::test]
async fn when_the_caller_goes_the_backend_is_told() {
    struct Told(mpsc::UnboundedSender<&'static str>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send("gone");
        }
    }
    for http2 in [false, true] {
        let (events, mut event) = mpsc::unbounded_channel();
        let router = Router::new().fallback(move || async move {
            events.send("called").unwrap();
            let _told = Told(events);
            std::future::pending::<()>().await;
        });
        let backend = TestBackend::start(router, http2, None).await;
        let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
        let options = ForwardOptions { protocol, ..options(&format!("http://{}", backend.address)) };
        let forward = Forward::new(&options).unwrap();
        let exchange = tokio::spawn(async move { answer(&forward, get("/")).await });
        assert_eq!(event.recv().await, Some("called"));
        exchange.abort();
        assert_eq!(event.recv().await, Some("gone"));
    }
}

/// `/works` answers, `/waits` never does, `/silent` stops after the first piece of its body.
fn moody() -> Router {
    let silent = || async {
        let first = stream::once(async { Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"first"))) });
        Response::new(Body::new(StreamBody::new(Box::pin(stream::StreamExt::chain(first, stream::pending())))))
    };
    Router::new()
        .route("/works", any(|| async { "works" }))
        .route("/waits", any(std::future::pending::<()>))
        .route("/silent", any(silent))
}

#[tokio::test]
async fn a_backend_that_does_not_answer_in_time_is_504() {
    let (_backend, forward) = TestBackend::http1(moody()).await;
    // Connect in real time; then only the response can be waited for.
    assert_eq!(text(answer(&forward, get("/works")).await).await, "works");
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    assert_eq!(answer(&forward, get("/waits")).await.status(), 504);
    assert_eq!(began.elapsed().as_secs(), 20);
}

#[tokio::test]
async fn a_backend_that_falls_silent_in_its_body_breaks_the_response() {
    let (_backend, forward) = TestBackend::http1(moody()).await;
    let mut body = answer(&forward, get("/silent")).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(began.elapsed().as_secs(), 20);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_backend_that_switches_protocols_unasked_is_broken() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forward = Forward::new(&options(&format!("http://{}", listener.local_addr().unwrap()))).unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket, 0).await;
        socket
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
    assert_eq!(answer(&forward, get("/")).await.status(), 502);
}

/// A server with the whole stack before `forward`; what it says to `requests`, after which it is closed.
async fn through_the_stack(forward: Forward, requests: &str) -> String {
    let (mut caller, server) = tokio::io::duplex(64 << 10);
    let stack = Stack::new(crate::http::testing::options(None), Handler::Forward(forward));
    let service = TowerToHyperService::new(stack.for_connection(crate::http::testing::context()));
    let server = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let server = tokio::spawn(server);
    caller.write_all(requests.as_bytes()).await.unwrap();
    let mut said = String::new();
    caller.read_to_string(&mut said).await.unwrap();
    server.await.unwrap().unwrap();
    said
}

#[tokio::test]
async fn responses_without_a_body_stay_without_one_and_keep_their_length() {
    let router = Router::new()
        .route("/none", any(|| async { StatusCode::NO_CONTENT }))
        .route("/same", any(|| async { (StatusCode::NOT_MODIFIED, [("etag", "\"x\"")]) }))
        .fallback(|| async { ([("keep-alive", "timeout=5"), ("x-kept", "yes")], "five!") });
    let (_backend, forward) = TestBackend::http1(router).await;
    let ask = |method: &str, path: &str, more: &str| format!("{method} {path} HTTP/1.1\r\nhost: a\r\n{more}\r\n");
    let requests = [
        ask("HEAD", "/", ""),
        ask("GET", "/none", ""),
        ask("GET", "/same", ""),
        ask("GET", "/", "connection: close\r\n"),
    ];
    let said = through_the_stack(forward, &requests.concat()).await;
    let heads: Vec<&str> = said.split("HTTP/1.1 ").skip(1).collect();
    let [head, none, same, last] = heads[..] else { panic!("{said}") };
    assert!(head.starts_with("200 ") && head.contains("content-length: 5\r\n") && head.ends_with("\r\n\r\n"), "{said}");
    assert!(none.starts_with("204 ") && none.ends_with("\r\n\r\n") && !none.contains("content-length"), "{said}");
    assert!(same.starts_with("304 ") && same.ends_with("\r\n\r\n") && same.contains("etag"), "{said}");
    assert!(last.starts_with("200 ") && last.ends_with("\r\n\r\nfive!") && last.contains("x-kept: yes"), "{said}");
    assert!(!said.contains("keep-alive"), "{said}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_not_the_backends_fault() {
    let (_backend, forward) = TestBackend::http1(echo()).await;
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let request = |chunks: usize| {
        let chunks = chunk.repeat(chunks);
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
        )
    };
    let said = through_the_stack(forward.clone(), &request(1)).await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    let said = through_the_stack(forward, &request(2)).await;
    assert!(said.starts_with("HTTP/1.1 413 ") && said.contains("too-large"), "{said}");
}

#[tokio::test]
async fn a_backend_learns_the_original_host_and_who_calls() {
    let router = Router::new().fallback(|headers: HeaderMap| async move {
        let value = |name: &str| headers[name].to_str().unwrap().to_owned();
        [value("x-forwarded-host"), value("x-forwarded-proto"), value("issuer-host-client-subject")].join(" ")
    });
    let (_backend, forward) = TestBackend::http1(router).await;
    let request =
        "GET / HTTP/1.1\r\nhost: Issuer.Bank.example:8443\r\nx-forwarded-host: forged\r\nconnection: close\r\n\r\n";
    let said = through_the_stack(forward, request).await;
    assert!(said.ends_with("\r\n\r\nIssuer.Bank.example:8443 https CN=caller"), "{said}");
    assert!(said.contains(&format!("{CONNECTION}: close")));
}
