//! A connection outlives its trust no longer than a second, and takes no honest one along.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ClientConnection;
use rustls_pki_types::ServerName;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::door::{BY_HAND, write};
use crate::support::frames::{self, DATA, END_STREAM, Frame, HEADERS};
use crate::support::{
    Answer, Authority, Caller, Door, Gate, HOST, Pki, Reply, Session, Setup, Spec, Steady, eventually, raw, request,
    within,
};

/// A certificate that ends soon, but not before its client has called a few times on a busy machine.
const SOON: time::Duration = time::Duration::seconds(5);

#[tokio::test]
async fn a_client_of_a_removed_ca_reaches_the_backend_no_more_once_the_reload_is_answered() {
    let (door, other) = door_of_two("").await;
    let kept = door.stranger().presenting(&other.client("kept"));
    let removal = async || door.install_anchors(&[&other]).await;
    expect_end_at_installation(&door, &door.honest(), &kept, removal, "unknown_issuer").await;
}

#[tokio::test]
async fn a_client_whose_certificate_is_revoked_reaches_the_backend_no_more_once_the_reload_is_answered() {
    let pki = Pki::new();
    let (revoked, kept) = (pki.issuing.client("revoked"), pki.issuing.client("kept"));
    let list = |number, leaves: &[_]| pki.issuing.crl(number, leaves, time::Duration::hours(1));
    let (none, one) = (list(1, &[]), list(2, &[revoked.leaf()]));
    let arrange = move |directory: &std::path::Path| write(directory, "issuing.crl", &none);
    let environment = "crl = [\"issuing.crl\"]";
    let setup = Setup { server: BY_HAND, environment, arrange: Some(&arrange), ..Setup::default() };
    let door = Door::behind(pki, setup).await;
    let (revoked, kept) = (door.stranger().presenting(&revoked), door.stranger().presenting(&kept));
    let revocation = async || {
        write(door.directory.path(), "issuing.crl", &one);
        door.install().await;
    };
    expect_end_at_installation(&door, &revoked, &kept, revocation, "revoked").await;
}

#[tokio::test]
async fn a_client_whose_certificate_expires_while_connected_reaches_the_backend_no_more() {
    let door = Door::open().await;
    let end = OffsetDateTime::now_utc() + SOON;
    let brief = door.pki.issuing.issue(Spec::client("brief").with(|params| params.not_after = end));
    let brief = door.stranger().presenting(&brief);
    expect_end_at(&door, &brief, &door.honest(), end, "expired").await;
}

#[tokio::test]
async fn a_client_whose_trust_anchor_expires_while_connected_reaches_the_backend_no_more() {
    let door = Door::with(Setup { server: BY_HAND, ..Setup::default() }).await;
    let end = OffsetDateTime::now_utc() + SOON;
    let brief = Authority::root_of(Spec::authority("Brief Client Root").with(|params| params.not_after = end));
    // The leaf would be valid for longer.
    let client = door.stranger().presenting(&brief.client("client"));
    door.install_anchors(&[&door.pki.clients, &brief]).await;
    expect_end_at(&door, &client, &door.honest(), end, "expired").await;
}

#[tokio::test]
async fn a_client_whose_revocation_list_ends_while_connected_reaches_the_backend_no_more() {
    let pki = Pki::new();
    let arrange = {
        let list = pki.issuing.crl(1, &[], time::Duration::hours(1));
        move |directory: &std::path::Path| write(directory, "issuing.crl", &list)
    };
    let environment = "crl = [\"issuing.crl\"]";
    let setup = Setup { server: BY_HAND, environment, arrange: Some(&arrange), ..Setup::default() };
    let door = Door::behind(pki, setup).await;
    // Nobody's list covers the clients of the root itself.
    let uncovered = door.stranger().presenting(&door.pki.clients.client("uncovered"));
    let end = OffsetDateTime::now_utc() + SOON;
    write(door.directory.path(), "issuing.crl", &door.pki.issuing.crl(2, &[], SOON));
    door.install().await;
    expect_end_at(&door, &door.honest(), &uncovered, end + time::Duration::SECOND, "crl_expired").await;
}

#[tokio::test]
async fn idle_connections_are_closed_when_their_trust_goes_and_others_stay() {
    let (door, other) = door_of_two("").await;
    let end = OffsetDateTime::now_utc() + SOON;
    let brief = other.issue(Spec::client("brief").with(|params| params.not_after = end));
    let kept = door.stranger().presenting(&other.client("kept"));
    for gone in [door.honest(), door.stranger().presenting(&brief)] {
        let mut idle = Vec::new();
        for caller in [gone.clone(), gone.h2()] {
            idle.push(spoken(&caller).await);
        }
        let mut beside = [spoken(&kept).await, spoken(&kept.clone().h2()).await];
        if door.server.epoch().await == 1 {
            door.install_anchors(&[&other]).await;
        }
        // The server's own limit for idle connections is three times as long as anybody waits here.
        for session in idle {
            session.ended().await;
        }
        for session in &mut beside {
            assert_eq!(call(session, "/beside").await, Some(200), "the connection of an honest client");
        }
    }
}

#[tokio::test]
async fn requests_in_flight_on_a_retired_connection_are_finished_within_its_grace() {
    let (door, other) = door_of_two("retire_grace = \"60s\"").await;
    let gate = Gate::closed();
    door.backend.answer("/held", Answer::Held(gate.clone()));
    let mut calls = Vec::new();
    for caller in [door.honest(), door.honest().h2()] {
        calls.push(tokio::spawn(async move { caller.call("/held").await }));
        gate.arrival().await;
    }
    door.install_anchors(&[&other]).await;
    let mut closing = 0;
    for call in calls {
        gate.open();
        let reply = within("the answer of a request in flight", call).await.unwrap().unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (200, "held"));
        closing += usize::from(reply.headers.get("connection").is_some_and(|value| value == "close"));
    }
    assert_eq!(closing, 1, "HTTP/1.1 says that the connection ends, HTTP/2 has no such field");
    door.honest().expect_refused("the retired client, on a new connection").await;
}

#[tokio::test]
async fn requests_in_flight_on_a_retired_connection_are_cut_after_its_grace() {
    for grace in ["300ms", "0s"] {
        let (door, other) = door_of_two(&format!("retire_grace = \"{grace}\"")).await;
        let (gate, honest) = (Gate::closed(), Gate::closed());
        door.backend.answer("/held", Answer::Held(gate.clone()));
        door.backend.answer("/honest", Answer::Held(honest.clone()));
        let mut calls = Vec::new();
        let mut beside = Vec::new();
        for protocol in ["http/1.1", "h2"] {
            let caller = door.honest().alpn(&[protocol]);
            calls.push(tokio::spawn(async move { caller.call("/held").await }));
            gate.arrival().await;
            let caller = door.stranger().presenting(&other.client("kept")).alpn(&[protocol]);
            beside.push(tokio::spawn(async move { caller.call("/honest").await }));
            honest.arrival().await;
        }
        door.install_anchors(&[&other]).await;
        for call in calls {
            let outcome = within("a request in flight to be cut", call).await.unwrap();
            assert!(outcome.is_err(), "{grace}: {outcome:?}");
            gate.departure().await;
        }
        for call in beside {
            honest.open();
            assert_eq!(within("the honest answer", call).await.unwrap().unwrap().status, 200, "{grace}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_is_finished_within_the_grace_and_cut_after_it() {
    for (grace, is_cut) in [("60s", false), ("300ms", true), ("0s", true)] {
        let (door, other) = door_of_two(&format!("retire_grace = \"{grace}\"")).await;
        for (protocol, path) in [("http/1.1", "/one"), ("h2", "/two")] {
            let chunks = door.backend.stream(path);
            let mut session = door.honest().alpn(&[protocol]).session().await.unwrap();
            let call = request("POST", path).body(http_body_util::BodyExt::boxed(http_body_util::Empty::new()));
            let response = session.begin(call.unwrap()).await.unwrap();
            chunks.send("begun, ".into()).await.unwrap();
            door.install_anchors(&[&other]).await;
            // Where it is to be cut, the backend goes on and on.
            let unending = if is_cut {
                Some(chunks)
            } else {
                chunks.send("ended".into()).await.unwrap();
                drop(chunks);
                None
            };
            let reply = Reply::read(response).await;
            drop(unending);
            match reply {
                Ok(reply) => assert_eq!((reply.text().as_str(), is_cut), ("begun, ended", false), "{grace} {protocol}"),
                Err(error) => assert!(is_cut, "{grace} {protocol}: {error}"),
            }
            session.ended().await;
            door.install_anchors(&[&door.pki.clients, &other]).await;
        }
    }
}

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

#[tokio::test]
async fn a_head_that_ends_after_the_installation_is_answered_with_503_and_close() {
    let (door, other) = door_of_two("").await;
    let mut answered = false;
    // The server shows to nobody that it has read half a head, so it gets longer each time; before it has, it just closes.
    for round in 1..=8 {
        let mut stream = door.honest().connect().await.unwrap();
        stream.write_all(b"POST /late HTTP/1.1\r\nho").await.unwrap();
        stream.flush().await.unwrap();
        eventually("the client to be admitted", async || {
            door.server.status_of("preprod").await["live_connections"] == 1
        })
        .await;
        tokio::time::sleep(Duration::from_millis(50) * round).await;
        door.install_anchors(&[&other]).await;
        let rest = format!("st: {HOST}\r\ncontent-length: 0\r\n\r\n");
        let received = raw::exchange(&mut stream, rest.as_bytes()).await;
        let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
        if raw::statuses(&received) == [503] {
            assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
            assert!(text.contains("has to be verified again"), "{text}");
            answered = true;
            break;
        }
        assert_eq!(text, "");
        door.install_anchors(&[&door.pki.clients, &other]).await;
    }
    assert!(answered, "closed eight times without a word");
    assert_eq!(door.backend.arrivals("/late"), 0);
}

#[tokio::test]
async fn a_handshake_that_ends_after_the_installation_is_judged_by_the_new_epoch() {
    let (door, other) = door_of_two("").await;
    for (controls, caller) in [(1, door.honest().tls12()), (2, door.honest().tls13())] {
        let control = HalfWay::begin(&caller).await;
        assert!(control.finish_and_call().await.contains("received"), "control: let in without an installation");
        let begun = HalfWay::begin(&caller).await;
        door.install_anchors(&[&other]).await;
        let answer = begun.finish_and_call().await;
        assert!(!answer.contains("HTTP/1.1"), "{answer}");
        assert_eq!(door.backend.arrivals("/half-way"), controls, "the controls alone");
        door.install_anchors(&[&door.pki.clients, &other]).await;
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_retirement_is_told_in_the_log_whatever_strangers_are_refused_at_the_same_time() {
    let (door, other) = door_of_two("").await;
    let stranger = door.stranger().presenting(&Authority::root("Nobody").client("nobody"));
    let knocking = tokio::spawn(async move {
        loop {
            stranger.expect_refused("a stranger").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    eventually("strangers to be refused", async || !door.server.events("client_refused").is_empty()).await;
    let mut retired = spoken(&door.honest()).await;
    door.install_anchors(&[&other]).await;
    assert_ne!(call(&mut retired, "/late").await, Some(200));
    eventually("the retirement to be told", async || !door.server.events("client_retired").is_empty()).await;
    knocking.abort();
}

/// A door that trusts the client CA and another one, whose files nobody looks at unasked.
async fn door_of_two(server: &str) -> (Door, Authority) {
    let pki = Pki::new();
    let other = Authority::root("Other Client Root");
    let client_ca = Some(pki.clients.pem() + &other.pem());
    let server = format!("{server}\n{BY_HAND}");
    (Door::behind(pki, Setup { server: &server, client_ca, ..Setup::default() }).await, other)
}

/// Callers of both kinds keep calling over HTTP/1.1 and HTTP/2 while `install` runs. Not one call of `gone` that is sent after it has
/// returned reaches the backend; `kept` loses none.
async fn expect_end_at_installation(door: &Door, gone: &Caller, kept: &Caller, install: impl AsyncFn(), reason: &str) {
    let going = both(gone, "/before").await;
    let staying = both(kept, "/beside").await;
    install().await;
    for steady in &going {
        steady.turn_to("/late");
    }
    for steady in going {
        let tally = steady.ended().await;
        assert!(tally.served >= 3, "control: {tally:?}");
        assert!(tally.failures.iter().all(|failure| matches!(failure.as_str(), "503" | "closed")), "{tally:?}");
    }
    assert_eq!(door.backend.arrivals("/late"), 0, "a retired client reached the backend");
    expect_unharmed(staying).await;
    expect_told(door, reason).await;
    gone.expect_refused("the retired client, on a new connection").await;
    kept.expect_accepted("the honest client, on a new connection").await;
}

/// The same where a clock ends it: the second `end` still counts, what is sent after it does not.
async fn expect_end_at(door: &Door, gone: &Caller, kept: &Caller, end: OffsetDateTime, reason: &str) {
    let going = both(gone, "/before").await;
    let staying = both(kept, "/beside").await;
    for steady in going {
        let tally = steady.ended().await;
        assert!(tally.served >= 3, "control: {tally:?}");
        assert!(tally.last.is_some_and(|last| last < over(end)), "served past {end}: {tally:?}");
        assert!(tally.failures.iter().all(|failure| matches!(failure.as_str(), "503" | "closed")), "{tally:?}");
    }
    expect_unharmed(staying).await;
    expect_told(door, reason).await;
    gone.expect_refused("the retired client, on a new connection").await;
}

/// The instant at which not even the last second of `end` counts any more.
fn over(end: OffsetDateTime) -> SystemTime {
    SystemTime::from(end.replace_nanosecond(0).unwrap()) + Duration::from_secs(1)
}

/// A caller over HTTP/1.1 and one over HTTP/2, both served already.
async fn both(caller: &Caller, path: &str) -> [Steady; 2] {
    let callers = [caller.clone().session().await.unwrap(), caller.clone().h2().session().await.unwrap()];
    let callers = callers.map(|session| Steady::keeping(session, path));
    for steady in &callers {
        steady.serves(3).await;
    }
    callers
}

async fn expect_unharmed(honest: [Steady; 2]) {
    for steady in honest {
        steady.serves(3).await;
        let tally = steady.stop().await;
        assert_eq!(tally.failures, [""; 0], "an honest client lost calls");
    }
}

/// Metric, status and log tell of the two connections, and why.
async fn expect_told(door: &Door, reason: &str) {
    eventually("both retirements to be counted", async || {
        door.server.metric("issuer_host_retired_connections_total").await >= 2.0
    })
    .await;
    assert_eq!(door.server.status_of("preprod").await["retired_connections"], 2);
    let events = door.server.events("client_retired");
    assert!(!events.is_empty() && events.iter().all(|event| event["reason"] == reason), "{events:?}");
}

/// A session that has been served once.
async fn spoken(caller: &Caller) -> Session {
    let mut session = caller.session().await.unwrap();
    assert_eq!(call(&mut session, "/before").await, Some(200), "control: it is let in");
    session
}

async fn call(session: &mut Session, path: &str) -> Option<u16> {
    session.send(request("POST", path).body("".into()).unwrap()).await.ok().map(|reply| reply.status)
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

/// A handshake of which the server has answered the first message.
struct HalfWay {
    connection: ClientConnection,
    socket: tokio::net::TcpStream,
}

impl HalfWay {
    async fn begin(caller: &Caller) -> Self {
        let name = ServerName::try_from(HOST).unwrap();
        let mut connection = ClientConnection::new(Arc::new(caller.config()), name).unwrap();
        let mut hello = Vec::new();
        connection.write_tls(&mut hello).unwrap();
        let mut socket = caller.socket().await.unwrap();
        socket.write_all(&hello).await.unwrap();
        // The answer is written under the epoch in force now.
        within("the server's answer to the hello", socket.peek(&mut [0; 64])).await.unwrap();
        Self { connection, socket }
    }

    /// Ends the handshake, calls, and returns what comes back.
    async fn finish_and_call(mut self) -> String {
        let mut buffer = vec![0; 16 * 1024];
        let request =
            format!("POST /half-way HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        std::io::Write::write_all(&mut self.connection.writer(), request.as_bytes()).unwrap();
        let mut heard = Vec::new();
        let talking = async {
            loop {
                while self.connection.wants_write() {
                    let mut out = Vec::new();
                    self.connection.write_tls(&mut out).unwrap();
                    if self.socket.write_all(&out).await.is_err() {
                        return;
                    }
                }
                let Ok(length @ 1..) = self.socket.read(&mut buffer).await else { return };
                let mut read = &buffer[..length];
                while !read.is_empty() {
                    self.connection.read_tls(&mut read).unwrap();
                    // An alert is one of the right answers.
                    let Ok(state) = self.connection.process_new_packets() else { return };
                    let mut plain = vec![0; state.plaintext_bytes_to_read()];
                    std::io::Read::read_exact(&mut self.connection.reader(), &mut plain).unwrap();
                    heard.extend(plain);
                }
            }
        };
        within("the end of a connection", talking).await;
        String::from_utf8_lossy(&heard).into_owned()
    }
}
