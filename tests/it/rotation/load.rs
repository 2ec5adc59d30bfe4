//! Callers that keep calling, over connections that they keep and over new ones, with credentials that the test hands out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::support::{Caller, Door, Session, eventually, within};

/// How many call at once: of each protocol, two that keep their connection and one that does not.
pub(super) const CALLERS: usize = 6;

/// What a caller does in a round.
pub(super) trait Work: Clone + Send + 'static {
    /// One round over `session`; the status that counts, `None` when the connection ended.
    fn round(&mut self, session: &mut Session, credential: &str) -> impl Future<Output = Option<u16>> + Send;
}

/// All callers.
pub(super) struct Load {
    callers: Vec<(Arc<Shared>, JoinHandle<Statuses>)>,
}

/// What a caller saw, round by round.
type Statuses = Vec<Option<u16>>;

struct Shared {
    credential: Mutex<String>,
    rounds: AtomicUsize,
    stopped: AtomicBool,
}

/// What came of the rounds, by caller, in their order; `None` = the connection ended.
#[derive(Debug)]
pub(super) struct Tally(Vec<Vec<Option<u16>>>);

impl Load {
    pub(super) async fn start<W: Work>(door: &Door, credential: &str, work: W) -> Self {
        let mut callers = Vec::new();
        for number in 0..CALLERS {
            let caller = if number % 2 == 0 { door.honest() } else { door.honest().h2() };
            let kept = if number < 4 { Some(caller.session().await.unwrap()) } else { None };
            let shared = Arc::new(Shared {
                credential: Mutex::new(credential.to_owned()),
                rounds: AtomicUsize::new(0),
                stopped: AtomicBool::new(false),
            });
            let task = tokio::spawn(keep_calling(caller, kept, work.clone(), Arc::clone(&shared)));
            callers.push((shared, task));
        }
        Self { callers }
    }

    pub(super) fn callers(&self) -> usize {
        self.callers.len()
    }

    /// From its next round on the caller uses this one.
    pub(super) fn hand_over(&mut self, caller: usize, credential: &str) {
        credential.clone_into(&mut self.callers[caller].0.credential.lock().unwrap());
    }

    /// Waits until every caller has begun and ended so many more rounds.
    pub(super) async fn passes(&mut self, rounds: usize) {
        for (shared, _) in &self.callers {
            // The one that is under way began before.
            let enough = shared.rounds.load(Ordering::SeqCst) + rounds + 1;
            eventually("callers to go on", async || shared.rounds.load(Ordering::SeqCst) >= enough).await;
        }
    }

    pub(super) async fn stop(self) -> Tally {
        let mut tally = Vec::new();
        for (shared, task) in self.callers {
            shared.stopped.store(true, Ordering::SeqCst);
            tally.push(within("a caller to come to its end", task).await.unwrap());
        }
        Tally(tally)
    }
}

impl Tally {
    /// How often there was this status.
    pub(super) fn count(&self, status: u16) -> usize {
        self.counts().get(&status).copied().unwrap_or(0)
    }

    /// Every status that is none of these; 0 stands for a connection that ended.
    pub(super) fn others_than(&self, expected: &[u16]) -> Vec<u16> {
        self.counts().into_keys().filter(|status| !expected.contains(status)).collect()
    }

    /// The last status of each caller.
    pub(super) fn last(&self) -> Vec<u16> {
        self.0.iter().map(|rounds| rounds.last().copied().flatten().unwrap_or(0)).collect()
    }

    fn counts(&self) -> BTreeMap<u16, usize> {
        let mut counts = BTreeMap::new();
        for status in self.0.iter().flatten() {
            *counts.entry(status.unwrap_or(0)).or_default() += 1;
        }
        counts
    }
}

async fn keep_calling<W: Work>(
    caller: Caller,
    mut kept: Option<Session>,
    mut work: W,
    shared: Arc<Shared>,
) -> Vec<Option<u16>> {
    let mut outcomes = Vec::new();
    while !shared.stopped.load(Ordering::SeqCst) {
        let credential = shared.credential.lock().unwrap().clone();
        let outcome = match &mut kept {
            Some(session) => work.round(session, &credential).await,
            None => match caller.session().await {
                Ok(mut session) => work.round(&mut session, &credential).await,
                Err(_) => None,
            },
        };
        outcomes.push(outcome);
        shared.rounds.fetch_add(1, Ordering::SeqCst);
        // For the sake of the machine, which has other tests to run.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    outcomes
}
