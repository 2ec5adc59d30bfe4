use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{DuplexStream, duplex};

use super::*;

const GET: &str = "GET /one HTTP/1.1\r\nHost: a\r\n\r\n";
const BOTH: &str = "POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";

/// Serves one connection behind a guard as a connection task would, and answers each request with its path after
/// `answer_in`. Gives the client's end.
fn serve(answer_in: Duration) -> (DuplexStream, GuardHandle) {
    let (client, server) = duplex(64 * 1024);
    let (io, handle) = GuardedIo::new(server, FramingLimits::default());
    let exchanges = handle.clone();
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let exchange = exchanges.exchange();
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await;
            tokio::time::sleep(answer_in).await;
            drop(exchange);
            let answer = if body.is_ok() { path } else { "broken".to_owned() };
            Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from(answer))))
        }
    });
    tokio::spawn(async move {
        let mut connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), service);
        let _ = (&mut connection).await;
        let _ = connection.into_parts().io.into_inner().finish(false).await;
    });
    (client, handle)
}

async fn answers(client: &mut DuplexStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    text
}

fn statuses(text: &str) -> Vec<&str> {
    text.match_indices("HTTP/1.1 ").map(|(at, start)| &text[at + start.len()..at + start.len() + 3]).collect()
}

#[tokio::test]
async fn a_smuggling_shape_is_refused_and_never_served() {
    let (mut client, handle) = serve(Duration::ZERO);
    client.write_all(BOTH.as_bytes()).await.unwrap();
    let text = answers(&mut client).await;
    assert_eq!(statuses(&text), ["400"], "{text}");
    assert_eq!(handle.refusal(), Some(FramingError::TransferEncodingAndContentLength));

    // Control arm: the same parser without a guard serves it.
    let (mut client, server) = duplex(64 * 1024);
    let service = service_fn(async |_: http::Request<hyper::body::Incoming>| {
        Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from("served"))))
    });
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));
    client.write_all(BOTH.as_bytes()).await.unwrap();
    assert_eq!(statuses(&answers(&mut client).await), ["200"]);
}

#[tokio::test(start_paused = true)]
async fn requests_before_the_refused_one_are_answered_first() {
    for answer_in in [Duration::ZERO, Duration::from_secs(3)] {
        let (mut client, _) = serve(answer_in);
        client.write_all(format!("{GET}{GET}{BOTH}{GET}").as_bytes()).await.unwrap();
        let text = answers(&mut client).await;
        assert_eq!(statuses(&text), ["200", "200", "400"], "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_behind_a_request_that_closes_does_not_cost_its_answer() {
    let (mut client, _) = serve(Duration::from_secs(3));
    let last = "GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\0\0\0";
    client.write_all(last.as_bytes()).await.unwrap();
    let text = answers(&mut client).await;
    assert_eq!(statuses(&text)[..1], ["200"], "{text}");
}

#[tokio::test]
async fn a_refused_body_breaks_the_request_that_waits_for_it() {
    let (mut client, handle) = serve(Duration::ZERO);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel";
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(b"lo!!0\r\n\r\n").await.unwrap();
    let text = answers(&mut client).await;
    assert!(text.contains("broken") && statuses(&text).len() == 1, "{text}");
    assert_eq!(handle.refusal(), Some(FramingError::ChunkEnd));
}

#[tokio::test]
async fn requests_are_served_octet_by_octet() {
    let (mut client, _) = serve(Duration::ZERO);
    let post =
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for byte in format!("{GET}\r\n{post}").bytes() {
        client.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let text = answers(&mut client).await;
    assert_eq!(statuses(&text), ["200", "200"], "{text}");
    assert!(text.ends_with("/p"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_head_starts_with_its_first_byte() {
    let second = Duration::from_secs(1);
    let (mut client, handle) = serve(Duration::ZERO);
    let start = Instant::now();
    tokio::time::sleep(7 * second).await;
    assert_eq!(handle.observe(), Observation { phase: Phase::Idle, since: start, open: 0 });
    for byte in GET.bytes().take(10) {
        client.write_all(&[byte]).await.unwrap();
        tokio::time::sleep(second).await;
    }
    let head = start + 7 * second;
    assert_eq!(handle.observe(), Observation { phase: Phase::Head, since: head, open: 0 });
    client.write_all(&GET.as_bytes()[10..]).await.unwrap();
    tokio::time::sleep(second).await;
    let idle = head + 10 * second;
    assert_eq!(handle.observe(), Observation { phase: Phase::Idle, since: idle, open: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_head_behind_a_slow_answer_has_its_time_after_the_answer() {
    let second = Duration::from_secs(1);
    let (mut client, handle) = serve(30 * second);
    let start = Instant::now();
    client.write_all(format!("{GET}GET /tw").as_bytes()).await.unwrap();
    tokio::time::sleep(20 * second).await;
    assert_eq!(handle.observe(), Observation { phase: Phase::Head, since: start, open: 1 });
    tokio::time::sleep(20 * second).await;
    let answered = start + 30 * second;
    assert_eq!(handle.observe(), Observation { phase: Phase::Head, since: answered, open: 0 });
}

#[tokio::test]
async fn a_refusal_is_not_answered_where_an_exchange_was_cut_short() {
    let (mut client, server) = duplex(1024);
    let (mut io, handle) = GuardedIo::new(server, FramingLimits::default());
    client.write_all(format!("{GET}{BOTH}").as_bytes()).await.unwrap();
    let mut read = vec![0; 1024];
    let length = io.read(&mut read).await.unwrap();
    assert_eq!(&read[..length], GET.as_bytes());
    let exchange = handle.exchange();
    assert_eq!(handle.refusal(), Some(FramingError::TransferEncodingAndContentLength));
    assert_eq!(handle.unanswered_refusal(), None);
    drop(exchange);
    assert_eq!(handle.unanswered_refusal(), handle.refusal());
    let error = io.read(&mut read).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let error = io.read(&mut read).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "and for ever");
}

#[tokio::test]
async fn that_the_peer_has_ended_its_side_is_known_when_it_was_read() {
    let (mut client, server) = duplex(64 * 1024);
    let (mut io, _) = GuardedIo::new(server, FramingLimits::default());
    client.write_all(GET.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    // Room for nothing reads nothing, and tells nothing.
    assert_eq!(io.read(&mut []).await.unwrap(), 0);
    let mut seen = [0; GET.len()];
    io.read_exact(&mut seen).await.unwrap();
    assert!(!io.has_ended());
    assert_eq!(io.read(&mut seen).await.unwrap(), 0);
    assert!(io.has_ended());
}
