//! The task of one destination: leases the lanes that are due, as many as there is room for.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::breaker::Allowance;
use super::channel::{Channel, STORE_PAUSES};
use super::lane::{self, Firsts, Lane};
use super::leases;
use crate::inbox::store::{Claim, Lease, StoreError};
use crate::telemetry::events;

/// The store is asked at least this often, whoever forgot to say that there is something.
const POLL: Duration = Duration::from_secs(1);
/// For how long a lane is given back of which something has to be settled here first.
const HANDED_BACK: Duration = Duration::from_secs(1);
/// Before lanes are asked for again that are due and cannot be had: somebody's transaction is busy with them.
const BUSY_LANES: Duration = Duration::from_millis(50);
/// Before work that panicked is begun anew.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Works for one destination until it is drained and every lane has been given back. Work that panics is begun anew.
pub(super) async fn run(channel: Arc<Channel>) {
    while AssertUnwindSafe(work(&channel)).catch_unwind().await.is_err() {
        tracing::error!(
            event = events::DELIVERY_PANICKED,
            environment = channel.key.environment,
            backend = channel.key.destination,
            "the work for a destination panicked, and is begun anew; its lanes go on when their leases have run out"
        );
        // A probe that was allowed, and not begun.
        channel.breaker().unused(Instant::now());
        tokio::select! {
            () = channel.drain.cancelled() => return,
            () = sleep(AFTER_PANIC) => {}
        }
    }
}

/// The leases are kept in the same task: without that, the lanes could not be worked on.
async fn work(channel: &Arc<Channel>) {
    let channel = Arc::clone(channel);
    let heartbeat = leases::keep(Arc::clone(&channel));
    let dispatcher = Dispatcher { channel, lanes: JoinSet::new(), drained: false, outage: STORE_PAUSES.0 };
    tokio::select! {
        () = heartbeat => {}
        () = dispatcher.run() => {}
    }
}

#[derive(Debug)]
struct Dispatcher {
    channel: Arc<Channel>,
    lanes: JoinSet<()>,
    /// The last claim brought all that was due, and nothing has been heard since.
    drained: bool,
    /// The next pause for a store that fails.
    outage: Duration,
}

enum Next {
    Again,
    /// Until something is due, or something happens.
    Rest(Instant),
    /// The store fails; nothing that happens makes it worthwhile to ask at once.
    Outage,
}

impl Dispatcher {
    async fn run(mut self) {
        while !self.channel.drain.is_cancelled() {
            match self.lease().await {
                Next::Again => {}
                Next::Rest(until) => self.rest(until).await,
                Next::Outage => self.sit_out().await,
            }
        }
        while let Some(ended) = self.lanes.join_next().await {
            self.ended(ended);
        }
    }

    /// Leases lanes and starts on them.
    async fn lease(&mut self) -> Next {
        let now = Instant::now();
        let most = self.channel.target.load().options.max_in_flight.saturating_sub(self.lanes.len());
        if most == 0 {
            return Next::Rest(now + POLL);
        }
        let allowance = self.channel.breaker().allowance(now);
        let (most, is_probe) = match allowance {
            Allowance::All => (most, false),
            Allowance::Probe => (1, true),
            Allowance::Nothing(until) => return Next::Rest(until.unwrap_or(now + POLL)),
        };
        let due = self.due(most).await;
        if is_probe && !matches!(&due, Ok(Due::Now(leases)) if !leases.is_empty()) {
            self.channel.breaker().unused(Instant::now());
        }
        match due {
            Ok(Due::Now(leases)) => {
                self.outage = STORE_PAUSES.0;
                if leases.is_empty() && self.drained {
                    return Next::Rest(Instant::now() + BUSY_LANES);
                }
                self.drained = leases.len() < most;
                let until = now + self.channel.target.load().options.lease;
                let firsts = lane::firsts(&self.channel, &leases);
                for lease in leases {
                    self.start(lease, until, is_probe, &firsts);
                }
                Next::Again
            }
            Ok(Due::In(pause)) => Next::Rest(Instant::now() + pause.min(POLL)),
            Err(error) => {
                self.channel.reports.store_failed(&self.channel.key, &error);
                Next::Outage
            }
        }
    }

    async fn due(&self, most: usize) -> Result<Due, StoreError> {
        let tools = &self.channel.tools;
        if self.drained {
            let due = tools.store.next_due(self.channel.key.clone()).await?;
            if due != Some(Duration::ZERO) {
                return Ok(Due::In(due.unwrap_or(POLL)));
            }
        }
        let lease = self.channel.target.load().options.lease;
        tools.writer.claim(Claim { destination: self.channel.key.clone(), lease, most }).await.map(Due::Now)
    }

    fn start(&mut self, lease: Lease, until: Instant, is_probe: bool, firsts: &Firsts) {
        let channel = Arc::clone(&self.channel);
        let Some(held) = self.channel.leases.enter(lease, until) else {
            if is_probe {
                self.channel.breaker().unused(Instant::now());
            }
            self.lanes.spawn(async move { channel.release(lease, HANDED_BACK).await });
            return;
        };
        self.lanes.spawn(Lane::new(channel, held, is_probe).run(firsts.clone()));
    }

    async fn rest(&mut self, until: Instant) {
        tokio::select! {
            () = self.channel.drain.cancelled() => {}
            Some(ended) = self.lanes.join_next() => self.ended(ended),
            () = self.channel.work.notified() => self.drained = false,
            () = sleep_until(until) => {}
        }
        while let Some(ended) = self.lanes.try_join_next() {
            self.ended(ended);
        }
    }

    async fn sit_out(&mut self) {
        tokio::select! {
            () = self.channel.drain.cancelled() => {}
            () = sleep(self.outage) => {}
        }
        self.outage = (self.outage * 2).min(STORE_PAUSES.1);
        self.drained = false;
    }

    fn ended(&self, ended: Result<(), JoinError>) {
        if ended.is_err_and(|error| error.is_panic()) {
            tracing::error!(
                event = events::DELIVERY_PANICKED,
                environment = self.channel.key.environment,
                backend = self.channel.key.destination,
                "a lane's work panicked; somebody goes on with it when its lease has run out"
            );
        }
    }
}

/// What is due.
enum Due {
    Now(Vec<Lease>),
    In(Duration),
}
