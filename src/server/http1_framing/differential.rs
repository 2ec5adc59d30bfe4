//! The framing beside the parser that it guards: whatever the framing takes, hyper must read in the same way.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// What hyper made of a connection.
#[derive(Debug, Default)]
struct Served {
    /// The body of each request that was read to its end.
    bodies: Vec<Vec<u8>>,
    /// Whether hyper would not read on: it refused a request, or a request asked to close.
    closed: bool,
    /// Whether a body ended in an error.
    broken: bool,
}

fn hyper(bytes: &[u8], cuts: &[usize]) -> Served {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (caller, stream) = duplex(1 << 20);
        let served = Arc::new(Mutex::new(Served::default()));
        let seen = Arc::clone(&served);
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let seen = Arc::clone(&seen);
            async move {
                let body = request.into_body().collect().await;
                let mut seen = seen.lock().unwrap();
                match body {
                    Ok(body) => seen.bodies.push(body.to_bytes().to_vec()),
                    Err(_) => seen.broken = true,
                }
                Ok::<_, Infallible>(http::Response::new(Empty::<Bytes>::new()))
            }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let connection = tokio::spawn(connection);
        let (mut reads, mut writes) = tokio::io::split(caller);
        let mut from = 0;
        for to in cuts.iter().copied().chain([bytes.len()]) {
            // Where hyper has closed, writing fails.
            let _ = writes.write_all(&bytes[from..to]).await;
            tokio::task::yield_now().await;
            from = to;
        }
        let _ = writes.shutdown().await;
        let mut answers = Vec::new();
        let _ = reads.read_to_end(&mut answers).await;
        let _ = connection.await.unwrap();
        let mut served = std::mem::take(&mut *served.lock().unwrap());
        let answers = String::from_utf8_lossy(&answers);
        served.closed =
            answers.contains("HTTP/1.1 400") || answers.contains("connection: close") || answers.contains("HTTP/1.0");
        served
    })
}

/// The bodies of the messages that `bytes` hold by the framing alone, or the refusal.
fn framed(bytes: &[u8]) -> Result<Vec<Vec<u8>>, FramingError> {
    let mut framing = Framing::new(FramingLimits::default());
    let mut bodies = Vec::new();
    let mut body: Vec<u8> = Vec::new();
    let mut chunked = false;
    for byte in bytes {
        let before = framing.phase();
        framing.push(&[*byte]).map_err(|refusal| refusal.error)?;
        if before == Phase::Body {
            body.push(*byte);
        }
        if let State::Chunked(_) = framing.state {
            chunked = true;
        }
        if framing.messages_complete() > bodies.len() as u64 {
            let raw = std::mem::take(&mut body);
            bodies.push(if std::mem::take(&mut chunked) { unchunked(&raw) } else { raw });
        }
    }
    Ok(bodies)
}

/// A chunked body that the framing took, without its chunks.
fn unchunked(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = raw.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let digits = raw[..line].split(|byte| *byte == b';').next().unwrap();
        let size = usize::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend(&raw[line + 2..line + 2 + size]);
        raw = &raw[line + 2 + size + 2..];
    }
}

/// Pieces of requests, honest and not, that mutations put together.
const PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /p HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "Host: a\r\n",
    "host:b\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "content-length:\t3 \r\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: +5\r\n",
    "Content-Length : 5\r\n",
    "Content_Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding:CHUNKED\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    "Transfer-Encoding:\u{b}chunked\r\n",
    "Transfer-Encoding\r\n : chunked\r\n",
    "X: a\r\n b\r\n",
    "X: a\nTransfer-Encoding: chunked\r\n",
    "X: a\rContent-Length: 5\r\n",
    "Connection: close\r\n",
    "Expect: 100-continue\r\n",
    "\r\n",
    "\n",
    "\r",
    "hello",
    "5\r\nhello\r\n",
    "05;x=y\r\nhello\r\n",
    "5 \r\nhello\r\n",
    "5\nhello\r\n",
    "0x5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "0\r\nContent-Length: 5\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "PUT /x?y=z HTTP/1.1\r\nAccept: */*\r\nHost: a\r\nContent-Length: 27\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n",
];

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(PIECES), 1..12).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Mostly honest requests, so that mutations are seen one by one.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let whole = PIECES.iter().copied().filter(|piece| framed(piece.as_bytes()).is_ok_and(|bodies| bodies.len() == 1));
    prop::collection::vec(prop::sample::select(whole.collect::<Vec<_>>()), 1..5)
        .prop_map(|requests| requests.concat().into_bytes())
}

#[derive(Clone, Debug)]
enum Mutation {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index),
    Repeat(prop::sample::Index, usize),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let octet = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n\t :;,0aA\0\x0b\x7f\xff".to_vec())];
    let inserted = prop_oneof![
        prop::collection::vec(octet.clone(), 1..4),
        prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
    ];
    let mutation = prop_oneof![
        (any::<prop::sample::Index>(), octet).prop_map(|(at, octet)| Mutation::Replace(at, octet)),
        (any::<prop::sample::Index>(), inserted).prop_map(|(at, octets)| Mutation::Insert(at, octets)),
        any::<prop::sample::Index>().prop_map(Mutation::Remove),
        (any::<prop::sample::Index>(), 1usize..20).prop_map(|(at, length)| Mutation::Repeat(at, length)),
    ];
    prop::collection::vec(mutation, 0..3)
}

fn mutated(mut bytes: Vec<u8>, mutations: Vec<Mutation>) -> Vec<u8> {
    for mutation in mutations {
        if bytes.is_empty() {
            return bytes;
        }
        match mutation {
            Mutation::Replace(at, octet) => *at.get_mut(&mut bytes) = octet,
            Mutation::Insert(at, octets) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, octets);
            }
            Mutation::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Mutation::Repeat(at, length) => {
                let at = at.index(bytes.len());
                let repeated = bytes[at..bytes.len().min(at + length)].to_vec();
                bytes.splice(at..at, repeated);
            }
        }
    }
    bytes
}

fn agree(bytes: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    let Ok(expected) = framed(bytes) else { return Ok(()) };
    let served = hyper(bytes, cuts);
    let text = bytes.escape_ascii().to_string();
    prop_assert!(expected.starts_with(&served.bodies), "{served:?}, not {expected:?} of {text}");
    if !served.closed && !served.broken {
        prop_assert_eq!(&served.bodies, &expected, "{}", text);
    }
    Ok(())
}

#[test]
fn honest_requests_are_served_as_they_are_framed() {
    let all = PIECES.iter().filter(|piece| framed(piece.as_bytes()).is_ok_and(|bodies| bodies.len() == 1));
    let bytes = all.copied().collect::<String>().into_bytes();
    let expected = framed(&bytes).unwrap();
    assert_eq!(expected.len(), 4);
    let served = hyper(&bytes, &[]);
    assert!(!served.closed && !served.broken);
    assert_eq!(served.bodies, expected);
}

#[test]
fn hyper_alone_reads_shapes_that_the_framing_refuses() {
    let both =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let bare = "GET / HTTP/1.1\nHost: a\n\n";
    for shape in [both, bare] {
        assert!(framed(shape.as_bytes()).is_err());
        assert_eq!(hyper(shape.as_bytes(), &[]).bodies.len(), 1, "{shape}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn mutated_requests_are_served_as_they_are_framed(
        requests in requests(),
        mutations in mutations(),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = mutated(requests, mutations);
        agree(&bytes, &[cut.index(bytes.len() + 1)])?;
    }

    #[test]
    fn requests_of_random_pieces_are_served_as_they_are_framed(
        bytes in pieces(),
        cut in any::<prop::sample::Index>(),
    ) {
        agree(&bytes, &[cut.index(bytes.len() + 1)])?;
    }
}
