//! The stack as a whole, before a router that says what it saw.

mod holding_back;
mod recording;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap};
use ::http::{Method, Request, Response, StatusCode};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::{any, get};
use bytes::Bytes;
use futures_util::stream;
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tower::{BoxError, ServiceExt};

use super::correlation::{REQUEST_ID, TRACEPARENT};
use super::settle::Settled;
use super::testing::{context, options};
use super::{Accounting, Call, Stack};
use crate::handler::{Dispatch, Handler};
use crate::thales::Product;
use crate::tls::VerifiedClient;

const HOST: &str = "issuer.bank.example";

fn stack(router: Router) -> Stack<Dispatch> {
    Stack::new(options(Some(HOST)), Handler::from(router).into())
}

async fn answer<B>(stack: &Stack<Dispatch>, request: Request<B>) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Ok(response) = stack.for_connection(context()).oneshot(request).await;
    response.map(Body::new)
}

fn post<B>(body: B) -> Request<B> {
    Request::post("/").header("host", HOST).body(body).unwrap()
}

fn counting() -> (Router, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let router = Router::new().fallback(move |body: Body| async move {
        counted.fetch_add(1, Ordering::SeqCst);
        // As careless as a handler can be: whatever became of the body, all is well.
        let _ = to_bytes(body, usize::MAX).await;
        StatusCode::OK
    });
    (router, calls)
}

/// A router whose every answer holds the headers that it saw.
fn mirror() -> Router {
    Router::new().fallback(|headers: HeaderMap| async move {
        let lines: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
        lines.concat()
    })
}

/// A body of chunks without a known length.
fn chunks(count: usize, size: usize) -> impl HttpBody<Data = Bytes, Error = Infallible> + Send + 'static {
    let chunk = move |_| Ok(Frame::data(Bytes::from(vec![b'x'; size])));
    StreamBody::new(stream::iter((0..count).map(chunk)))
}

/// A body that never comes.
struct Silent;

impl HttpBody for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A body that must not be asked for.
struct Untouchable;

impl HttpBody for Untouchable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read");
    }
}

#[tokio::test]
async fn a_retired_verdict_reaches_no_handler() {
    let (router, calls) = counting();
    let stack = stack(router);
    let context = context();
    let standing = Arc::clone(&context.standing);
    let service = stack.for_connection(context);
    // Control: before it is retired, the same connection does reach the handler.
    assert_eq!(service.clone().oneshot(post(Empty::new())).await.unwrap().status(), 200);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    standing.retire();
    let response = service.clone().oneshot(post(Empty::new())).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[CONNECTION], "close");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_that_is_not_for_an_origin_server_reaches_no_handler() {
    let (router, calls) = counting();
    let stack = stack(router);
    let refused = [
        (Method::CONNECT, "/", HOST, 405),
        (Method::TRACE, "/", HOST, 405),
        (Method::GET, "/a/../b", HOST, 400),
        (Method::OPTIONS, "*", HOST, 400),
        (Method::GET, "issuer.bank.example:443", HOST, 400),
        (Method::GET, "/", "other.example", 421),
    ];
    for (method, target, host, status) in refused {
        let request = Request::builder().method(&method).uri(target).header("host", host).body(Empty::new()).unwrap();
        assert_eq!(answer(&stack, request).await.status(), status, "{method} {target} {host}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(answer(&stack, post(Empty::new())).await.status(), 200);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_answer_within_the_deadline_of_the_request_is_dropped_with_504() {
    let router = Router::new().fallback(async || {
        std::future::pending::<()>().await;
    });
    let began = tokio::time::Instant::now();
    assert_eq!(answer(&stack(router), post(Empty::new())).await.status(), 504);
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_is_read() {
    let (router, calls) = counting();
    let mut request = post(Untouchable);
    request.headers_mut().insert(CONTENT_LENGTH, "1025".parse().unwrap());
    assert_eq!(answer(&stack(router.clone()), request).await.status(), 413);
    assert_eq!(answer(&stack(router.clone()), post(Full::from(vec![0; 1025]))).await.status(), 413);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(answer(&stack(router), post(Full::from(vec![0; 1024]))).await.status(), 200);
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_413_whatever_the_handler_says() {
    let (router, calls) = counting();
    assert_eq!(answer(&stack(router.clone()), post(chunks(4, 256))).await.status(), 200);
    let response = answer(&stack(router), post(chunks(5, 256))).await;
    assert_eq!(response.status(), 413);
    assert_eq!(response.headers()[CONNECTION], "close");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_408_at_its_deadline() {
    let (router, _) = counting();
    let began = tokio::time::Instant::now();
    assert_eq!(answer(&stack(router), post(Silent)).await.status(), 408);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_body_in_drips_does_not_put_its_deadline_off() {
    let (router, _) = counting();
    let drips = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), ()))
    });
    let began = tokio::time::Instant::now();
    assert_eq!(answer(&stack(router), post(StreamBody::new(Box::pin(drips)))).await.status(), 408);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn forged_identity_in_trailers_does_not_arrive() {
    let router = Router::new().fallback(|body: Body| async move {
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
        let mut names: Vec<String> = trailers.keys().map(ToString::to_string).collect();
        names.sort();
        names.join(" ")
    });
    let mut trailers = HeaderMap::new();
    for name in [
        "client-cert",
        "client_cert",
        "x-ssl-client-cert",
        "issuer_host_client_subject",
        "x-forwarded-for",
        "authorization",
        "content-length",
        "transfer-encoding",
        "host",
        "x-request-id",
        "x-checksum",
    ] {
        trailers.insert(name, "forged".parse().unwrap());
    }
    let body = StreamBody::new(stream::iter([
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"data"))),
        Ok(Frame::trailers(trailers)),
    ]));
    let response = answer(&stack(router), post(body)).await;
    assert_eq!(to_bytes(response.into_body(), 1024).await.unwrap(), "x-checksum");
}

#[tokio::test]
async fn a_connection_header_takes_nothing_away_that_we_set_or_rely_on() {
    let mut request = post(Full::from("four"));
    let named =
        "host, content-length, issuer-host-client-subject, x-forwarded-for, x-request-id, traceparent, x-private";
    for (name, value) in [
        ("connection", named),
        ("content-length", "4"),
        ("issuer-host-client-subject", "CN=forged"),
        ("x-private", "gone"),
        ("x-request-id", "mine"),
    ] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let response = answer(&stack(mirror()), request).await;
    let seen = String::from_utf8(to_bytes(response.into_body(), 4096).await.unwrap().to_vec()).unwrap();
    for line in [
        "host: issuer.bank.example\n",
        "content-length: 4\n",
        "issuer-host-client-subject: CN=caller\n",
        "x-forwarded-for: 192.0.2.7\n",
        "x-request-id: ",
        "traceparent: 00-",
    ] {
        assert!(seen.contains(line), "{line} in {seen}");
    }
    assert!(!seen.contains("x-private") && !seen.contains("forged") && !seen.contains("connection"), "{seen}");
}

#[tokio::test]
async fn the_request_id_comes_back_in_the_response() {
    let mut request = post(Empty::new());
    request.headers_mut().insert(REQUEST_ID, "thales-1".parse().unwrap());
    assert_eq!(answer(&stack(mirror()), request).await.headers()[REQUEST_ID], "thales-1");
    let response = answer(&stack(mirror()), post(Empty::new())).await;
    assert_eq!(response.headers()[REQUEST_ID].len(), 36);
    assert!(!response.headers().contains_key(TRACEPARENT));
}

#[tokio::test]
async fn a_handler_learns_who_calls_and_a_router_outside_of_the_stack_says_so() {
    let router = Router::new()
        .route("/", any(|client: VerifiedClient| async move { client.identity().subject.clone() }))
        .route("/maybe", get(|client: Option<VerifiedClient>| async move { client.is_some().to_string() }));
    let response = answer(&stack(router.clone()), post(Empty::new())).await;
    assert_eq!(to_bytes(response.into_body(), 1024).await.unwrap(), "CN=caller");
    let response = router.clone().oneshot(post(Body::empty())).await.unwrap();
    assert_eq!(response.status(), 500);
    let words = to_bytes(response.into_body(), 1024).await.unwrap();
    assert!(String::from_utf8_lossy(&words).contains("outside of issuer-host"));
    let response = router.oneshot(Request::get("/maybe").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(to_bytes(response.into_body(), 1024).await.unwrap(), "false");
}

#[tokio::test]
async fn every_request_is_counted_once_and_so_is_one_whose_caller_went_away() {
    #[derive(Debug, Default)]
    struct Counts {
        began: AtomicUsize,
        answered: AtomicUsize,
        abandoned: AtomicUsize,
    }
    impl Accounting for Counts {
        fn began(&self) {
            self.began.fetch_add(1, Ordering::SeqCst);
        }
        fn ended(&self, _: Option<&Call>, settled: Option<Settled>, _: Duration) {
            if settled.is_some() { &self.answered } else { &self.abandoned }.fetch_add(1, Ordering::SeqCst);
        }
        fn second_key_refused(&self, _: Product, _: &'static str) {
            unreachable!("there is no interpreter");
        }
    }
    let counts = Arc::new(Counts::default());
    let router = Router::new().route("/", any(|| async {})).route("/waits", any(std::future::pending::<()>));
    let stack = stack(router).with_accounting(Arc::clone(&counts) as Arc<dyn Accounting>);
    answer(&stack, post(Empty::new())).await;
    let waits = Request::get("/waits").header("host", HOST).body(Empty::new()).unwrap();
    {
        let mut waiting = std::pin::pin!(answer(&stack, waits));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    }
    let seen = [&counts.began, &counts.answered, &counts.abandoned].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(seen, [2, 1, 1]);
}

/// What an HTTP/1 server with `stack` on it says to `request`, until it closes or has nothing more to say.
async fn spoken_to(stack: &Stack<Dispatch>, request: &str, until: &str) -> String {
    let (mut caller, server) = tokio::io::duplex(64 << 10);
    let service = TowerToHyperService::new(stack.for_connection(context()));
    let server = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let server = tokio::spawn(server);
    caller.write_all(request.as_bytes()).await.unwrap();
    let said = read_until(&mut caller, until).await;
    server.abort();
    said
}

async fn read_until(stream: &mut DuplexStream, until: &str) -> String {
    let mut said = String::new();
    let mut buffer = [0; 4096];
    while !said.contains(until) {
        match stream.read(&mut buffer).await.unwrap() {
            0 => break,
            size => said.push_str(std::str::from_utf8(&buffer[..size]).unwrap()),
        }
    }
    said
}

#[tokio::test]
async fn a_caller_that_expects_to_be_asked_for_a_body_that_is_too_large_is_not_asked() {
    let (router, _) = counting();
    let stack = stack(router);
    let head =
        |size| format!("POST / HTTP/1.1\r\nhost: {HOST}\r\nexpect: 100-continue\r\ncontent-length: {size}\r\n\r\n");
    let said = spoken_to(&stack, &head(2048), "retryable").await;
    assert!(said.starts_with("HTTP/1.1 413 ") && said.contains("connection: close"), "{said}");
    // Control: one that is small enough is asked for.
    let said = spoken_to(&stack, &head(512), "\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 100 "), "{said}");
}

#[tokio::test]
async fn an_upgrade_is_not_taken_and_the_request_is_served_without_it() {
    let upgrade =
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\nsec-websocket-key: x\r\n";
    let request = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n{upgrade}\r\n");
    let said = spoken_to(&stack(mirror()), &request, "x-forwarded-host: ").await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    assert!(!said.contains("upgrade") && !said.contains("h2c") && !said.contains("sec-websocket"), "{said}");
}
