//! Out of what the operating system gives, and back; and asked to hold more than there is.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Answer, Backend, Door, HOST, Pki, Setup, descriptors, eventually, request, within};

const MEBIBYTE: usize = 1024 * 1024;
const GIGABYTE: usize = 1024 * MEBIBYTE;
/// Callers who ask for much and take nothing.
const READERS: usize = 60;
/// The same where the backend allows 200 streams on a connection.
const SLOW_READERS: usize = 20;
/// What may be held for one of them, in bytes: what is read ahead from the backend, what is to be sealed, what is sealed.
const MOST_READ_AHEAD: f64 = 350.0 * 1024.0;
const CHUNK: usize = 64 * 1024;
/// What may be on the way, in sockets on both sides, before a caller learns that it was refused; a sixteenth of what it has.
const ON_THE_WAY: usize = 64 * MEBIBYTE;

#[tokio::test]
async fn without_file_descriptors_the_accept_loop_backs_off_and_recovers() {
    let door = Door::open().await;
    door.is_unharmed().await;
    descriptors::limit(&door, 48).await;
    let silent = descriptors::exhaust(&door).await;
    drop(silent);
    eventually("the server to take calls again", async || door.honest().call("/again").await.is_ok()).await;
    door.is_unharmed().await;
    // A line a pause, not a line a connection: pauses double up to a second.
    let lines = door.server.events("accept_failed").len();
    assert!(lines < 30, "{lines} lines");
}

#[tokio::test]
async fn without_file_descriptors_who_is_connected_is_served() {
    let door = Door::open().await;
    let mut sessions = [door.honest().session().await.unwrap(), door.honest().h2().session().await.unwrap()];
    let call = || request("POST", "/kept").body("".into()).unwrap();
    for session in &mut sessions {
        assert_eq!(session.send(call()).await.unwrap().status, 200, "control: while there are descriptors");
    }
    descriptors::limit(&door, 48).await;
    let silent = descriptors::exhaust(&door).await;
    for session in &mut sessions {
        for _ in 0..20 {
            assert_eq!(session.send(call()).await.unwrap().status, 200, "while nobody else can be accepted");
        }
    }
    drop((sessions, silent));
    eventually("the server to take calls again", async || door.honest().call("/again").await.is_ok()).await;
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_body_of_a_gigabyte_is_refused_at_the_limit_and_never_held() {
    let door = Door::with(Setup { server: "max_body_size = \"1 MiB\"", ..Setup::default() }).await;
    let within_limit = request("POST", "/whole").body(vec![b'x'; MEBIBYTE].into()).unwrap();
    let reply = door.honest().session().await.unwrap().send(within_limit).await.unwrap();
    assert_eq!(reply.status, 200, "control: what is within the limit is passed on");
    let resident = door.server.metric("process_resident_memory_bytes").await;

    let announced = format!("content-length: {GIGABYTE}");
    let chunk = [format!("{CHUNK:x}\r\n").into_bytes(), vec![b'x'; CHUNK], b"\r\n".to_vec()].concat();
    for (length, piece) in [(&*announced, vec![b'x'; CHUNK]), ("transfer-encoding: chunked", chunk)] {
        let (answer, sent) = over_http1(&door, length, &piece).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{length}: {answer}");
        assert!(sent < ON_THE_WAY, "{length}: {sent} bytes were taken");
    }
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let chunks = futures_util::stream::iter((0..GIGABYTE / CHUNK).map(move |_| {
        counted.fetch_add(CHUNK, Ordering::Relaxed);
        Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; CHUNK])))
    }));
    let call = request("POST", "/huge").body(StreamBody::new(chunks).boxed()).unwrap();
    let mut session = door.honest().h2().session().await.unwrap();
    assert_eq!(session.begin(call).await.unwrap().status(), 413);
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < ON_THE_WAY, "HTTP/2: {sent} bytes were taken");
    drop(session);

    let more = door.server.metric("process_resident_memory_bytes").await - resident;
    assert!(more < 64.0 * 1024.0 * 1024.0, "three bodies of 1 GB left {more} bytes in memory");
    assert!(door.backend.all_received().iter().all(|received| received.uri.path() != "/huge"));
    door.is_unharmed().await;
}

#[tokio::test]
async fn answers_that_nobody_takes_hold_little_of_each() {
    let door = Door::open().await;
    let large = http::Response::new(Bytes::from(vec![b'x'; 4 * MEBIBYTE]));
    door.backend.answer("/large", Answer::Whole(large));
    door.is_unharmed().await;
    let before = door.server.metric("process_resident_memory_bytes").await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut stream = door.honest().connect().await.unwrap();
        stream.write_all(format!("GET /large HTTP/1.1\r\nhost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
        readers.push(stream);
    }
    eventually("all to be asked for", async || door.backend.arrivals("/large") == READERS).await;
    // Whatever is read ahead of them has been once nothing more is.
    let mut last = 0.0;
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = door.server.metric("process_resident_memory_bytes").await;
        if (now - last).abs() < 1.0 {
            break;
        }
        last = now;
    }
    let each = (last - before) / f64::from(u32::try_from(READERS).unwrap());
    assert!(each > 16.0 * 1024.0, "control: {each} bytes for each are those of nobody");
    assert!(each < MOST_READ_AHEAD, "{each} bytes are held of an answer that nobody takes");
    drop(readers);
    door.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_take_nothing_do_not_stop_the_others_over_a_shared_connection_to_the_backend() {
    let setup = Setup { backend: "protocol = \"http2\"", ..Setup::default() };
    let door = Door::before(Backend::h2c().await, Pki::new(), setup).await;
    // More than the kernel's sockets take of it.
    let large = http::Response::new(Bytes::from(vec![b'x'; 32 * MEBIBYTE]));
    door.backend.answer("/large", Answer::Whole(large));
    door.is_unharmed().await;
    let mut readers = Vec::new();
    for _ in 0..SLOW_READERS {
        let mut stream = door.honest().connect().await.unwrap();
        stream.write_all(format!("GET /large HTTP/1.1\r\nhost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
        // The beginning of the answer, and no more of it: what follows fills all that is on the way.
        stream.read_exact(&mut [0; 12]).await.unwrap();
        readers.push(stream);
        door.honest().expect_accepted("an honest client beside them").await;
    }
    assert_eq!(door.backend.connections(), 1, "control: all share one connection");
    drop(readers);
    door.is_unharmed().await;
}

/// Sends pieces of a body of a gigabyte until the server has answered or closed; the answer, and how many bytes it took.
async fn over_http1(door: &Door, length: &str, piece: &[u8]) -> (String, usize) {
    let stream = door.honest().connect().await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let head = format!("POST /huge HTTP/1.1\r\nhost: {HOST}\r\n{length}\r\n\r\n");
    writer.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    let writing = async {
        while sent < GIGABYTE && writer.write_all(piece).await.is_ok() {
            sent += CHUNK;
        }
        // What was answered is yet to be read.
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let both = async {
        tokio::select! {
            // Where the rest of a body is reset, the answer came before.
            _ = reader.read_to_end(&mut answer) => {}
            () = writing => {}
        }
    };
    within("a body of a gigabyte to be refused", both).await;
    (String::from_utf8_lossy(&answer).into_owned(), sent)
}
