//! Callers of every kind that keep calling, and count what fails.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use tokio::task::JoinHandle;

use super::pair::Pair;
use crate::support::{Caller, Reply, Session, eventually, request, within};

/// A pause between two calls, for the sake of the machine.
const PAUSE: Duration = Duration::from_millis(15);

/// Six callers: TLS 1.3, TLS 1.2 and HTTP/2, each once with a connection for every call, and once with one that it keeps.
pub(super) struct Callers {
    stopped: Arc<AtomicBool>,
    all: Vec<(&'static str, Arc<Progress>, JoinHandle<()>)>,
}

/// What has come of one caller's calls so far.
#[derive(Default)]
struct Progress {
    served: AtomicUsize,
    connections: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

/// What came of them in the end.
pub(super) struct Tally {
    pub(super) served: usize,
    pub(super) connections: usize,
    pub(super) failures: Vec<String>,
}

/// What became of one call.
enum Outcome {
    Served,
    /// The answer said, or a frame did, that the connection takes no other call.
    Last,
    /// The connection had said goodbye (HTTP/2) before anything of the call was sent.
    NotSent,
    Failed(String),
}

impl Callers {
    /// They call `path` at `address` from now on.
    pub(super) fn start(pair: &Pair, address: SocketAddr, path: &'static str) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let caller = || pair.caller(address);
        let mut all = Vec::new();
        for (who, caller, keeps) in [
            ("TLS 1.3, a connection for each call", caller().tls13(), false),
            ("TLS 1.2, a connection for each call", caller().tls12(), false),
            ("HTTP/2, a connection for each call", caller().h2(), false),
            ("TLS 1.3, kept", caller().tls13(), true),
            ("TLS 1.2, kept", caller().tls12(), true),
            ("HTTP/2, kept", caller().h2(), true),
        ] {
            let progress = Arc::<Progress>::default();
            let task = run(caller, keeps, path, Arc::clone(&stopped), Arc::clone(&progress));
            all.push((who, progress, tokio::spawn(task)));
        }
        Self { stopped, all }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// How many calls have failed so far.
    pub(super) fn failures(&self) -> usize {
        self.all.iter().map(|(_, progress, _)| progress.failures.lock().unwrap().len()).sum()
    }

    /// Waits until each of them was served some more times.
    pub(super) async fn all_are_served(&self) {
        for (who, progress, _) in &self.all {
            let enough = progress.served.load(Ordering::Relaxed) + 5;
            eventually(&format!("{who} to be served"), async || progress.served.load(Ordering::Relaxed) >= enough)
                .await;
        }
    }

    /// Ends them; what came of each one's calls.
    pub(super) async fn stop(self) -> Vec<(&'static str, Tally)> {
        self.stopped.store(true, Ordering::Relaxed);
        let mut tallies = Vec::new();
        for (who, progress, task) in self.all {
            within("a caller to come to its end", task).await.unwrap();
            let failures = std::mem::take(&mut *progress.failures.lock().unwrap());
            let (served, connections) = (&progress.served, &progress.connections);
            let [served, connections] = [served, connections].map(|count| count.load(Ordering::Relaxed));
            tallies.push((who, Tally { served, connections, failures }));
        }
        tallies
    }
}

/// Calls until it is stopped.
async fn run(caller: Caller, keeps: bool, path: &'static str, stopped: Arc<AtomicBool>, progress: Arc<Progress>) {
    let is_stopped = || stopped.load(Ordering::Relaxed);
    let failed = |what: String| progress.failures.lock().unwrap().push(what);
    while !is_stopped() {
        let mut session = match caller.session().await {
            Ok(session) => session,
            Err(refusal) => {
                failed(format!("no connection: {refusal:?}"));
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        progress.connections.fetch_add(1, Ordering::Relaxed);
        let mut calls_on_it = 0;
        loop {
            let outcome = call(&mut session, path).await;
            tokio::time::sleep(PAUSE).await;
            match outcome {
                Outcome::Served | Outcome::Last => _ = progress.served.fetch_add(1, Ordering::Relaxed),
                // Only a connection that has served takes its leave so.
                Outcome::NotSent if calls_on_it > 0 => break,
                Outcome::NotSent => failed("a new connection takes no call".to_owned()),
                Outcome::Failed(ref what) => failed(format!("call {calls_on_it} of its connection: {what}")),
            }
            calls_on_it += 1;
            if !keeps || is_stopped() || !matches!(outcome, Outcome::Served) {
                break;
            }
        }
    }
}

async fn call(session: &mut Session, path: &str) -> Outcome {
    let call = request("POST", path).body(Full::new("rolling".into()).boxed()).unwrap();
    let response = match session.begin(call).await {
        Ok(response) => response,
        // hyper knows of a request of which it has sent nothing. On HTTP/1.1 the answer before it had to say that the connection ends.
        Err(error) if session.is_h2() && (error.is_canceled() || error.is_closed()) => return Outcome::NotSent,
        Err(error) => return Outcome::Failed(format!("{error:?}")),
    };
    match Reply::read(response).await {
        Ok(reply) if reply.status != 200 => Outcome::Failed(reply.status.to_string()),
        Ok(reply) if reply.headers.get("connection").is_some_and(|value| value == "close") => Outcome::Last,
        Ok(_) => Outcome::Served,
        Err(error) => Outcome::Failed(format!("an answer that broke off: {error:?}")),
    }
}
