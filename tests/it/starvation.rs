//! An honest client beside sockets that cost the server something and bring nothing.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use crate::support::{Caller, Door, pki};

const SILENT: usize = 40;
const GARBAGE: usize = 20;
const LONG_CHAINS: usize = 20;
/// Handshakes at once of each kind: fewer than the slots of one source, so that none gives way.
const FLOOD: usize = 100;
const CALLS: usize = 200;
/// What the honest client's slowest hundredth may take: the promise that this test is about.
const PROMISE: Duration = Duration::from_millis(250);
/// How long a hostile socket that was closed waits before it comes back.
const COMES_BACK: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_client_is_served_beside_hostile_sockets() {
    let door = Door::open().await;
    let thicket = door.pki.honest.leaf_only().followed_by(pki::cross_certified_thicket(29));
    assert_eq!(thicket.chain.len(), 30);
    let mut hostile = JoinSet::new();
    for _ in 0..SILENT {
        hostile.spawn(keep_silent(door.stranger()));
    }
    for _ in 0..GARBAGE {
        hostile.spawn(talk_garbage(door.stranger()));
    }
    for _ in 0..LONG_CHAINS {
        hostile.spawn(present(door.stranger().presenting(&thicket)));
    }
    // They are all there before the honest client comes: the silent ones, at least, hold a handshake each.
    let silent = || async { door.server.metric("issuer_host_handshakes_in_flight").await >= 30.0 };
    crate::support::eventually("the hostile sockets to be connected", silent).await;

    let honest = door.honest();
    let mut times = Vec::new();
    for call in 0..CALLS {
        let started = Instant::now();
        honest.expect_accepted(&format!("honest call {call}")).await;
        times.push(started.elapsed());
    }
    times.sort();
    let (median, p99) = (times[CALLS / 2], times[CALLS * 99 / 100]);
    println!("honest client beside {} hostile sockets: median {median:?}, p99 {p99:?}", SILENT + GARBAGE + LONG_CHAINS);
    assert!(p99 < PROMISE, "the honest client's p99 is {p99:?}");

    hostile.shutdown().await;
    door.server.permits_return_to_zero().await;
    assert_eq!(door.backend.all_arrivals(), CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_handshakes_with_and_without_certificates_leaves_nothing_behind() {
    let door = Door::open().await;
    let mut hostile = JoinSet::new();
    for _ in 0..FLOOD {
        for caller in [door.stranger(), door.honest()] {
            hostile.spawn(async move {
                if let Ok(mut stream) = caller.connect().await {
                    // It has its handshake, and says nothing more.
                    let _ = stream.shutdown().await;
                    let _ = stream.read(&mut [0; 64]).await;
                }
            });
        }
    }
    for call in 0..20 {
        door.honest().expect_accepted(&format!("honest call {call} beside the flood")).await;
    }
    while let Some(end) = hostile.join_next().await {
        end.unwrap();
    }
    door.server.permits_return_to_zero().await;
    let ended = async |label: &str| door.server.counted("issuer_host_handshakes_total", &[label]).await;
    assert_eq!(ended("reason=\"no_certificate\"").await, FLOOD as u64, "each was refused for what it was");
    assert_eq!(ended("outcome=\"accepted\"").await, FLOOD as u64 + 20, "and each with a certificate was let in");
    assert_eq!(door.backend.all_arrivals(), 20);
}

async fn keep_silent(caller: Caller) {
    loop {
        if let Ok(mut socket) = caller.socket().await {
            let _ = socket.read(&mut [0; 64]).await;
        }
        tokio::time::sleep(COMES_BACK).await;
    }
}

async fn talk_garbage(caller: Caller) {
    loop {
        if let Ok(mut socket) = caller.socket().await {
            let garbage: Vec<u8> = (0..4096_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
            let _ = socket.write_all(&garbage).await;
            let _ = socket.read(&mut [0; 64]).await;
        }
        tokio::time::sleep(COMES_BACK).await;
    }
}

async fn present(caller: Caller) {
    loop {
        if let Ok(mut stream) = caller.connect().await {
            let _ = stream.read(&mut [0; 64]).await;
        }
        tokio::time::sleep(COMES_BACK).await;
    }
}
