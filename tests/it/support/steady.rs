//! A caller that keeps calling while a test changes the world around it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;

use super::{Caller, Session, eventually, request, within};

/// One call after the other, until it is stopped or its connection has ended.
pub(crate) struct Steady {
    shared: Arc<Shared>,
    task: JoinHandle<Tally>,
}

struct Shared {
    stopped: AtomicBool,
    path: Mutex<String>,
    served: AtomicUsize,
}

/// What came of the calls.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many were answered with 200.
    pub(crate) served: usize,
    /// When the last of these was sent.
    pub(crate) last: Option<SystemTime>,
    /// What became of the others: the status of the answer, or `closed`.
    pub(crate) failures: Vec<String>,
}

impl Steady {
    /// Calls over one connection, until that has ended.
    pub(crate) fn keeping(mut session: Session, path: &str) -> Self {
        Self::start(path, async move |shared| {
            let mut tally = Tally::default();
            while !shared.is_stopped() {
                if !tally.call(&mut session, &shared).await {
                    break;
                }
                // A pause for the sake of the machine, which has other tests to run.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tally
        })
    }

    /// Calls over a new connection each time.
    pub(crate) fn anew(caller: Caller, path: &str) -> Self {
        Self::start(path, async move |shared| {
            let mut tally = Tally::default();
            while !shared.is_stopped() {
                match caller.session().await {
                    Ok(mut session) => _ = tally.call(&mut session, &shared).await,
                    Err(refusal) => tally.failures.push(format!("{refusal:?}")),
                }
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            tally
        })
    }

    fn start<F>(path: &str, run: impl FnOnce(Arc<Shared>) -> F) -> Self
    where
        F: Future<Output = Tally> + Send + 'static,
    {
        let (stopped, path) = (AtomicBool::new(false), Mutex::new(path.to_owned()));
        let shared = Arc::new(Shared { stopped, path, served: AtomicUsize::new(0) });
        Self { task: tokio::spawn(run(Arc::clone(&shared))), shared }
    }

    /// Every call that is sent from now on is for `path`.
    pub(crate) fn turn_to(&self, path: &str) {
        path.clone_into(&mut self.shared.path.lock().unwrap());
    }

    /// Waits until so many more calls were served.
    pub(crate) async fn serves(&self, more: usize) {
        let enough = self.shared.served.load(Ordering::Relaxed) + more;
        eventually("calls to be served", async || self.shared.served.load(Ordering::Relaxed) >= enough).await;
    }

    pub(crate) async fn stop(self) -> Tally {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.ended().await
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(self) -> Tally {
        within("a caller to come to its end", self.task).await.unwrap()
    }
}

impl Shared {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl Tally {
    /// One call. Whether the connection is still there.
    async fn call(&mut self, session: &mut Session, shared: &Shared) -> bool {
        let call = request("POST", &shared.path.lock().unwrap()).body("".into()).unwrap();
        let sent = SystemTime::now();
        match session.send(call).await {
            Ok(reply) if reply.status == 200 => {
                self.served += 1;
                self.last = Some(sent);
                shared.served.fetch_add(1, Ordering::Relaxed);
            }
            Ok(reply) => self.failures.push(reply.status.to_string()),
            Err(_) => {
                self.failures.push("closed".to_owned());
                return false;
            }
        }
        true
    }
}
