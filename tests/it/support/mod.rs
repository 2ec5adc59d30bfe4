//! What the topics share: certificates, the real server, a backend, callers.

pub(crate) mod backend;
pub(crate) mod caller;
#[cfg(feature = "otlp")]
pub(crate) mod collector;
pub(crate) mod control;
pub(crate) mod deaf;
pub(crate) mod descriptors;
pub(crate) mod door;
pub(crate) mod everything;
pub(crate) mod frames;
pub(crate) mod gate;
pub(crate) mod hello;
pub(crate) mod identity_provider;
pub(crate) mod jwt;
pub(crate) mod neighbours;
pub(crate) mod notifications;
pub(crate) mod pki;
pub(crate) mod raw;
pub(crate) mod returning;
pub(crate) mod series;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod steady;
pub(crate) mod token_door;
pub(crate) mod tool;

pub(crate) use backend::{Answer, Backend};
pub(crate) use caller::{Caller, Refusal};
#[cfg(feature = "otlp")]
pub(crate) use collector::Collector;
pub(crate) use door::{Door, HOST, Pki, QUIET, Setup};
pub(crate) use gate::Gate;
pub(crate) use neighbours::{Neighbour, Neighbours};
pub(crate) use pki::{Authority, Identity, Spec};
pub(crate) use returning::Returning;
pub(crate) use server::Server;
pub(crate) use session::{Reply, Session, request};
pub(crate) use steady::Steady;

use std::future::Future;
use std::time::Duration;

/// How long a test waits before it calls the server stuck. No test passes or fails on how fast the server is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Awaits `what`, and fails in words when it never comes.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

/// Asks `question` again until it is answered with yes; fails in words after a bounded number of tries.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, question: impl FnMut() -> F) {
    asked(400, what, question).await;
}

/// The same for what comes after a pause that has grown to half a minute: that of a delivery that failed several times.
pub(crate) async fn eventually_after_failures<F: Future<Output = bool>>(what: &str, question: impl FnMut() -> F) {
    asked(4000, what, question).await;
}

async fn asked<F: Future<Output = bool>>(times: u32, what: &str, mut question: impl FnMut() -> F) {
    for _ in 0..times {
        if question().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("asked {times} times in vain for {what}");
}
