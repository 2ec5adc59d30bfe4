//! Peers that never acknowledge the goodbye of HTTP/2.

use std::future::pending;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use tokio::io::AsyncWriteExt as _;

use super::{SOON, door_of_two, over};
use crate::support::frames::{self, DATA, END_STREAM, Frame, HEADERS};
use crate::support::{Caller, Door, Setup, Spec, within};

#[tokio::test]
async fn a_peer_that_never_acknowledges_the_goodbye_of_http2_reaches_the_backend_no_more_and_is_cut() {
    let (door, other) = door_of_two("retire_grace = \"1s\"").await;
    let kept = door.stranger().presenting(&other.client("kept"));
    let (hostile, honest) = (Hostile::open(&door.honest()).await, Hostile::open(&kept).await);
    door.install_anchors(&[&other]).await;
    let said = hostile.asks_on("/late", || true).await;
    assert_eq!(door.backend.arrivals("/late"), 0, "a retired client reached the backend");
    let answered =
        |frame: &&Frame| frame.kind == DATA && frame.payload.windows(14).any(|part| part == b"verified again");
    assert!(said.iter().filter(answered).count() > 0, "no new stream was answered: {said:?}");
    assert!(!said.iter().any(is_200), "{said:?}");
    // Control: the same peer with good trust is served for as long.
    let frames = honest.asks("/beside", 20).await;
    assert_eq!((frames.iter().filter(|frame| is_200(frame)).count(), door.backend.arrivals("/beside")), (20, 20));
}

#[tokio::test]
async fn a_peer_that_never_acknowledges_the_goodbye_of_http2_reaches_the_backend_no_more_when_it_has_expired() {
    let door = Door::with(Setup { server: "retire_grace = \"1s\"", ..Setup::default() }).await;
    let end = OffsetDateTime::now_utc() + SOON;
    let brief = door.pki.issuing.issue(Spec::client("brief").with(|params| params.not_after = end));
    let hostile = Hostile::open(&door.stranger().presenting(&brief)).await;
    let over = over(end);
    let said = hostile.asks_on("/late", || SystemTime::now() >= over).await;
    assert!(said.iter().any(is_200), "control: it was served before");
    assert_eq!(door.backend.arrivals("/late"), 0, "an expired client reached the backend");
    door.is_unharmed().await;
}

fn is_200(frame: &Frame) -> bool {
    frame.kind == HEADERS && frame.payload.first() == Some(&0x88)
}

/// An HTTP/2 peer that sends requests and acknowledges nothing: no SETTINGS, no PING.
struct Hostile {
    stream: tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
    next: u32,
}

impl Hostile {
    /// A connection on which one request was served.
    async fn open(caller: &Caller) -> Self {
        let mut stream = caller.clone().h2().connect().await.unwrap();
        stream.write_all(&frames::opening()).await.unwrap();
        let mut hostile = Self { stream, next: 1 };
        hostile.say("/before").await.unwrap();
        hostile.hear_until(1).await;
        hostile
    }

    async fn say(&mut self, path: &str) -> std::io::Result<()> {
        let request = Frame::request(self.next, END_STREAM, "POST", path, &[]).bytes();
        self.next += 2;
        self.stream.write_all(&request).await?;
        self.stream.flush().await
    }

    async fn hear_until(&mut self, answers: usize) -> Vec<Frame> {
        let mut heard: Vec<Frame> = Vec::new();
        while heard.iter().filter(|frame| is_200(frame)).count() < answers {
            heard.push(within("an answer", frames::read(&mut self.stream)).await.unwrap());
        }
        heard
    }

    /// So many more requests, and what comes back until all are answered.
    async fn asks(mut self, path: &str, times: usize) -> Vec<Frame> {
        for _ in 0..times {
            self.say(path).await.unwrap();
        }
        self.hear_until(times).await
    }

    /// Sends a request every few milliseconds until the server cuts the connection; for `path` once it is `late`, else for another.
    async fn asks_on(self, path: &str, late: impl Fn() -> bool) -> Vec<Frame> {
        let (mut reader, mut writer) = tokio::io::split(self.stream);
        let mut next = self.next;
        let mut heard = Vec::new();
        let speaking = async {
            loop {
                let path = if late() { path } else { "/before" };
                let request = Frame::request(next, END_STREAM, "POST", path, &[]).bytes();
                next += 2;
                if writer.write_all(&request).await.is_err() || writer.flush().await.is_err() {
                    // What the server said before is still to be read.
                    pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let hearing = async {
            while let Ok(frame) = frames::read(&mut reader).await {
                heard.push(frame);
            }
        };
        let until_cut = async {
            tokio::select! {
                () = hearing => {}
                () = speaking => {}
            }
        };
        within("a hostile connection to be cut", until_cut).await;
        heard
    }
}
