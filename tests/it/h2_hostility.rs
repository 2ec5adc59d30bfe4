//! HTTP/2 floods by a caller with a good certificate. Each is bounded: the connection or its streams are ended, or the flood is
//! borne; an honest client is served beside it, and every permit comes back.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::frames::{
    self, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, REFUSED_STREAM, RST_STREAM,
    SETTINGS,
};
use crate::support::{Answer, Door, Gate, HOST, Setup};

#[tokio::test]
async fn rapid_reset_is_cut() {
    let door = door().await;
    let said = (0..20_000).flat_map(|n| {
        let stream = 2 * n + 1;
        [Frame::request(stream, END_STREAM, "GET", "/rapid", &[]).bytes(), Frame::reset(stream).bytes()].concat()
    });
    let frames = flood(&door, said.collect(), |frame| frame.kind == GOAWAY).await;
    assert!(cut(&frames), "20,000 resets did not end the connection: {:?}", frames.last());
    assert!(
        door.backend.arrivals("/rapid") < 10_000,
        "{} requests reached the backend",
        door.backend.arrivals("/rapid")
    );
    door.is_unharmed().await;
}

#[tokio::test]
async fn resets_that_the_caller_provokes_are_cut() {
    let door = door().await;
    // Each request is malformed in a way that makes the *server* reset the stream.
    let said = (0..20_000).flat_map(|n| {
        let stream = 2 * n + 1;
        let open = Frame::request(stream, 0, "POST", "/provoked", &[("content-length", "1")]);
        [open.bytes(), Frame::new(DATA, END_STREAM, stream, b"too long").bytes()].concat()
    });
    let frames = flood(&door, said.collect(), |frame| frame.kind == GOAWAY).await;
    assert!(cut(&frames), "20,000 provoked resets did not end the connection: {:?}", frames.last());
    door.is_unharmed().await;
}

#[tokio::test]
async fn an_endless_header_block_is_cut() {
    let door = door().await;
    let pseudo = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/continued")];
    let block: Vec<u8> = pseudo.iter().flat_map(|(name, value)| frames::literal(name, value)).collect();
    let mut said = Frame::new(HEADERS, END_STREAM, 1, block).bytes();
    for _ in 0..20_000 {
        said.extend(Frame::new(CONTINUATION, 0, 1, frames::literal("x-more", "and more")).bytes());
    }
    let frames = flood(&door, said, |frame| frame.kind == GOAWAY).await;
    assert!(
        frames::ended_for_cause(&frames),
        "20,000 CONTINUATION frames did not end the connection: {:?}",
        frames.last()
    );

    let mut said = Frame::new(HEADERS, END_STREAM, 1, []).bytes();
    for _ in 0..50_000 {
        said.extend(Frame::new(CONTINUATION, 0, 1, []).bytes());
    }
    let frames = flood(&door, said, |frame| frame.kind == GOAWAY).await;
    assert!(
        frames::ended_for_cause(&frames),
        "50,000 empty CONTINUATION frames did not end the connection: {:?}",
        frames.last()
    );
    assert_eq!(door.backend.arrivals("/continued"), 0);
    door.is_unharmed().await;
}

#[tokio::test]
async fn floods_of_pings_and_settings_are_borne_or_cut() {
    let door = door().await;
    for flooding in [Frame::new(PING, 0, 0, [7; 8]), Frame::new(SETTINGS, 0, 0, [0, 3, 0, 0, 0, 9])] {
        let said = flooding.bytes().repeat(20_000);
        let count = AtomicUsize::new(0);
        let acknowledged = |frame: &Frame| {
            frame.kind == flooding.kind && frame.flags == 1 && count.fetch_add(1, Ordering::Relaxed) > 1000
        };
        let frames = flood(&door, said, |frame| frame.kind == GOAWAY || acknowledged(frame)).await;
        assert!(!frames.is_empty(), "nothing came back");
        door.honest().h2().expect_accepted("an honest client beside the flood").await;
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn acknowledgements_that_are_never_read_do_not_harm() {
    let door = door().await;
    let mut stream = door.honest().h2().connect().await.unwrap();
    let said = [frames::opening(), Frame::new(PING, 0, 0, [7; 8]).bytes().repeat(100_000)].concat();
    // The caller writes until the server takes no more, and reads nothing.
    let writing = tokio::io::AsyncWriteExt::write_all(&mut stream, &said);
    let _ = tokio::time::timeout(std::time::Duration::from_secs(2), writing).await;
    door.honest().expect_accepted("an honest client beside the flood").await;
    drop(stream);
    door.is_unharmed().await;
}

#[tokio::test]
async fn empty_data_frames_are_borne_or_cut() {
    let door = door().await;
    let mut said = Frame::request(1, 0, "POST", "/empty", &[]).bytes();
    said.extend(Frame::new(DATA, 0, 1, []).bytes().repeat(50_000));
    flood(&door, said, |frame| frame.error().is_some() || frame.kind == HEADERS).await;
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_header_bomb_never_unfolds() {
    let door = door().await;
    let pseudo = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/bomb")];
    let mut block: Vec<u8> = pseudo.iter().flat_map(|(name, value)| frames::literal(name, value)).collect();
    block.extend(frames::indexed_literal("x-bomb", &"b".repeat(3_900)));
    // Each further byte is that field again: 15 kB of header block, 45 MB of fields.
    block.extend(std::iter::repeat_n(0x80 | 0x3e, 12_000));
    let said = Frame::new(HEADERS, END_HEADERS | END_STREAM, 1, block).bytes();
    let answers = |frame: &Frame| frame.error().is_some() || frame.kind == HEADERS;
    let frames = flood(&door, said, answers).await;
    let last = frames.iter().rfind(|frame| answers(frame));
    assert!(last.is_none_or(|frame| frame.payload.first() != Some(&0x88)), "a header bomb was answered with 200");
    assert_eq!(door.backend.arrivals("/bomb"), 0);
    door.is_unharmed().await;
}

#[tokio::test]
async fn too_many_streams_are_refused_one_by_one() {
    let setup = Setup { server: "[server.http2]\nmax_concurrent_streams = 10", ..Setup::default() };
    let door = Door::with(setup).await;
    let gate = Gate::closed();
    door.backend.answer("/held", Answer::Held(gate.clone()));
    let said = (0..30).flat_map(|n| Frame::request(2 * n + 1, END_STREAM, "GET", "/held", &[]).bytes());
    let refused = AtomicUsize::new(0);
    let frames = flood(&door, said.collect(), |frame| {
        let is_refusal = frame.kind == RST_STREAM && frame.error() == Some(REFUSED_STREAM);
        frame.kind == GOAWAY || (is_refusal && refused.fetch_add(1, Ordering::Relaxed) == 19)
    })
    .await;
    let refused = refused.load(Ordering::Relaxed);
    assert!(refused == 20 || frames.iter().any(|frame| frame.kind == GOAWAY), "{refused} of 30 refused: {frames:?}");
    assert!(door.backend.arrivals("/held") <= 10, "{} streams at once", door.backend.arrivals("/held"));
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_caller_that_never_reads_its_answer_does_not_hold_its_permit_for_ever() {
    let server = "request_timeout = \"1s\"\nbody_timeout = \"1s\"\nheader_timeout = \"1s\"\nkeep_alive_idle = \"1s\"";
    let door = Door::with(Setup { server, ..Setup::default() }).await;
    let chunks = door.backend.stream("/large");
    let feeding = tokio::spawn(async move { while chunks.send(vec![b'x'; 65_536].into()).await.is_ok() {} });
    let mut stream = door.honest().connect().await.unwrap();
    let request = format!("GET /large HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    // The socket stays open and is never read: it is the server that has to give up.
    door.server.permits_return_to_zero().await;
    drop(stream);
    feeding.abort();
    door.is_unharmed().await;
}

async fn door() -> Door {
    Door::with(Setup { server: "keep_alive_idle = \"2s\"\nbody_timeout = \"2s\"", ..Setup::default() }).await
}

/// Says it all on a connection of its own, after an opening; returns what came back until `enough`, or the end.
async fn flood(door: &Door, said: Vec<u8>, enough: impl FnMut(&Frame) -> bool) -> Vec<Frame> {
    let stream = door.honest().h2().connect().await.unwrap();
    frames::converse(stream, [frames::opening(), said].concat(), enough).await
}

/// Whether the server ended the connection because of the flood, and not as idle. Answers and resets may come first.
fn cut(frames: &[Frame]) -> bool {
    frames.iter().filter(|frame| frame.kind == GOAWAY).all(|goaway| goaway.error() != Some(0))
}
