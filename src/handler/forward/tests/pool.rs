//! Connections that are used again, and requests that are not.

use super::*;

#[tokio::test]
async fn a_connection_is_used_again() {
    let (backend, forward) = TestBackend::http1(echo()).await;
    for _ in 0..3 {
        text(answer(&forward, post("/", "body")).await).await;
    }
    assert_eq!(backend.connections(), 1);
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
async fn a_request_that_a_closing_connection_did_not_take_is_sent_over_another() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let forward = Forward::new(&options(&format!("http://{address}"))).unwrap();
    let (mut bell, is_closed) = (std::net::TcpStream::connect(address).unwrap(), listener.accept().unwrap().0);
    is_closed.set_nonblocking(true).unwrap();
    let mut is_closed = TcpStream::from_std(is_closed).unwrap();
    let (close, may_close) = std::sync::mpsc::channel();
    let (closed, has_closed) = std::sync::mpsc::channel();
    // A backend outside of the runtime, so that it can close while nothing in the runtime looks.
    let backend = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\nbody") {
                let mut byte = [0];
                socket.read_exact(&mut byte).unwrap();
                seen.push(byte[0]);
            }
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
            may_close.recv().unwrap();
            drop(socket);
            bell.write_all(b"x").unwrap();
            closed.send(()).unwrap();
        }
    });
    assert_eq!(text(answer(&forward, post("/", "body")).await).await, "ok");
    // The connection becomes idle.
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    close.send(()).unwrap();
    has_closed.recv().unwrap();
    // The runtime learns of the bell and of the close at once, and this task comes first: the pool still holds the connection.
    is_closed.read_exact(&mut [0]).await.unwrap();
    assert_eq!(text(answer(&forward, post("/", "body")).await).await, "ok");
    close.send(()).unwrap();
    backend.join().unwrap();
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
async fn a_length_beside_a_coding_is_not_passed_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forward = Forward::new(&options(&format!("http://{}", listener.local_addr().unwrap()))).unwrap();
    tokio::spawn(async move {
        for extra in [
            "transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "content-length: 3\r\n\r\nabc",
        ] {
            let (mut socket, _) = listener.accept().await.unwrap();
            read_request(&mut socket, 0).await;
            let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{extra}");
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    for length in [None, Some("3")] {
        let response = answer(&forward, get("/")).await;
        assert_eq!(response.headers().get(CONTENT_LENGTH).map(|value| value.to_str().unwrap()), length);
        assert_eq!(text(response).await, "abc");
    }
}
