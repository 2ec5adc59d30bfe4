//! Slow callers. Each test configures one short deadline and waits for the end of the connection, however long it takes.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::support::{Answer, Door, Gate, HOST, Setup, frames, raw, request, within};

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    let door = Door::with(Setup { server: "header_timeout = \"300ms\"", ..Setup::default() }).await;
    let mut stream = door.honest().connect().await.unwrap();
    let received = raw::exchange(&mut stream, format!("GET /slow HTTP/1.1\r\nhost: {HOST}\r\n").as_bytes()).await;
    assert!(raw::statuses(&received).iter().all(|status| *status == 408), "{}", String::from_utf8_lossy(&received));
    // A byte now and then buys no time: the deadline runs from the first byte of the head.
    let mut stream = door.honest().connect().await.unwrap();
    let drip = async {
        while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("a head in drips to be cut", drip).await;
    assert_eq!(door.backend.all_arrivals(), 0);
    door.is_unharmed().await;
}

#[tokio::test]
async fn the_deadline_of_a_head_does_not_run_between_requests() {
    let server = "header_timeout = \"300ms\"\nkeep_alive_idle = \"60s\"";
    let door = Door::with(Setup { server, ..Setup::default() }).await;
    let mut session = door.honest().session().await.unwrap();
    for _ in 0..2 {
        assert_eq!(session.send(request("GET", "/idle").body("".into()).unwrap()).await.unwrap().status, 200);
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
    assert_eq!(session.send(request("GET", "/idle").body("".into()).unwrap()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_end_is_answered_with_408_and_cut() {
    let door = Door::with(Setup { server: "body_timeout = \"300ms\"", ..Setup::default() }).await;
    let head = format!("POST /slow HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 100\r\n\r\nten bytes.");
    let mut stream = door.honest().connect().await.unwrap();
    let received = raw::exchange(&mut stream, head.as_bytes()).await;
    assert_eq!(raw::statuses(&received), [408], "{}", String::from_utf8_lossy(&received));
    let mut stream = door.honest().connect().await.unwrap();
    stream.write_all(head.replace("content-length: 100", "content-length: 100000").as_bytes()).await.unwrap();
    let drip = async {
        while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("a body in drips to be cut", drip).await;

    let mut said = frames::opening();
    said.extend(frames::Frame::request(1, 0, "POST", "/slow", &[]).bytes());
    let stream = door.honest().h2().connect().await.unwrap();
    let ends = |frame: &frames::Frame| frame.stream == 1 && (frame.kind == frames::HEADERS || frame.error().is_some());
    let answered = frames::converse(stream, said, ends).await;
    assert!(answered.iter().any(ends), "a slow HTTP/2 body is neither answered nor reset: {answered:?}");
    door.is_unharmed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let door = Door::with(Setup { server: "keep_alive_idle = \"300ms\"", ..Setup::default() }).await;
    let mut never_spoke = door.honest().connect().await.unwrap();
    assert_eq!(raw::drain(&mut never_spoke).await, b"");
    let mut spoke = door.honest().connect().await.unwrap();
    let received = raw::exchange(&mut spoke, format!("GET /once HTTP/1.1\r\nhost: {HOST}\r\n\r\n").as_bytes()).await;
    assert_eq!(raw::statuses(&received), [200]);
    let mut session = door.honest().h2().session().await.unwrap();
    assert_eq!(session.send(request("GET", "/once").body("".into()).unwrap()).await.unwrap().status, 200);
    session.ended().await;
    door.honest().h2().session().await.unwrap().ended().await;
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_connection_with_a_request_in_flight_is_not_idle() {
    let door = Door::with(Setup { server: "keep_alive_idle = \"300ms\"", ..Setup::default() }).await;
    for caller in [door.honest(), door.honest().h2()] {
        let gate = Gate::closed();
        door.backend.answer("/long", Answer::Held(gate.clone()));
        let call = tokio::spawn(async move { caller.call("/long").await });
        gate.arrival().await;
        tokio::time::sleep(Duration::from_millis(900)).await;
        gate.open();
        assert_eq!(within("the answer", call).await.unwrap().unwrap().text(), "held");
    }
}

#[tokio::test]
async fn an_old_connection_is_closed_between_requests() {
    let door = Door::with(Setup { server: "max_connection_age = \"500ms\"", ..Setup::default() }).await;
    for caller in [door.honest(), door.honest().h2()] {
        let gate = Gate::closed();
        door.backend.answer("/long", Answer::Held(gate.clone()));
        let mut session = caller.session().await.unwrap();
        let call = async {
            let reply = session.send(request("GET", "/long").body("".into()).unwrap()).await;
            (reply, session)
        };
        let waiter = async {
            gate.arrival().await;
            tokio::time::sleep(Duration::from_millis(900)).await;
            gate.open();
        };
        let ((reply, session), ()) = tokio::join!(call, waiter);
        assert_eq!(reply.unwrap().text(), "held", "a request in flight is finished, however old the connection is");
        session.ended().await;
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_with_504() {
    let server = "request_timeout = \"1s\"\nbody_timeout = \"1s\"\nheader_timeout = \"1s\"";
    let door = Door::with(Setup { server, ..Setup::default() }).await;
    for caller in [door.honest(), door.honest().h2()] {
        let gate = Gate::closed();
        door.backend.answer("/never", Answer::Held(gate.clone()));
        assert_eq!(caller.call("/never").await.unwrap().status, 504);
        gate.departure().await;
    }
    door.is_unharmed().await;
}
