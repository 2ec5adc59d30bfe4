//! What reaches the backend, and what comes back: byte for byte, over HTTP/1.1 and HTTP/2.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::support::{Answer, Backend, Caller, Door, HOST, Pki, Setup, raw, request, within};

#[tokio::test]
async fn a_request_reaches_the_backend_as_it_was_sent() {
    let door = Door::open().await;
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let path = "/tsh/v1/cards/a%20b~c;d=e";
    let query = "from=2024-01-01T00:00:00%2B02:00&empty=&flag&slash=/%20+";
    for (version, caller) in both(&door) {
        let mut session = caller.session().await.unwrap();
        let request = request("PUT", &format!("{path}?{query}"))
            .header("content-type", "application/json; charset=utf-8")
            .header("x-issuer-id", "ISSUER0001")
            .header("x-twice", "one")
            .header("x-twice", "two, three")
            .header("x-empty", "")
            .header("x-latin", http::HeaderValue::from_bytes(b"caf\xe9").unwrap());
        let reply = session.send(request.body(body.clone().into()).unwrap()).await.unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (200, "received"), "{version}");
        assert_eq!(reply.headers["x-backend"], "yes", "{version}");
        let received = door.backend.received(path);
        assert_eq!(received.method, Method::PUT, "{version}");
        assert_eq!(received.uri.query(), Some(query), "{version}");
        assert_eq!(received.body, body, "{version}");
        assert_eq!(received.headers["content-type"], "application/json; charset=utf-8", "{version}");
        assert_eq!(received.headers["x-issuer-id"], "ISSUER0001", "{version}");
        assert_eq!(received.headers.get_all("x-twice").iter().collect::<Vec<_>>(), ["one", "two, three"], "{version}");
        assert_eq!(received.headers["x-empty"], "", "{version}");
        assert_eq!(received.headers["x-latin"].as_bytes(), b"caf\xe9", "{version}");
    }
}

#[tokio::test]
async fn every_verb_and_status_passes() {
    let door = Door::open().await;
    for (version, caller) in both(&door) {
        let mut session = caller.session().await.unwrap();
        for verb in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let reply = session.send(request(verb, "/verb").body(Bytes::new()).unwrap()).await.unwrap();
            assert_eq!(reply.status, 200, "{verb} over {version}");
            assert_eq!(door.backend.received("/verb").method, verb, "{version}");
        }
        for status in [201, 204, 302, 400, 401, 404, 409, 422, 429, 500, 503] {
            let path = format!("/status/{status}");
            door.backend.answer(&path, Answer::Fixed(StatusCode::from_u16(status).unwrap(), ""));
            let reply = session.send(request("GET", &path).body(Bytes::new()).unwrap()).await.unwrap();
            assert_eq!(reply.status, status, "{version}");
        }
    }
}

#[tokio::test]
async fn head_is_answered_without_a_body() {
    let door = Door::open().await;
    for (version, caller) in both(&door) {
        let mut session = caller.session().await.unwrap();
        for _ in 0..2 {
            let reply = session.send(request("HEAD", "/head").body(Bytes::new()).unwrap()).await.unwrap();
            assert_eq!((reply.status, reply.body.len()), (200, 0), "{version}");
            assert_eq!(reply.headers["content-length"], "8", "{version}");
        }
        assert_eq!(door.backend.received("/head").method, Method::HEAD, "{version}");
    }
}

#[tokio::test]
async fn a_streamed_request_and_its_answer_flow_both_ways_before_either_ends() {
    let door = Door::open().await;
    door.backend.answer("/echo", Answer::Echo);
    for (version, caller) in both(&door) {
        let mut session = caller.session().await.unwrap();
        let (chunks, mut queue) = mpsc::channel::<Bytes>(1);
        let frames =
            futures_util::stream::poll_fn(move |context| queue.poll_recv(context).map(|c| c.map(Frame::data).map(Ok)));
        chunks.send("first".into()).await.unwrap();
        let response =
            session.begin(request("POST", "/echo").body(StreamBody::new(frames).boxed()).unwrap()).await.unwrap();
        let mut body = response.into_body();
        let first = within("the first chunk", body.frame()).await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "first", "{version}");
        chunks.send("second".into()).await.unwrap();
        let second = within("the second chunk", body.frame()).await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(second, "second", "{version}");
        drop(chunks);
        let rest = within("the end", body.collect()).await.unwrap().to_bytes();
        assert_eq!(rest, "", "{version}");
    }
}

#[tokio::test]
async fn an_answer_is_passed_on_while_the_backend_still_writes_it() {
    let door = Door::open().await;
    for (version, caller) in both(&door) {
        let chunks = door.backend.stream("/stream");
        let mut session = caller.session().await.unwrap();
        let response = session.begin(request("GET", "/stream").body(empty()).unwrap()).await.unwrap();
        let mut body = response.into_body();
        for text in ["one", "two"] {
            chunks.send(text.into()).await.unwrap();
            let frame = within("a chunk", body.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), text, "{version}");
        }
        drop(chunks);
        let rest = within("the end", body.collect()).await.unwrap().to_bytes();
        assert_eq!(rest, "", "{version}");
    }
}

#[tokio::test]
async fn a_kept_connection_serves_many_requests_and_reuses_the_backend_s() {
    let door = Door::open().await;
    for (version, caller) in both(&door) {
        let mut session = caller.session().await.unwrap();
        for n in 0..20 {
            let reply = session.send(request("POST", "/kept").body(format!("{n}").into()).unwrap()).await.unwrap();
            assert_eq!(reply.status, 200, "{version}");
        }
    }
    assert_eq!(door.backend.arrivals("/kept"), 40);
    assert!(door.backend.connections() < 10, "{} connections for 40 requests", door.backend.connections());
}

#[tokio::test]
async fn chunks_with_extensions_and_an_expectation_arrive_whole() {
    let door = Door::open().await;
    let mut stream = door.honest().connect().await.unwrap();
    let head = format!("POST /chunked HTTP/1.1\r\nhost: {HOST}\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(format!("{head}5;name=value\r\nhello\r\n6\r\n world\r\n0\r\n\r\n").as_bytes()).await.unwrap();
    raw::read_until(&mut stream, "received").await;
    assert_eq!(door.backend.received("/chunked").body, "hello world");

    let head = format!("POST /expect HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    raw::read_until(&mut stream, "HTTP/1.1 100").await;
    stream.write_all(b"hello").await.unwrap();
    raw::read_until(&mut stream, "received").await;
    assert_eq!(door.backend.received("/expect").body, "hello");
}

#[tokio::test]
async fn a_body_whose_length_nobody_said_arrives_whatever_the_verb() {
    let door = Door::open().await;
    for verb in ["GET", "DELETE", "POST"] {
        let mut stream = door.honest().connect().await.unwrap();
        let head = format!("{verb} /odd HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\ntransfer-encoding: chunked");
        let received = raw::exchange(&mut stream, format!("{head}\r\n\r\n3\r\nabc\r\n0\r\n\r\n").as_bytes()).await;
        assert_eq!(raw::statuses(&received), [200], "{verb}");
        assert_eq!(door.backend.received("/odd").body, "abc", "{verb}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let door = Door::open().await;
    let mut stream = door.honest().connect().await.unwrap();
    for path in ["/one", "/two", "/three"] {
        door.backend.answer(path, Answer::Echo);
    }
    let one = format!("POST /one HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 3\r\n\r\nONE");
    let two = format!("POST /two HTTP/1.1\r\nhost: {HOST}\r\ntransfer-encoding: chunked\r\n\r\n3\r\nTWO\r\n0\r\n\r\n");
    let three = format!("POST /three HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 5\r\nconnection: close\r\n\r\nTHREE");
    let received = raw::exchange(&mut stream, format!("{one}{two}{three}").as_bytes()).await;
    let text = String::from_utf8_lossy(&received).into_owned();
    assert_eq!(raw::statuses(&received), [200, 200, 200], "{text}");
    let positions: Vec<_> = ["ONE", "TWO", "THREE"].map(|body| text.find(body).unwrap()).into();
    assert!(positions.is_sorted(), "{text}");
}

#[tokio::test]
async fn a_backend_that_speaks_only_http2_is_spoken_to_in_http2() {
    let backend = Backend::h2c().await;
    let setup = Setup { backend: "protocol = \"http2\"", ..Setup::default() };
    let door = Door::before(backend, Pki::new(), setup).await;
    for (version, caller) in both(&door) {
        caller.expect_accepted(version).await;
        let received = door.backend.received("/accepted");
        assert_eq!((received.version, received.body.as_ref()), (http::Version::HTTP_2, &b"honest"[..]), "{version}");
    }
}

#[tokio::test]
async fn a_request_is_traceable() {
    let door = Door::open().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut session = door.honest().session().await.unwrap();
    let call = request("GET", "/traced").header("traceparent", parent).body(Bytes::new()).unwrap();
    session.send(call).await.unwrap();
    let received = door.backend.received("/traced").headers["traceparent"].to_str().unwrap().to_owned();
    assert!(received.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{received}");
    session.send(request("GET", "/untraced").body(Bytes::new()).unwrap()).await.unwrap();
    let made = door.backend.received("/untraced").headers["traceparent"].to_str().unwrap().to_owned();
    assert_eq!((made.len(), made.split('-').count()), (55, 4), "{made}");
}

fn both(door: &Door) -> [(&'static str, Caller); 2] {
    [("HTTP/1.1", door.honest()), ("HTTP/2", door.honest().h2())]
}

fn empty() -> http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible> {
    http_body_util::Empty::new().boxed()
}
