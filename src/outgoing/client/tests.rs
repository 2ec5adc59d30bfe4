//! Over real sockets, to backends of HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};

use super::*;
use crate::outgoing::testing::TestBackend;
use crate::outgoing::{Meter, causes};

fn client(options: &ForwardOptions) -> Client<Full<Bytes>> {
    options.client(false, Meter::default()).unwrap()
}

fn request(url: &str) -> Request<Full<Bytes>> {
    Request::post(format!("{url}/path?query")).body(Full::from("body")).unwrap()
}

fn echo() -> Router {
    Router::new().fallback(any(|body: Bytes| async move { body }))
}

async fn answered(client: &Client<Full<Bytes>>, url: &str) {
    let answer = client.request(request(url)).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "body");
}

/// Reads a head and four bytes of body; `None` at the end of the connection.
async fn read(socket: &mut TcpStream) -> Option<String> {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\nbody") {
        if socket.read_buf(&mut seen).await.unwrap() == 0 {
            return None;
        }
    }
    Some(String::from_utf8(seen).unwrap())
}

/// Makes a call that `listener` answers, and hands out the other end of its connection.
async fn first_call(client: &Client<Full<Bytes>>, url: &str, listener: &TcpListener) -> TcpStream {
    let (answer, socket) = tokio::join!(client.request(request(url)), async {
        let (mut socket, _) = listener.accept().await.unwrap();
        read(&mut socket).await.unwrap();
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        socket
    });
    assert_eq!(answer.unwrap().status(), 204);
    socket
}

#[tokio::test]
async fn what_is_sent_has_path_and_query_alone_and_a_host_without_the_usual_port() {
    let uri = |text: &'static str| Uri::from_static(text);
    for (sent, host) in [
        (uri("http://backend:80/path?query"), "backend"),
        (uri("http://backend:443/path?query"), "backend:443"),
        (uri("https://backend:443/path?query"), "backend"),
        (uri("https://backend/path?query"), "backend"),
        (uri("https://[::1]:8443/path?query"), "[::1]:8443"),
    ] {
        let mut request = Request::new(());
        target_for_http1(&mut request, &sent);
        assert_eq!(
            (request.uri().to_string().as_str(), &request.headers()[HOST]),
            ("/path?query", &HeaderValue::from_static(host))
        );
        // What is there already stays.
        target_for_http1(&mut request, &uri("http://other/path?query"));
        assert_eq!(request.headers()[HOST], host);
    }
}

#[tokio::test]
async fn calls_that_follow_each_other_share_a_connection_and_those_that_meet_do_not() {
    let backend = TestBackend::start(echo(), false, None).await;
    let url = format!("http://{}", backend.address);
    let client = client(&ForwardOptions::new(&url));
    for _ in 0..5 {
        answered(&client, &url).await;
    }
    assert_eq!(backend.connections(), 1);
    tokio::join!(answered(&client, &url), answered(&client, &url), answered(&client, &url));
    assert_eq!(backend.connections(), 3);
    tokio::join!(answered(&client, &url), answered(&client, &url), answered(&client, &url));
    assert_eq!(backend.connections(), 3, "all three are kept");
}

#[tokio::test]
async fn no_more_connections_are_kept_than_there_is_room_for() {
    let backend = TestBackend::start(echo(), false, None).await;
    let url = format!("http://{}", backend.address);
    for (max_idle, connections) in [(0, 4), (1, 3), (2, 2)] {
        let before = backend.connections();
        let client = client(&ForwardOptions { max_idle, ..ForwardOptions::new(&url) });
        for _ in 0..2 {
            tokio::join!(answered(&client, &url), answered(&client, &url));
        }
        assert_eq!(backend.connections() - before, connections, "{max_idle}");
    }
}

#[tokio::test]
async fn a_connection_is_closed_when_it_has_been_idle_for_long_and_when_nobody_is_left_to_use_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    for idle_timeout in [Duration::from_millis(50), Duration::from_secs(3600)] {
        let client = client(&ForwardOptions { idle_timeout, ..ForwardOptions::new(&url) });
        let mut socket = first_call(&client, &url, &listener).await;
        let _kept = (idle_timeout.as_secs() == 0).then_some(client);
        assert_eq!(read(&mut socket).await, None);
    }
}

#[tokio::test]
async fn a_connection_that_the_backend_closes_is_let_go_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = client(&ForwardOptions::new(&url));
    let mut socket = first_call(&client, &url, &listener).await;
    // Half of it: the other half is closed by us, although no request comes and no timer ends.
    socket.shutdown().await.unwrap();
    assert_eq!(read(&mut socket).await, None);
    assert!(client.0.idle.take().is_none());
}

#[tokio::test]
async fn a_body_that_is_left_unread_costs_its_connection_and_no_other() {
    let large = Router::new().fallback(any(|| async { vec![0; 1 << 20] }));
    let backend = TestBackend::start(large, false, None).await;
    let url = format!("http://{}", backend.address);
    let client = client(&ForwardOptions::new(&url));
    for expected in 1..=3 {
        drop(client.request(request(&url)).await.unwrap());
        assert_eq!(backend.connections(), expected);
    }
    client.request(request(&url)).await.unwrap().into_body().collect().await.unwrap();
    drop(client.request(request(&url)).await.unwrap());
    assert_eq!(backend.connections(), 4, "control: one that was read");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_has_been_taken_is_passed_on_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = client(&ForwardOptions::new(&url));
    let early = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.read_u8().await.unwrap();
        socket.write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 5\r\n\r\nearly").await.unwrap();
        // Not one byte more is read.
        std::future::pending::<()>().await;
        drop(socket);
    });
    let request = Request::post(&url).body(Full::from(vec![0; 64 << 20])).unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "early");
    assert!(client.0.idle.take().is_none(), "half a request is on it");
    early.abort();
}

#[tokio::test]
async fn all_calls_over_http2_share_a_connection_which_is_given_up_when_it_idles() {
    let backend = TestBackend::start(echo(), true, None).await;
    let url = format!("http://{}", backend.address);
    let options = ForwardOptions { protocol: Protocol::Http2, ..ForwardOptions::new(&url) };
    let client = client(&options);
    tokio::join!(answered(&client, &url), answered(&client, &url), answered(&client, &url));
    answered(&client, &url).await;
    assert_eq!(backend.connections(), 1);
    let number = client.0.http2.get().unwrap().number();
    client.0.http2.forget(number + 1);
    assert!(client.0.http2.get().is_some(), "it was another one that took no more");
    client.0.http2.forget(number);
    assert!(client.0.http2.get().is_none());

    let client = self::client(&ForwardOptions { idle_timeout: Duration::from_millis(20), ..options });
    answered(&client, &url).await;
    while client.0.http2.get().is_some() {
        // To ask for it is to use it.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    answered(&client, &url).await;
    assert_eq!(backend.connections(), 3);
}

#[tokio::test]
async fn a_connection_of_http2_that_takes_no_more_finishes_what_it_has_and_another_takes_the_rest() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (release, released) = watch::channel(false);
    let (goes, mut going) = mpsc::unbounded_channel::<Arc<Notify>>();
    tokio::spawn(async move {
        loop {
            let socket = listener.accept().await.unwrap().0;
            let goodbye = Arc::new(Notify::new());
            let (released, said) = (released.clone(), Arc::clone(&goodbye));
            goes.send(goodbye).unwrap();
            let service = service_fn(move |request: Request<Incoming>| {
                let mut released = released.clone();
                async move {
                    if request.uri().path() == "/slow" {
                        released.wait_for(|released| *released).await.unwrap();
                    }
                    Ok::<_, Infallible>(Response::new(request.into_body()))
                }
            });
            tokio::spawn(async move {
                let connection =
                    server::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service);
                let mut connection = pin!(connection);
                tokio::select! {
                    _ = connection.as_mut() => return,
                    () = said.notified() => connection.as_mut().graceful_shutdown(),
                }
                let _ = connection.await;
            });
        }
    });
    let client = client(&ForwardOptions { protocol: Protocol::Http2, ..ForwardOptions::new(&url) });
    let slow = tokio::spawn(client.request(Request::post(format!("{url}/slow")).body(Full::from("body")).unwrap()));
    let first = going.recv().await.unwrap();
    answered(&client, &url).await;
    first.notify_one();
    // Until the goodbye has come, calls may still go over the first; none of them fails.
    let second = loop {
        answered(&client, &url).await;
        if let Ok(second) = going.try_recv() {
            break second;
        }
        tokio::task::yield_now().await;
    };
    drop(second);
    assert!(!slow.is_finished());
    release.send(true).unwrap();
    let slow = slow.await.unwrap().unwrap();
    assert_eq!(slow.into_body().collect().await.unwrap().to_bytes(), "body");
}

#[tokio::test]
async fn a_backend_that_cannot_be_reached_is_told_from_one_that_breaks_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = client(&ForwardOptions::new(&url));
    let (broken, ()) = tokio::join!(client.request(request(&url)), async {
        read(&mut listener.accept().await.unwrap().0).await.unwrap();
    });
    assert!(matches!(broken, Err(ClientError::Exchange(_))), "{broken:?}");
    drop(listener);
    let refused = client.request(request(&url)).await;
    assert!(matches!(refused, Err(ClientError::Connect(_))), "{refused:?}");
}

#[tokio::test]
async fn an_attempt_to_connect_that_fails_has_failed_for_all_that_waited_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // To connect is to shake hands, which fails where the other side goes away.
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = client(&ForwardOptions { protocol: Protocol::Http2, ..ForwardOptions::new(&url) });
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            // All of them wait by then.
            socket.read_u8().await.unwrap();
        }
    });
    let call = || client.request(request(&url));
    let (one, two, three) = tokio::join!(call(), call(), call());
    for failed in [one, two, three] {
        let failed = failed.unwrap_err();
        assert!(matches!(failed, ClientError::Connect(_)), "{failed:?}");
        let told = causes(&failed);
        assert_eq!(told.matches("no connection").count(), 1, "{told}");
        assert!(told.len() > "no connection: ".len(), "and why: {told}");
    }
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    assert!(matches!(call().await, Err(ClientError::Connect(_))));
    assert_eq!(attempts.load(Ordering::SeqCst), 2, "who comes later tries anew");
}
