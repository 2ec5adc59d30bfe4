//! Forwarding over real sockets, to backends of HTTP/1.1 and HTTP/2, with and without TLS.

mod pool;
mod streaming;
mod through_the_stack;
mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request as AxumRequest;
use axum::routing::any;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, RETRY_AFTER};
use http::{HeaderMap, StatusCode, Version};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::outgoing::testing::TestBackend;

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

impl TestBackend {
    async fn http1(router: Router) -> (Self, Forward) {
        let backend = Self::start(router, false, None).await;
        let forward = Forward::new(&options(&format!("http://{}", backend.address))).unwrap();
        (backend, forward)
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
