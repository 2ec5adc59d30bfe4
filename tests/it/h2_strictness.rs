//! HTTP/2 messages that a backend on HTTP/1.1 could be confused by (RFC 9113, 8.1 to 8.3 and 10.3): none reaches it.

use crate::support::frames::{self, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS};
use crate::support::{Door, HOST, Setup};

#[tokio::test]
async fn an_honest_request_by_hand_is_answered() {
    let door = door().await;
    let request = Frame::request(1, END_STREAM, "GET", "/by-hand", &[("x-kept", "yes")]);
    let answer = answer(&door, &[request]).await;
    assert_eq!(answer.kind, HEADERS, "{answer:?}");
    assert_eq!(answer.payload[0], 0x88, "not the indexed field of status 200: {answer:?}");
    assert_eq!(door.backend.received("/by-hand").headers["x-kept"], "yes");
}

#[tokio::test]
async fn fields_that_http2_forbids_are_refused() {
    let door = door().await;
    for (name, value) in [
        ("connection", "keep-alive"),
        ("connection", "transfer-encoding"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("X-Upper", "case"),
        ("x space", "name"),
        ("x-colon:", "name"),
        ("x-crlf\r\nx-smuggled", "name"),
        ("", "no name"),
        ("x-crlf", "a\r\nx-smuggled: 1"),
        ("x-lf", "a\nx-smuggled: 1"),
        ("x-nul", "a\0b"),
        (":unknown", "pseudo"),
        (":path", "/twice"),
        (":status", "200"),
    ] {
        let request = Frame::request(1, END_STREAM, "GET", "/forbidden", &[(name, value)]);
        refuse(&door, &format!("{name:?}: {value:?}"), &[request]).await;
    }
    reaches_nobody(&door).await;
}

#[tokio::test]
async fn pseudo_fields_that_are_missing_or_mad_are_refused() {
    let door = door().await;
    let all = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/pseudo")];
    for missing in [":method", ":scheme", ":path"] {
        let fields: Vec<_> = all.iter().filter(|(name, _)| *name != missing).copied().collect();
        refuse(&door, &format!("without {missing}"), &[headers(&fields)]).await;
    }
    for (name, value) in [
        (":path", ""),
        (":path", "pseudo"),
        (":path", "/pseudo HTTP/1.1\r\nx-smuggled: 1\r\n"),
        (":path", "/pseudo x"),
        (":path", "/pseudo?\u{85}"),
        (":path", "/pseudo?\u{a0}HTTP/1.1"),
        (":path", "/pseudo?\u{7f}"),
        (":path", "/;/pseudo"),
        (":method", "GE T"),
        (":method", "GET /smuggled HTTP/1.1\r\n"),
        (":method", ""),
        (":authority", "issuer.bank.test\r\nx-smuggled: 1"),
        (":authority", "user@issuer.bank.test"),
        (":scheme", "ht tp"),
    ] {
        let fields: Vec<_> = all.iter().map(|field| if field.0 == name { (name, value) } else { *field }).collect();
        refuse(&door, &format!("{name} = {value:?}"), &[headers(&fields)]).await;
    }
    let late = [("x-early", "1"), (":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/pseudo")];
    refuse(&door, "a pseudo-field after a field", &[headers(&late)]).await;
    let other_host = Frame::request(1, END_STREAM, "GET", "/pseudo", &[("host", "other.bank.test")]);
    refuse(&door, "a Host that differs from :authority", &[other_host]).await;
    reaches_nobody(&door).await;
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_announced_is_refused() {
    let door = door().await;
    let head = |length: &str| Frame::request(1, 0, "POST", "/length", &[("content-length", length)]);
    let data = |flags, bytes: &str| Frame::new(DATA, flags, 1, bytes.as_bytes());
    refuse(&door, "a body that is too long", &[head("3"), data(END_STREAM, "abcdef")]).await;
    refuse(&door, "a body that is too short", &[head("6"), data(END_STREAM, "abc")]).await;
    refuse(&door, "no body", &[Frame::request(1, END_STREAM, "POST", "/length", &[("content-length", "3")])]).await;
    refuse(&door, "a length that is no number", &[head("3x"), data(END_STREAM, "abc")]).await;
    let two = Frame::request(1, 0, "POST", "/length", &[("content-length", "3"), ("content-length", "6")]);
    refuse(&door, "two lengths", &[two, data(END_STREAM, "abc")]).await;
    let equal = Frame::request(1, 0, "POST", "/length", &[("content-length", "3"), ("content-length", "3")]);
    refuse(&door, "two equal lengths", &[equal, data(END_STREAM, "abc")]).await;
    assert!(door.backend.arrivals("/length") <= 1, "of a body that is too short the head may have left");
    let received = answer(&door, &[head("3"), data(END_STREAM, "abc")]).await;
    assert_eq!((received.kind, received.payload[0]), (HEADERS, 0x88), "{received:?}");
    assert_eq!(door.backend.received("/length").body, "abc");
}

#[tokio::test]
async fn frames_out_of_order_end_the_connection() {
    let door = door().await;
    let open = Frame::request(1, 0, "POST", "/order", &[]);
    let mut unfinished = open.clone();
    unfinished.flags = 0;
    for (what, said) in [
        ("DATA on a stream that is not open", vec![Frame::new(DATA, END_STREAM, 1, b"x")]),
        ("HEADERS on stream 0", vec![Frame { stream: 0, ..open.clone() }]),
        ("HEADERS on an even stream", vec![Frame { stream: 2, ..open.clone() }]),
        (
            "a stream number that goes down",
            vec![Frame { stream: 5, ..open.clone() }, Frame { stream: 3, ..open.clone() }],
        ),
        ("CONTINUATION of nothing", vec![Frame::new(CONTINUATION, END_HEADERS, 1, [])]),
        ("another frame inside a header block", vec![unfinished, Frame::new(DATA, 0, 1, b"x")]),
        ("a frame that is too large", vec![Frame::new(DATA, 0, 1, vec![0; 0x10_0000])]),
        ("a header block that is no HPACK", vec![Frame::new(HEADERS, END_HEADERS | END_STREAM, 1, [0xff; 40])]),
        ("a WINDOW_UPDATE of zero", vec![Frame::new(8, 0, 0, [0; 4])]),
        ("a PING of three bytes", vec![Frame::new(frames::PING, 0, 0, [0; 3])]),
        ("SETTINGS with an illegal value", vec![Frame::new(frames::SETTINGS, 0, 0, [0, 4, 0xff, 0xff, 0xff, 0xff])]),
        ("PUSH_PROMISE from a client", vec![Frame::new(5, END_HEADERS, 1, [0, 0, 0, 2])]),
        ("padding longer than the frame", vec![open, Frame::new(DATA, 8, 1, [200, 1, 2])]),
    ] {
        let answered = converse(&door, &said).await;
        assert!(frames::ended_for_cause(&answered), "{what}: {answered:?}");
    }
    reaches_nobody(&door).await;
}

async fn door() -> Door {
    Door::with(Setup { server: "keep_alive_idle = \"2s\"\nbody_timeout = \"2s\"", ..Setup::default() }).await
}

fn headers(fields: &[(&str, &str)]) -> Frame {
    let block: Vec<u8> = fields.iter().flat_map(|(name, value)| frames::literal(name, value)).collect();
    Frame::new(HEADERS, END_HEADERS | END_STREAM, 1, block)
}

/// Sends the frames on a connection of their own; returns what came back until stream 1 or the connection was ended.
async fn converse(door: &Door, said: &[Frame]) -> Vec<Frame> {
    let stream = door.honest().h2().connect().await.unwrap();
    let bytes = said.iter().fold(frames::opening(), |bytes, frame| [bytes, frame.bytes()].concat());
    frames::converse(stream, bytes, |frame| frame.error().is_some() || frame.kind == HEADERS).await
}

async fn answer(door: &Door, said: &[Frame]) -> Frame {
    converse(door, said).await.pop().unwrap_or_else(|| panic!("the connection was closed without a word"))
}

/// Asserts that the request is not answered with success: a reset, the end of the connection, or a status of 4xx.
async fn refuse(door: &Door, what: &str, said: &[Frame]) {
    let answered = converse(door, said).await;
    let Some(last) = answered.last() else { return };
    let reset = last.error().is_some();
    // 0x88 is the indexed field of status 200; statuses of 4xx are coded otherwise.
    let answered_well = last.kind == HEADERS && last.payload.first() == Some(&0x88);
    assert!(reset || !answered_well, "{what} was answered with 200");
}

async fn reaches_nobody(door: &Door) {
    for path in ["/forbidden", "/pseudo", "/smuggled"] {
        assert_eq!(door.backend.arrivals(path), 0, "{path} reached the backend");
    }
    door.is_unharmed().await;
}
