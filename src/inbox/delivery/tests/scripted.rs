//! A destination that does what a test says, and remembers what it was asked for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::memory::Memory;
use super::{digest, number};
use crate::inbox::destination::{Attempt, Delivery, Destination};
use crate::inbox::entry::{Contents, EntryId, Facts};
use crate::inbox::store::Payload;
use crate::inbox::{Open, OpenError};

/// How an attempt goes.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Take,
    TakeAfter(Duration),
    Fail,
    FailUntil(Duration),
    /// It takes others, and this entry not before then.
    DeclineUntil(Duration),
    Refuse,
    Say {
        refused: bool,
        problem: String,
    },
    Hang,
    Panic,
}

/// An attempt that was begun.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Instant,
    pub(super) lane: String,
    pub(super) number: u32,
    pub(super) id: EntryId,
    pub(super) attempt: u32,
    pub(super) replays: u32,
    /// It answered that it took the entry.
    pub(super) is_taken: bool,
}

type Script = Box<dyn Fn(&Delivery) -> Reply + Send>;

pub(super) struct Scripted {
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    under_way: Mutex<HashMap<String, usize>>,
    most: Mutex<usize>,
    faults: Mutex<Vec<String>>,
    /// Where it looks whether the lane of an attempt is leased.
    store: Arc<Memory>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    pub(super) fn new(store: &Arc<Memory>, script: impl Fn(&Delivery) -> Reply + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(Box::new(script)),
            seen: Mutex::default(),
            under_way: Mutex::default(),
            most: Mutex::default(),
            faults: Mutex::default(),
            store: Arc::clone(store),
        })
    }

    pub(super) fn follow(&self, script: impl Fn(&Delivery) -> Reply + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The numbers that came of a lane, in order.
    pub(super) fn numbers(&self, lane: &str) -> Vec<u32> {
        self.seen().into_iter().filter(|seen| seen.lane == lane).map(|seen| seen.number).collect()
    }

    /// Since the begin of the test, in whole milliseconds.
    pub(super) fn begun_at(&self, begin: Instant) -> Vec<u128> {
        self.seen().into_iter().map(|seen| (seen.at - begin).as_millis()).collect()
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.lock().unwrap().values().sum()
    }

    /// Most attempts that were under way at once.
    pub(super) fn most(&self) -> usize {
        *self.most.lock().unwrap()
    }

    /// Attempts that must not have been: two of a lane at once, or one whose lane is not leased.
    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    fn begin(&self, delivery: &Delivery) -> UnderWay<'_> {
        let lane = delivery.contents.subject.clone().unwrap();
        if !self.store.is_leased(digest(&lane)) {
            self.faults.lock().unwrap().push(format!("an attempt on lane {lane}, which is not leased"));
        }
        let mut under_way = self.under_way.lock().unwrap();
        let of_lane = under_way.entry(lane.clone()).or_default();
        *of_lane += 1;
        if *of_lane > 1 {
            self.faults.lock().unwrap().push(format!("two attempts on lane {lane} at once"));
        }
        let sum: usize = under_way.values().sum();
        let mut most = self.most.lock().unwrap();
        *most = sum.max(*most);
        let mut seen = self.seen.lock().unwrap();
        seen.push(Seen {
            at: Instant::now(),
            lane: lane.clone(),
            number: number(&delivery.contents.body),
            id: delivery.facts.id,
            attempt: delivery.attempt,
            replays: delivery.replays,
            is_taken: false,
        });
        UnderWay { scripted: self, lane, place: seen.len() - 1 }
    }
}

/// Ends when the attempt does, or is dropped.
struct UnderWay<'a> {
    scripted: &'a Scripted,
    lane: String,
    place: usize,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        *self.scripted.under_way.lock().unwrap().get_mut(&self.lane).unwrap() -= 1;
    }
}

impl Destination for Scripted {
    fn name(&self) -> &'static str {
        "https://backend.example"
    }

    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Attempt> {
        async move {
            let reply = (self.script.lock().unwrap())(&delivery);
            let under_way = self.begin(&delivery);
            let take = || {
                self.seen.lock().unwrap()[under_way.place].is_taken = true;
                Attempt::Delivered
            };
            match reply {
                Reply::Take => take(),
                Reply::TakeAfter(time) => {
                    sleep(time).await;
                    take()
                }
                Reply::Fail => Attempt::Failed { problem: "503".into(), retry_after: None, down: true },
                Reply::FailUntil(after) => {
                    Attempt::Failed { problem: "503".into(), retry_after: Some(after), down: true }
                }
                Reply::DeclineUntil(after) => {
                    Attempt::Failed { problem: "409".into(), retry_after: Some(after), down: false }
                }
                Reply::Refuse => Attempt::Refused { problem: "422".into() },
                Reply::Say { refused: true, problem } => Attempt::Refused { problem },
                Reply::Say { refused: false, problem } => Attempt::Failed { problem, retry_after: None, down: true },
                Reply::Hang => std::future::pending().await,
                Reply::Panic => panic!("as the script says"),
            }
        }
        .boxed()
    }
}

/// Opens what [`new_row`](super::new_row) made, where it has the key.
#[derive(Debug, Default)]
pub(super) struct Key {
    pub(super) is_lost: AtomicBool,
    pub(super) panics: AtomicBool,
}

impl Open for Key {
    fn open(&self, _: &Facts, payload: &Payload) -> Result<Contents, OpenError> {
        assert!(!self.panics.load(Ordering::Relaxed), "as the test says");
        if self.is_lost.load(Ordering::Relaxed) {
            return Err(OpenError("there is no key \"2025\"".into()));
        }
        let (lane, _) = std::str::from_utf8(&payload.bytes).unwrap().rsplit_once(' ').unwrap();
        Ok(Contents {
            path: "/".into(),
            query: None,
            subject: Some(lane.to_owned()),
            headers: Vec::new(),
            body: payload.bytes.clone().into(),
        })
    }
}
