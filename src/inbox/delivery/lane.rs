//! A lane that is leased: its entries are delivered one after the other, until one fails.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::{Instant, timeout};

use super::backoff::draw;
use super::channel::{Channel, STORE_PAUSES, Target};
use super::leases::HeldLease;
use super::options::OnDeadLetter;
use super::problem::printable;
use super::span;
use super::verdict::{Tried, Verdict};
use crate::inbox::destination::{Attempt, Delivery};
use crate::inbox::store::{Digest, Ending, Head, Lease, Row, Settlement, Then};

/// Entries that are read and delivered under one lease, behind the first. Afterwards it is another lane's turn, however long this one is.
const HEADS: usize = 15;
/// For how long what was read is taken to be so: an entry may be discarded meanwhile.
const FRESH: Duration = Duration::from_secs(1);
const AT_ONCE: Then = Then::Release { after: Duration::ZERO };

/// The first entries of lanes that were leased together, and since when they have been read: once for all lanes, by whoever comes first.
pub(super) type Firsts = Shared<BoxFuture<'static, (Instant, Arc<Mutex<HashMap<Digest, Head>>>)>>;

/// Reads the first entries of `leases`. Where that fails each lane reads for itself.
pub(super) fn firsts(channel: &Arc<Channel>, leases: &[Lease]) -> Firsts {
    let channel = Arc::clone(channel);
    let lanes = leases.iter().map(|lease| lease.lane).collect();
    let read = async move {
        let read_at = Instant::now();
        // A panic in what all share would be one of all.
        let heads = AssertUnwindSafe(async { channel.tools.store.first_heads(lanes).await }).catch_unwind().await;
        let heads = heads.unwrap_or_else(|_| Ok(Vec::new())).unwrap_or_else(|error| {
            channel.reports.store_failed(&channel.key, &error);
            Vec::new()
        });
        (read_at, Arc::new(Mutex::new(heads.into_iter().map(|head| (head.row.lane, head)).collect())))
    };
    read.boxed().shared()
}

/// A lane that is leased.
#[derive(Debug)]
pub(super) struct Lane {
    channel: Arc<Channel>,
    held: HeldLease,
    /// Its first attempt shows whether the destination is up again.
    is_probe: bool,
}

impl Lane {
    pub(super) const fn new(channel: Arc<Channel>, held: HeldLease, is_probe: bool) -> Self {
        Self { channel, held, is_probe }
    }

    /// Delivers what is waiting, and gives the lane back.
    pub(super) async fn run(mut self, firsts: Firsts) {
        let lane = self.held.lease().lane;
        let (mut read_at, heads) = firsts.await;
        let first = heads.lock().unwrap_or_else(PoisonError::into_inner).remove(&lane);
        let first = first.filter(|_| read_at.elapsed() < FRESH);
        // Most lanes have one entry. Only for others, or where the first was not read, there is something more to read.
        let mut more = first.as_ref().is_none_or(|head| head.pending > 1);
        let mut rows: VecDeque<Row> = first.into_iter().map(|head| head.row).collect();
        loop {
            if rows.is_empty() && more {
                more = false;
                read_at = Instant::now();
                match self.channel.tools.store.heads(lane, HEADS).await {
                    Ok(heads) => rows = heads.into(),
                    Err(error) => {
                        self.channel.reports.store_failed(&self.channel.key, &error);
                        return self.release(STORE_PAUSES.0).await;
                    }
                }
            }
            let Some(row) = rows.pop_front() else { break };
            let may_begin =
                !self.channel.drain.is_cancelled() && self.channel.breaker().admits(Instant::now(), self.is_probe);
            if !may_begin || !self.held.holds() {
                break;
            }
            let target = self.channel.target.load_full();
            let Some(verdict) = self.attempt(&target, &row).await else { break };
            let goes_on = (more || !rows.is_empty()) && read_at.elapsed() < FRESH;
            let then = afterwards(&verdict, goes_on, target.options.on_dead_letter);
            if !self.settle(&target, row, verdict, then).await || then != Then::Keep {
                return;
            }
        }
        // One that is over is anybody's already.
        if self.held.holds() {
            self.release(Duration::ZERO).await;
        }
    }

    /// Tries once. `None` when it was cut, and nothing is known of it.
    async fn attempt(&mut self, target: &Target, row: &Row) -> Option<Verdict> {
        let contents = match self.channel.tools.open.open(&row.facts, &row.payload) {
            Ok(contents) => contents,
            Err(error) => return Some(Verdict::unopened(&error, &target.options)),
        };
        let attempt = row.attempts.saturating_add(1);
        let span = span::open(self.channel.tools.tracer.as_ref(), row, attempt);
        let traceparent =
            span.as_ref().map_or_else(|| row.facts.traceparent.clone(), |span| Some(span.context().text()));
        let delivery = Delivery { facts: row.facts.clone(), contents, attempt, replays: row.replays, traceparent };
        let outcome = tokio::select! {
            biased;
            () = self.channel.cut.cancelled() => return None,
            outcome = once(target, delivery) => outcome,
            // Somebody else may deliver this entry now, and the next one: ours must not come after that.
            () = self.held.ended() => return None,
        };
        if let Some(span) = span {
            span::end(span, &outcome);
        }
        self.learn(target, &outcome);
        let age = match outcome {
            Attempt::Failed { .. } => self.age(row).await,
            Attempt::Delivered | Attempt::Refused { .. } => Duration::ZERO,
        };
        Some(Verdict::of(outcome, Tried { attempt, age }, &target.options, draw()))
    }

    /// What an attempt says about the destination.
    fn learn(&mut self, target: &Target, outcome: &Attempt) {
        let change = match outcome {
            Attempt::Failed { problem, retry_after, down: true } => {
                self.channel.reports.remember(problem);
                let now = Instant::now();
                let mut breaker = self.channel.breaker();
                if let Some(retry_after) = retry_after {
                    breaker.rests(now, *retry_after);
                }
                breaker.failed(now, self.is_probe, draw())
            }
            // When it wants to be asked again is about this entry alone.
            Attempt::Failed { problem, down: false, .. } => {
                self.channel.reports.remember(problem);
                self.channel.breaker().declined(self.is_probe)
            }
            Attempt::Delivered | Attempt::Refused { .. } => self.channel.breaker().succeeded(),
        };
        self.is_probe = false;
        if let Some(change) = change {
            // Those that wait for a destination to come up need not wait for longer.
            self.channel.work.notify_one();
            self.channel.show();
            self.channel.reports.changed(target.destination.name(), &self.channel.key.environment, change);
        }
    }

    /// How long `row` has been waiting, by the store's clock. Without an answer it is taken to be new: it is asked again next time.
    async fn age(&self, row: &Row) -> Duration {
        let now = self.channel.tools.store.now().await.unwrap_or(row.pending_since);
        Duration::from_millis(u64::try_from(now.saturating_sub(row.pending_since)).unwrap_or(0))
    }

    /// Writes down what came of `row`, then tells of it. Returns whether the lane is still held.
    async fn settle(&self, target: &Target, row: Row, verdict: Verdict, then: Then) -> bool {
        let (reports, metrics) = (&self.channel.reports, &self.channel.tools.metrics);
        let name = target.destination.name();
        let facts = row.facts;
        let (ending, dead) = match verdict {
            Verdict::Delivered => (Ending::Delivered, None),
            Verdict::Dead { problem } => {
                let problem = printable(&problem);
                (Ending::Dead { problem: problem.clone() }, Some(problem))
            }
            Verdict::Failed { problem, after } => {
                let problem = printable(&problem);
                reports.failed(name, &facts, row.attempts.saturating_add(1), &problem, after);
                (Ending::Failed { problem }, None)
            }
        };
        let is_delivered = ending == Ending::Delivered;
        let settlement = Settlement { lease: self.held.lease(), endings: vec![(facts.id, ending)], then };
        let held = self.channel.settle(settlement).await;
        match dead {
            _ if is_delivered => metrics.delivered(&facts),
            // Whoever has the lane now decides anew.
            _ if !held => {}
            Some(problem) => {
                metrics.dead(&facts);
                reports.dead(name, &facts, &problem);
            }
            None => metrics.retried(&facts),
        }
        held
    }

    async fn release(&self, after: Duration) {
        self.channel.release(self.held.lease(), after).await;
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if self.is_probe {
            self.channel.breaker().unused(Instant::now());
        }
    }
}

/// One attempt, which ends in time whatever the destination does.
async fn once(target: &Target, delivery: Delivery) -> Attempt {
    let limit = target.options.attempt_timeout;
    // A panic is one more way to fail: its entry waits, and its lane is not lost. What it says may hold anything.
    let trying = AssertUnwindSafe(async { target.destination.deliver(delivery).await }).catch_unwind();
    match timeout(limit, trying).await {
        Ok(Ok(outcome)) => outcome,
        // That says nothing of whoever is at the other end.
        Ok(Err(_)) => Attempt::Failed { problem: "the delivery panicked".into(), retry_after: None, down: false },
        Err(_) => Attempt::Failed {
            problem: format!("there was no answer within {}", humantime::format_duration(limit)),
            retry_after: None,
            down: true,
        },
    }
}

fn afterwards(verdict: &Verdict, goes_on: bool, on_dead_letter: OnDeadLetter) -> Then {
    match verdict {
        Verdict::Failed { after, .. } => Then::Release { after: *after },
        Verdict::Dead { .. } if on_dead_letter == OnDeadLetter::Block => Then::Block,
        Verdict::Delivered | Verdict::Dead { .. } if goes_on => Then::Keep,
        Verdict::Delivered | Verdict::Dead { .. } => AT_ONCE,
    }
}
