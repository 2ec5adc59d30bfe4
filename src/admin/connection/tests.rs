use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::*;
use crate::admin::place::Places;
use crate::admin::turn::{HEAD, IDLE};
use crate::metrics::SlotMetrics;

const REQUEST: &[u8] = b"GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

/// The caller's end of a connection; `/x` is answered when it is let go.
fn connected(go: &Arc<Notify>) -> DuplexStream {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let go = Arc::clone(go);
    let held = any(async move || {
        go.notified().await;
        "answered"
    });
    let router = Router::new().route("/x", held);
    let place = Places::new(SlotMetrics::default()).take(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let answers = AdminAnswers::new(router, ([127, 0, 0, 1], 9090).into());
    tokio::spawn(answer(far, Connection::default(), place, answers));
    near
}

async fn answered(stream: &mut DuplexStream) -> bool {
    let mut answer = Vec::new();
    while !answer.ends_with(b"answered") {
        match stream.read_buf(&mut answer).await {
            Ok(1..) => {}
            _ => return false,
        }
    }
    true
}

/// How long it takes until nobody listens any more to a caller that sends `byte` once a second.
async fn closed(stream: &mut DuplexStream, byte: &[u8]) -> Duration {
    let began = Instant::now();
    let mut rest = Vec::new();
    while !matches!(timeout(SECOND, stream.read_buf(&mut rest)).await, Ok(Ok(0))) {
        let _ = stream.write_all(byte).await;
        assert!(began.elapsed() < Duration::from_secs(3600) && rest.is_empty(), "it is never closed");
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_head_has_five_seconds_whether_it_drips_or_never_begins() {
    let go = Arc::new(Notify::new());
    for byte in [&b""[..], b"G"] {
        let took = closed(&mut connected(&go), byte).await;
        assert!((HEAD - SECOND..=HEAD + SECOND).contains(&took), "{took:?}");
    }
    let mut kept = connected(&go);
    go.notify_one();
    kept.write_all(REQUEST).await.unwrap();
    assert!(answered(&mut kept).await, "control");
    kept.write_all(b"GET /").await.unwrap();
    let took = closed(&mut kept, b"x").await;
    assert!((HEAD - SECOND..=HEAD + SECOND).contains(&took), "the second one as well: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_answered_is_kept_for_half_a_minute() {
    let go = Arc::new(Notify::new());
    let mut kept = connected(&go);
    for _ in 0..3 {
        go.notify_one();
        kept.write_all(REQUEST).await.unwrap();
        assert!(answered(&mut kept).await);
        tokio::time::sleep(IDLE - SECOND).await;
    }
    go.notify_one();
    kept.write_all(REQUEST).await.unwrap();
    assert!(answered(&mut kept).await);
    let took = closed(&mut kept, b"").await;
    assert!((IDLE - SECOND..=IDLE + SECOND).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_an_answer_is_not_hurried() {
    let go = Arc::new(Notify::new());
    let mut waiting = connected(&go);
    waiting.write_all(REQUEST).await.unwrap();
    tokio::time::sleep(AGE - SECOND).await;
    go.notify_one();
    assert!(answered(&mut waiting).await);
}

#[tokio::test]
async fn a_head_without_end_is_refused_and_one_with_many_cookies_is_not() {
    for (cookies, status) in [(600, "HTTP/1.1 200"), (4000, "HTTP/1.1 431")] {
        let go = Arc::new(Notify::new());
        go.notify_one();
        let mut stream = connected(&go);
        let cookie = "name=0123456789abcdef012345678; ".repeat(cookies);
        let head = format!("GET /x HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n");
        // Whoever is refused has not been listened to until the end.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.starts_with(status.as_bytes()), "{cookies}: {}", String::from_utf8_lossy(&answer));
    }
}
