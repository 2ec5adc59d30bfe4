use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::deadline::Activity;
use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers everything with `body`, and counts how often it was put aside.
struct Same {
    body: Bytes,
    put_aside: Arc<AtomicUsize>,
}

impl Answers for Same {
    type Body = Full<Bytes>;
    type Future = Ready<Result<Response<Self::Body>, Infallible>>;

    fn answer(&self, _: Request<Incoming>) -> Self::Future {
        ready(Ok(Response::new(Full::new(self.body.clone()))))
    }

    fn put_aside(&self) {
        self.put_aside.fetch_add(1, Ordering::SeqCst);
    }
}

struct Place {
    connection: Http1<TcpStream, Same>,
    caller: TcpStream,
    put_aside: Arc<AtomicUsize>,
}

impl Place {
    async fn answering(body: impl Into<Bytes>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (caller, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let put_aside = Arc::new(AtomicUsize::new(0));
        let same = Same { body: body.into(), put_aside: Arc::clone(&put_aside) };
        let framing = FramingLimits::default();
        let (io, guard) = GuardedIo::new(accepted.unwrap().0, framing);
        let service = Counted::new(same, Activity::new(Instant::now())).guarded_by(guard.clone());
        Self { connection: Http1::new(io, guard, service, framing), caller: caller.unwrap(), put_aside }
    }

    /// Polls the connection, as its task would, until `other` is done; whether it ended meanwhile.
    async fn drive<T>(&mut self, other: impl AsyncFnOnce(&mut TcpStream) -> T) -> (T, bool) {
        let (connection, mut ended) = (&mut self.connection, false);
        let mut other = std::pin::pin!(other(&mut self.caller));
        let done = poll_fn(|cx| {
            ended = ended || Pin::new(&mut *connection).poll(cx).is_ready();
            other.as_mut().poll(cx)
        });
        (done.await, ended)
    }

    async fn call(&mut self) -> String {
        let (answer, ended) = self
            .drive(async |caller| {
                caller.write_all(REQUEST).await.unwrap();
                let mut answer = Vec::new();
                while !answer.ends_with(b"answer") {
                    assert_ne!(caller.read_buf(&mut answer).await.unwrap(), 0);
                }
                String::from_utf8(answer).unwrap()
            })
            .await;
        assert!(!ended);
        answer
    }

    /// Lets it rest, as if it were asked so long from now.
    fn rest_in(&mut self, seconds: u64) -> Option<Instant> {
        Pin::new(&mut self.connection).rest(Instant::now() + Duration::from_secs(seconds))
    }

    fn is_parked(&self) -> bool {
        matches!(self.connection.state, State::Parked(..))
    }
}

#[tokio::test]
async fn a_connection_that_was_put_aside_answers_as_before() {
    let mut place = Place::answering("answer").await;
    for round in 1..=3 {
        assert!(place.call().await.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(place.rest_in(0).is_some() && !place.is_parked(), "not yet");
        assert_eq!(place.rest_in(1), None);
        assert!(place.is_parked());
        assert_eq!(place.put_aside.load(Ordering::SeqCst), round);
        assert_eq!(place.rest_in(1), None, "it rests already");
        let ((), ended) = place.drive(async |_| tokio::task::yield_now().await).await;
        assert!(place.is_parked() && !ended, "nothing has come");
    }
}

#[tokio::test]
async fn a_connection_with_something_under_way_is_not_put_aside() {
    let mut place = Place::answering("answer").await;
    place.call().await;
    place.rest_in(1);
    let (head, rest) = REQUEST.split_at(9);
    place.drive(async |caller| caller.write_all(head).await.unwrap()).await;
    while place.is_parked() {
        place.drive(async |_| tokio::task::yield_now().await).await;
    }
    // Until the guard has seen it.
    while place.connection.guard.quiet_since().is_some() {
        place.drive(async |_| tokio::task::yield_now().await).await;
    }
    assert!(place.rest_in(3600).is_some() && !place.is_parked(), "half a head");
    place.drive(async |caller| caller.write_all(rest).await.unwrap()).await;
    place
        .drive(async |caller| {
            let mut answer = Vec::new();
            while !answer.ends_with(b"answer") {
                assert_ne!(caller.read_buf(&mut answer).await.unwrap(), 0);
            }
        })
        .await;

    // An answer that its caller does not take, larger than what the kernel holds.
    let large = vec![b'x'; 32 << 20];
    let mut place = Place::answering(large.clone()).await;
    place.drive(async |caller| caller.write_all(REQUEST).await.unwrap()).await;
    while place.connection.guard.quiet_since().is_some() || place.connection.guard.observe().open > 0 {
        place.drive(async |_| tokio::task::yield_now().await).await;
    }
    assert!(place.rest_in(3600).is_some() && !place.is_parked(), "the rest would be lost");
    let (received, ended) = place
        .drive(async |caller| {
            let mut received = Vec::new();
            while !received.ends_with(b"\r\n\r\n") {
                received.push(caller.read_u8().await.unwrap());
            }
            let mut body = vec![0; 32 << 20];
            caller.read_exact(&mut body).await.unwrap();
            body
        })
        .await;
    assert!(received == large && !ended);
    // The end of the flush.
    while place.connection.guard.quiet_since().is_none() {
        place.drive(async |_| tokio::task::yield_now().await).await;
    }
    assert_eq!(place.rest_in(1), None);
    assert!(place.is_parked(), "control: now that all is taken");
}

#[tokio::test]
async fn a_goodbye_ends_a_connection_that_was_put_aside_and_so_does_its_caller() {
    let mut place = Place::answering("answer").await;
    place.call().await;
    place.rest_in(1);
    Pin::new(&mut place.connection).say_goodbye();
    let (end, ended) = place.drive(async |caller| caller.read(&mut [0]).await.unwrap()).await;
    assert_eq!((end, ended), (0, true));
    assert!(place.connection.into_io().is_some());

    let mut place = Place::answering("answer").await;
    place.call().await;
    place.rest_in(1);
    let (_, ended) = place
        .drive(async |caller| {
            caller.shutdown().await.unwrap();
            caller.read(&mut [0]).await.unwrap()
        })
        .await;
    assert!(ended, "as soon as the caller has gone");
}
