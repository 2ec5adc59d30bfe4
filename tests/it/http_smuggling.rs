//! Requests that two readers could understand differently. None of them gets a second request past the server.

use crate::support::{Door, HOST, Setup, raw};

/// What a smuggler wants the backend to see.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: issuer.bank.test\r\nx-smuggled: 1\r\n\r\n";

#[tokio::test]
async fn ambiguous_framing_is_refused_and_smuggles_nothing() {
    let door = door().await;
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    for (what, fields, body) in [
        ("TE and CL", "content-length: 4\r\ntransfer-encoding: chunked\r\n", chunked.as_str()),
        ("CL and TE", "transfer-encoding: chunked\r\ncontent-length: 4\r\n", &chunked),
        ("two different CL", "content-length: 0\r\ncontent-length: 70\r\n", SMUGGLED),
        ("two equal CL", "content-length: 3\r\ncontent-length: 3\r\n", "abc"),
        ("a list of CL", "content-length: 3, 3\r\n", "abc"),
        ("CL with plus", "content-length: +3\r\n", "abc"),
        ("CL with minus", "content-length: -1\r\n", ""),
        ("CL in hexadecimal", "content-length: 0x3\r\n", "abc"),
        ("CL with a space inside", "content-length: 1 0\r\n", SMUGGLED),
        ("an empty CL", "content-length: \r\n", SMUGGLED),
        ("CL beyond all numbers", "content-length: 99999999999999999999999\r\n", SMUGGLED),
        ("an unknown coding", "transfer-encoding: xchunked\r\n", &chunked),
        ("identity", "transfer-encoding: identity\r\ncontent-length: 0\r\n", SMUGGLED),
        ("chunked not last", "transfer-encoding: chunked, identity\r\n", &chunked),
        ("gzip before chunked", "transfer-encoding: gzip, chunked\r\n", &chunked),
        ("chunked twice", "transfer-encoding: chunked, chunked\r\n", &chunked),
        ("two TE", "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", &chunked),
        ("quoted chunked", "transfer-encoding: \"chunked\"\r\n", &chunked),
        ("chunked with a vertical tab", "transfer-encoding: \x0bchunked\r\n", &chunked),
        ("chunked with a semicolon", "transfer-encoding: chunked;x=y\r\n", &chunked),
        ("a space before the colon", "transfer-encoding : chunked\r\n", &chunked),
        ("a space before CL's colon", "content-length : 70\r\n", SMUGGLED),
        ("a tab before the colon", "content-length\t: 70\r\n", SMUGGLED),
        ("a folded line", "x-fold: a\r\n content-length: 70\r\n", SMUGGLED),
        ("a folded TE", "transfer-encoding:\r\n chunked\r\n", &chunked),
        ("a line that begins with space", " x: y\r\n", ""),
        ("a bare LF", "x: y\ncontent-length: 70\r\n", SMUGGLED),
        ("a bare CR", "x: y\rcontent-length: 70\r\n", SMUGGLED),
        ("a NUL", "x: a\0b\r\n", ""),
        ("a name that is no token", "x{}: y\r\n", ""),
        ("no name", ": y\r\n", ""),
        ("a line without a colon", "nothing\r\n", ""),
    ] {
        refuse(&door, what, &format!("POST /front HTTP/1.1\r\nhost: {HOST}\r\n{fields}\r\n{body}")).await;
    }
    smuggled_nothing(&door).await;
}

#[tokio::test]
async fn broken_chunks_are_refused_and_smuggle_nothing() {
    let door = door().await;
    for (what, body) in [
        ("a size beyond all numbers", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        ("a size that overflows to 3", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        ("a negative size", "-1\r\nabc\r\n0\r\n\r\n"),
        ("a size with plus", "+3\r\nabc\r\n0\r\n\r\n"),
        ("a size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("a size that is no number", "xyz\r\nabc\r\n0\r\n\r\n"),
        ("no size", "\r\nabc\r\n0\r\n\r\n"),
        ("a size with an underscore", "1_0\r\nabc\r\n0\r\n\r\n"),
        ("a space before the size", " 3\r\nabc\r\n0\r\n\r\n"),
        ("a chunk that is too long", "3\r\nabcdef\r\n0\r\n\r\n"),
        ("a chunk without CRLF", "3\r\nabc0\r\n\r\n"),
        ("a size that ends with a bare LF", "3\nabc\r\n0\r\n\r\n"),
        ("an extension with a bare LF", "3;x=\ny\r\nabc\r\n0\r\n\r\n"),
        ("a chunk that ends with a bare LF", "3\r\nabc\n0\r\n\r\n"),
        ("a chunk that ends with anything", "3\r\nabcXX0\r\n\r\n"),
    ] {
        let head = format!("POST /front HTTP/1.1\r\nhost: {HOST}\r\ntransfer-encoding: chunked\r\n\r\n");
        refuse(&door, what, &format!("{head}{body}{SMUGGLED}")).await;
    }
    smuggled_nothing(&door).await;
}

#[tokio::test]
async fn malformed_request_lines_are_refused() {
    let door = door().await;
    for (what, line) in [
        ("HTTP/0.9", "GET /smuggled"),
        ("HTTP/2 without its preface", "GET /smuggled HTTP/2.0"),
        ("HTTP/1.2", "GET /smuggled HTTP/1.2"),
        ("a version in small letters", "GET /smuggled http/1.1"),
        ("a space too many", "GET  /smuggled HTTP/1.1"),
        ("a target with a space", "GET /smuggled /x HTTP/1.1"),
        ("no target", "GET HTTP/1.1"),
        ("no method", " /smuggled HTTP/1.1"),
        ("a method that is no token", "G(T /smuggled HTTP/1.1"),
        ("a target with a control character", "GET /smug\x01gled HTTP/1.1"),
        ("a target that is no path", "GET smuggled HTTP/1.1"),
        ("the preface of HTTP/2", "PRI * HTTP/2.0"),
        ("TRACE", "TRACE /smuggled HTTP/1.1"),
        ("CONNECT", "CONNECT issuer.bank.test:443 HTTP/1.1"),
    ] {
        refuse(&door, what, &format!("{line}\r\nhost: {HOST}\r\nconnection: close\r\n\r\n")).await;
    }
    smuggled_nothing(&door).await;
}

#[tokio::test]
async fn a_body_is_never_taken_for_a_request() {
    let door = door().await;
    let length = SMUGGLED.len();
    let head = |method: &str, framing: &str| format!("{method} /front HTTP/1.1\r\nhost: {HOST}\r\n{framing}\r\n\r\n");
    let last = format!("GET /last HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
    let announced = format!("content-length: {length}");
    for call in [
        format!("{}{SMUGGLED}", head("POST", &announced)),
        format!("{}{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", head("POST", "transfer-encoding: chunked")),
        format!("{}{SMUGGLED}", head("GET", &announced)),
        format!("{}{SMUGGLED}", head("DELETE", &announced)),
    ] {
        assert_eq!(raw::statuses(&send(&door, &format!("{call}{last}")).await), [200, 200], "{call}");
        assert_eq!(door.backend.received("/front").body, SMUGGLED);
    }
    smuggled_nothing(&door).await;
    // Control: without a body in front of it, the same bytes are a request.
    let plain = format!("{}{SMUGGLED}{last}", head("POST", "content-length: 0"));
    assert_eq!(raw::statuses(&send(&door, &plain).await), [200, 200, 200]);
    assert_eq!(door.backend.arrivals("/smuggled"), 1);
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let door = door().await;
    let received = send(&door, &format!("GET /old HTTP/1.0\r\nhost: {HOST}\r\n\r\n")).await;
    let text = String::from_utf8_lossy(&received);
    assert!(text.starts_with("HTTP/1.") && text.contains(" 200 ") && text.ends_with("received"), "{text}");
    // RFC 9112, 6.1: a Transfer-Encoding in an HTTP/1.0 message is faulty framing.
    let chunked =
        format!("POST /front HTTP/1.0\r\nhost: {HOST}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}");
    send(&door, &chunked).await;
    smuggled_nothing(&door).await;
}

async fn door() -> Door {
    Door::with(Setup { server: "body_timeout = \"2s\"", ..Setup::default() }).await
}

async fn send(door: &Door, bytes: &str) -> Vec<u8> {
    let mut stream = door.honest().connect().await.unwrap();
    raw::exchange(&mut stream, bytes.as_bytes()).await
}

/// Asserts that the bytes earn one answer of 4xx or 5xx, or none, and then the end of the connection.
async fn refuse(door: &Door, what: &str, bytes: &str) {
    let received = send(door, bytes).await;
    let statuses = raw::statuses(&received);
    let refused = statuses.len() <= 1 && statuses.iter().all(|status| (400..600).contains(status));
    assert!(refused, "{what}: {statuses:?}\n{}", String::from_utf8_lossy(&received));
}

async fn smuggled_nothing(door: &Door) {
    assert_eq!(door.backend.arrivals("/smuggled"), 0, "a smuggled request reached the backend");
    door.is_unharmed().await;
}
