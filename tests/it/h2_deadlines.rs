//! Deadlines on HTTP/2 that no flow-control window, no header block in pieces and no traffic beside it can put off.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::support::frames::{
    self, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PING, PREFACE, SETTINGS,
};
use crate::support::{Answer, Door, Gate, Setup, within};

#[tokio::test]
async fn a_header_block_that_drips_is_cut_although_idle_time_is_long() {
    let server = "header_timeout = \"500ms\"\nkeep_alive_idle = \"10m\"";
    let door = Door::with(Setup { server, ..Setup::default() }).await;
    // At one byte in 100 ms each of these would last for longer than anybody waits.
    let long = |kind| Frame::new(kind, END_HEADERS | END_STREAM, 1, vec![0; 16_000]).bytes()[..12].to_vec();
    let begun = Frame { flags: END_STREAM, ..Frame::request(1, 0, "GET", "/drip", &[]) }.bytes();
    for opening in [long(HEADERS), [begun, long(CONTINUATION)].concat()] {
        let mut stream = door.honest().h2().connect().await.unwrap();
        stream.write_all(&[frames::opening(), opening].concat()).await.unwrap();
        let dripping = async {
            while stream.write_all(b"d").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        within("a header block in drips to be cut", dripping).await;
    }
    assert_eq!(door.backend.arrivals("/drip"), 0);
    door.is_unharmed().await;
}

#[tokio::test]
async fn an_answer_that_is_never_taken_is_cut_although_other_requests_keep_the_connection_busy() {
    let server = "request_timeout = \"500ms\"\nbody_timeout = \"500ms\"\nheader_timeout = \"500ms\"";
    let door = Door::with(Setup { server, ..Setup::default() }).await;
    // A window of one byte: the first byte of an answer's body may leave, the rest waits for ever.
    let narrow = Frame::new(SETTINGS, 0, 0, [0, 4, 0, 0, 0, 1]).bytes();
    let mut stream = door.honest().h2().connect().await.unwrap();
    let stuck = Frame::request(1, END_STREAM, "GET", "/stuck", &[]).bytes();
    stream.write_all(&[PREFACE.to_vec(), narrow, stuck].concat()).await.unwrap();
    let busy = async {
        for number in 1.. {
            // HEAD is answered without a body, so each of these ends at once.
            let request = Frame::request(2 * number + 1, END_STREAM, "HEAD", "/busy", &[]).bytes();
            let ping = Frame::new(PING, 0, 0, [7; 8]).bytes();
            if stream.write_all(&[request, ping].concat()).await.is_err() || stream.flush().await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    within("a connection with an answer that is not taken to be cut", busy).await;
    assert_eq!(door.backend.arrivals("/stuck"), 1);
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_slow_request_is_not_cut_by_the_deadline_of_heads() {
    let server = "header_timeout = \"300ms\"\nkeep_alive_idle = \"300ms\"";
    let door = Door::with(Setup { server, ..Setup::default() }).await;
    let gate = Gate::closed();
    door.backend.answer("/held", Answer::Held(gate.clone()));
    let head = Frame::request(1, 0, "POST", "/held", &[]).bytes();
    let mut stream = door.honest().h2().connect().await.unwrap();
    stream.write_all(&[frames::opening(), head].concat()).await.unwrap();
    for _ in 0..10 {
        stream.write_all(&Frame::new(DATA, 0, 1, b"x").bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    gate.open();
    let last = Frame::new(DATA, END_STREAM, 1, b"x").bytes();
    let answered = frames::converse(stream, last, |frame| frame.kind == HEADERS || frame.error().is_some()).await;
    assert!(answered.iter().any(|frame| frame.payload.first() == Some(&0x88)), "{answered:?}");
}
