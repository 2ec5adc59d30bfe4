//! What the tasks of one destination share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::breaker::{Breaker, BreakerState};
use super::leases::Leases;
use super::options::DeliveryOptions;
use super::reports::Reports;
use crate::inbox::InboxMetrics;
use crate::inbox::destination::Destination;
use crate::inbox::open::Open;
use crate::inbox::store::{DestinationKey, Lease, Settlement, Store, Then};
use crate::inbox::writer::Writer;
use crate::traces::Tracer;

/// The first pause after the store failed, and the longest: short beside a lease, and no storm.
pub(super) const STORE_PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What every delivery needs. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub(super) store: Arc<dyn Store>,
    pub(super) writer: Writer,
    pub(super) open: Arc<dyn Open>,
    pub(super) metrics: InboxMetrics,
    /// What records attempts, where anything does.
    pub(super) tracer: Option<Tracer>,
}

/// What may be changed while deliveries are made.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) destination: Arc<dyn Destination>,
    pub(super) options: DeliveryOptions,
}

/// What the tasks of one destination share.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) key: DestinationKey,
    pub(super) tools: Tools,
    pub(super) target: ArcSwap<Target>,
    pub(super) leases: Arc<Leases>,
    pub(super) reports: Reports,
    /// Something may be due.
    pub(super) work: Notify,
    /// Nothing new is begun; attempts that are under way end.
    pub(super) drain: CancellationToken,
    /// Attempts that are under way are dropped.
    pub(super) cut: CancellationToken,
    breaker: Mutex<Breaker>,
}

impl Channel {
    pub(super) fn new(key: DestinationKey, tools: Tools, target: Target) -> Self {
        Self {
            key,
            tools,
            target: ArcSwap::from_pointee(target),
            leases: Arc::default(),
            reports: Reports::default(),
            work: Notify::new(),
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
            breaker: Mutex::default(),
        }
    }

    /// Held for a moment: no attempt is made meanwhile.
    pub(super) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has metrics tell whether the destination is up. Of one that is gone they tell nothing.
    pub(super) fn show(&self) {
        let is_up = self.breaker().state() == BreakerState::Closed;
        if !self.drain.is_cancelled() {
            self.tools.metrics.destination(&self.key, is_up);
        }
    }

    /// Settles, and asks again for as long as the store fails, past the end of the lease too: that an entry was delivered is a fact,
    /// and as long as this asks, nobody here delivers it again. Returns whether the lease still held.
    pub(super) async fn settle(&self, settlement: Settlement) -> bool {
        let mut pause = STORE_PAUSES.0;
        loop {
            match self.tools.writer.settle(settlement.clone()).await {
                Ok(held) => return held,
                // Whatever the error: even one that says no may be about a neighbour in the same transaction.
                Err(error) => self.reports.store_failed(&self.key, &error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(STORE_PAUSES.1);
        }
    }

    /// Gives a lane back of which nothing was tried.
    pub(super) async fn release(&self, lease: Lease, after: Duration) {
        self.settle(Settlement { lease, endings: Vec::new(), then: Then::Release { after } }).await;
    }
}
