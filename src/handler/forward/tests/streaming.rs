//! Bodies while they are on their way, deadlines, and callers who go away.

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use super::*;

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
