//! Host check, sizes and counts: what the server answers itself instead of passing it on.

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;

use crate::support::{Caller, Door, HOST, Setup, raw, request};

#[tokio::test]
async fn a_request_for_another_host_is_misdirected() {
    let door = Door::open().await;
    for host in ["other.bank.test", "issuer.bank.test.evil.test", "127.0.0.1", "localhost:8443", "bank.test"] {
        assert_eq!(ask(&door, &format!("GET /host HTTP/1.1\r\nhost: {host}\r\n\r\n")).await, [421], "{host}");
        assert_eq!(
            ask(&door, &format!("GET https://{host}/host HTTP/1.1\r\nhost: {host}\r\n\r\n")).await,
            [421],
            "{host}"
        );
        let mut session = door.honest().h2().session().await.unwrap();
        let call = http::Request::get(format!("https://{host}/host")).body(Bytes::new()).unwrap();
        assert_eq!(session.send(call).await.unwrap().status, 421, "{host} over HTTP/2");
    }
    assert_eq!(door.backend.all_arrivals(), 0);
    for host in [HOST, "ISSUER.bank.TEST", "issuer.bank.test.", "issuer.bank.test:443", "Issuer.bank.test.:8443"] {
        assert_eq!(ask(&door, &format!("GET /host HTTP/1.1\r\nhost: {host}\r\n\r\n")).await, [200], "{host}");
        let mut session = door.honest().h2().session().await.unwrap();
        let call = http::Request::get(format!("https://{host}/host")).body(Bytes::new()).unwrap();
        assert_eq!(session.send(call).await.unwrap().status, 200, "{host} over HTTP/2");
    }
}

#[tokio::test]
async fn a_request_without_one_clear_host_is_refused() {
    let door = Door::open().await;
    for (what, head) in [
        ("no Host", "GET /host HTTP/1.1\r\n\r\n".to_owned()),
        ("two Hosts", format!("GET /host HTTP/1.1\r\nhost: {HOST}\r\nhost: other.bank.test\r\n\r\n")),
        ("twice the same Host", format!("GET /host HTTP/1.1\r\nhost: {HOST}\r\nhost: {HOST}\r\n\r\n")),
        ("an empty Host", "GET /host HTTP/1.1\r\nhost: \r\n\r\n".to_owned()),
        ("a Host with a path", format!("GET /host HTTP/1.1\r\nhost: {HOST}/x\r\n\r\n")),
        ("a Host with a user", format!("GET /host HTTP/1.1\r\nhost: user@{HOST}\r\n\r\n")),
        ("two Hosts in one", format!("GET /host HTTP/1.1\r\nhost: {HOST}, {HOST}\r\n\r\n")),
    ] {
        let statuses = ask(&door, &head).await;
        assert!(statuses == [400] || statuses == [421], "{what}: {statuses:?}");
    }
    assert_eq!(door.backend.all_arrivals(), 0);
    let two = format!("GET /host HTTP/1.1\r\nhost: {HOST}\r\nhost: {HOST}\r\n\r\n");
    assert_eq!(ask(&door, &two).await, [400]);
}

#[tokio::test]
async fn an_absolute_target_is_taken_by_its_own_host() {
    let door = Door::open().await;
    let own = format!("GET https://{HOST}/absolute?q=1 HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    assert_eq!(ask(&door, &own).await, [200]);
    let received = door.backend.received("/absolute");
    assert_eq!(received.uri.path_and_query().unwrap().as_str(), "/absolute?q=1");
    let disguised = format!("GET https://other.bank.test/disguised HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    let statuses = ask(&door, &disguised).await;
    assert!(statuses == [400] || statuses == [421], "{statuses:?}");
    for target in [format!("{HOST}:443"), "*".to_owned()] {
        let statuses = ask(&door, &format!("CONNECT {target} HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
        assert!(statuses.iter().all(|status| *status >= 400), "CONNECT {target}: {statuses:?}");
    }
    assert_eq!(door.backend.all_arrivals(), 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_with_413() {
    let server = "max_body_size = \"64 KiB\"";
    let door = Door::with(Setup { server, ..Setup::default() }).await;
    let limit = 64 * 1024;
    for (version, caller) in both(&door) {
        for (length, status) in [(limit, 200), (limit + 1, 413)] {
            let announced = request("POST", "/size").body(vec![b'x'; length].into()).unwrap();
            let reply = caller.session().await.unwrap().send(announced).await.unwrap();
            assert_eq!(reply.status, status, "{length} bytes over {version}");
            let chunks =
                [vec![b'x'; length / 2], vec![b'x'; length - length / 2]].map(|c| Ok(Frame::data(Bytes::from(c))));
            let streamed = StreamBody::new(futures_util::stream::iter(chunks)).boxed();
            let mut session = caller.session().await.unwrap();
            let response = session.begin(request("POST", "/size").body(streamed).unwrap()).await.unwrap();
            assert_eq!(response.status(), status, "{length} streamed bytes over {version}");
        }
    }
    // Whoever asks first is told so before it sends the body.
    let head = format!("POST /size HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 65537\r\nexpect: 100-continue\r\n\r\n");
    assert_eq!(ask(&door, &head).await, [413]);
    let huge = format!("POST /size HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 18446744073709551615\r\n\r\n");
    let statuses = ask(&door, &huge).await;
    assert!(statuses == [413] || statuses == [400], "{statuses:?}");
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_head_over_the_limits_is_answered_with_431() {
    let server = "max_header_size = \"16 KiB\"\nmax_headers = 50";
    let door = Door::with(Setup { server, ..Setup::default() }).await;
    let head = |fields: &str| format!("GET /head HTTP/1.1\r\nhost: {HOST}\r\n{fields}\r\n");
    let big = |length: usize| head(&format!("x-big: {}\r\n", "x".repeat(length)));
    let many = |count: usize| head(&"x-many: 1\r\n".repeat(count));
    assert_eq!(ask(&door, &big(8_000)).await, [200]);
    assert_eq!(ask(&door, &big(20_000)).await, [431]);
    assert_eq!(ask(&door, &many(40)).await, [200]);
    assert_eq!(ask(&door, &many(60)).await, [431]);
    let mut session = door.honest().h2().session().await.unwrap();
    let call = request("GET", "/head").header("x-big", "x".repeat(8_000)).body(Bytes::new()).unwrap();
    assert_eq!(session.send(call).await.unwrap().status, 200);
    let call = request("GET", "/head").header("x-big", "x".repeat(20_000)).body(Bytes::new()).unwrap();
    // An HTTP/2 client that knows the server's limit does not even send it.
    let status = session.send(call).await.map(|reply| reply.status);
    assert!(status.is_err() || status == Ok(431), "{status:?}");
    drop(session);
    let long = format!("GET /{} HTTP/1.1\r\nhost: {HOST}\r\n\r\n", "x".repeat(100_000));
    let statuses = ask(&door, &long).await;
    assert!(statuses == [414] || statuses == [431], "{statuses:?}");
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_is_refused() {
    let door = Door::open().await;
    for path in ["//a", "/a/../b", "/a/./b", "/a/%2e%2e/b", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00b", "/a%zz", "/..;/a"] {
        assert_eq!(ask(&door, &format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await, [400], "{path}");
    }
    assert_eq!(door.backend.all_arrivals(), 0);
    assert_eq!(ask(&door, &format!("GET /a/b.c/%20d HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await, [200]);
    assert_eq!(door.backend.arrivals("/a/b.c/%20d"), 1);
}

fn both(door: &Door) -> [(&'static str, Caller); 2] {
    [("HTTP/1.1", door.honest()), ("HTTP/2", door.honest().h2())]
}

/// Sends a request over a connection of its own, says that it is the last one there, and returns the statuses that come back
/// until the server closes.
async fn ask(door: &Door, request: &str) -> Vec<u16> {
    let mut stream = door.honest().connect().await.unwrap();
    let last = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    raw::statuses(&raw::exchange(&mut stream, last.as_bytes()).await)
}
