//! The inbox: a notification is durable before it is acknowledged, and delivered afterwards, at least once and in order.
//!
//! ```text
//! handler::receive ── inbox::keys          lane and deduplication key, out of the call
//!                  ── inbox::seal          encoded, and sealed where there is a master key
//!                  ── inbox::writer        group commit: one fsync for all who wait
//!                  ── inbox::store         SQLite | PostgreSQL: stored, or known as a repeat
//!                  ── the acknowledgement
//!
//! inbox::delivery  ── a lane is leased     by lane: its head is never overtaken
//!                  ── inbox::destination   HTTP (CloudEvents) | NATS JetStream
//!                  ── settled              delivered, tried again later, or a dead letter
//! ```

pub mod contents;
pub mod delivery;
pub mod destination;
pub mod entry;
mod envelope;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod index_key;
pub mod keys;
pub mod master_keys;
mod metrics;
pub mod notification;
mod open;
pub mod postgres;
pub mod rekey;
pub mod report;
pub mod seal;
pub mod sqlite;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
mod upkeep;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio_util::sync::CancellationToken;

pub use master_keys::MasterKeys;
pub use metrics::InboxMetrics;
pub(crate) use metrics::OldestPending;
pub use notification::{Kept, Notification};
pub use open::{Open, OpenError};
pub use seal::{Sealing, SealingError};
pub use upkeep::UpkeepOptions;
pub use writer::Writer;

use delivery::{Deliveries, DeliveryOptions};
use destination::Destination;
use entry::{Contents, Facts};
use store::{DestinationKey, Payload, Received, Store, StoreError};
use upkeep::Upkeep;

use crate::traces::Tracer;

/// How an inbox behaves. All of it can be changed while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxOptions {
    /// How long a notification waits to be stored, at the most.
    pub commit_timeout: Duration,
    /// How long what is kept.
    pub upkeep: UpkeepOptions,
    /// How deliveries are made.
    pub delivery: DeliveryOptions,
}

impl Default for InboxOptions {
    fn default() -> Self {
        Self {
            commit_timeout: Duration::from_secs(5),
            upkeep: UpkeepOptions::default(),
            delivery: DeliveryOptions::default(),
        }
    }
}

/// Keeps notifications until their destinations have them. Cheap to clone.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    writer: Writer,
    sealing: Arc<ArcSwap<Sealing>>,
    /// Why other master keys are not in force although they are configured.
    sealing_problem: ArcSwapOption<String>,
    metrics: InboxMetrics,
    commit_timeout: ArcSwap<Duration>,
    upkeep: Arc<ArcSwap<UpkeepOptions>>,
    /// Whether the store takes more than it may.
    full: Arc<AtomicBool>,
    deliveries: Deliveries,
    end: CancellationToken,
}

/// Where entries are delivered to.
pub type Destinations = BTreeMap<DestinationKey, Arc<dyn Destination>>;

impl Inbox {
    /// Opens the inbox on `store`, on the current runtime, its deliveries recorded by `tracer` where there is one. Nothing is delivered
    /// before [`deliver`](Self::deliver).
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        sealing: Sealing,
        options: &InboxOptions,
        metrics: InboxMetrics,
        tracer: Option<Tracer>,
    ) -> Self {
        let writer = Writer::start(Arc::clone(&store), metrics.clone());
        let sealing = Arc::new(ArcSwap::from_pointee(sealing));
        let open = Arc::new(Current(Arc::clone(&sealing)));
        let deliveries = Deliveries::start(
            Arc::clone(&store),
            writer.clone(),
            open,
            BTreeMap::new(),
            options.delivery,
            metrics.clone(),
            tracer,
        );
        let (upkeep, full, end) =
            (Arc::new(ArcSwap::from_pointee(options.upkeep)), Arc::default(), CancellationToken::new());
        let commit_timeout = ArcSwap::from_pointee(options.commit_timeout);
        Self(Arc::new(Inner {
            store,
            writer,
            sealing,
            sealing_problem: ArcSwapOption::empty(),
            metrics,
            commit_timeout,
            upkeep,
            full,
            deliveries,
            end,
        }))
    }

    /// Begins to deliver, and to look after what is stored.
    pub fn deliver(&self, destinations: Destinations, options: &InboxOptions) {
        let Inner { store, upkeep, metrics, full, end, .. } = self.0.as_ref();
        let upkeep = Upkeep {
            store: Arc::clone(store),
            options: Arc::clone(upkeep),
            metrics: metrics.clone(),
            full: Arc::clone(full),
        };
        tokio::spawn(upkeep.run(end.clone()));
        self.reconfigure(destinations, options);
    }

    /// Other destinations, and other options.
    pub fn reconfigure(&self, destinations: Destinations, options: &InboxOptions) {
        self.0.commit_timeout.store(Arc::new(options.commit_timeout));
        self.0.upkeep.store(Arc::new(options.upkeep));
        self.0.deliveries.reconfigure(destinations, options.delivery);
    }

    /// Other master keys.
    pub fn reseal(&self, sealing: Sealing) {
        self.0.sealing.store(Arc::new(sealing));
        self.0.sealing_problem.store(None);
    }

    /// The master keys stay that are in force, although others are configured.
    pub fn keep_sealing(&self, problem: String) {
        self.0.sealing_problem.store(Some(Arc::new(problem)));
    }

    /// The master keys that are configured are in force.
    pub fn has_its_keys(&self) {
        self.0.sealing_problem.store(None);
    }

    /// Why other master keys are not in force although they are configured: the next start would fail for the same reason.
    #[must_use]
    pub fn sealing_problem(&self) -> Option<String> {
        self.0.sealing_problem.load().as_deref().cloned()
    }

    /// Stores a notification, durably when this returns.
    ///
    /// # Errors
    /// [`StoreError`]: nothing may be acknowledged. That it was stored all the same cannot be ruled out; the deduplication key makes
    /// that harmless.
    pub async fn receive(&self, notification: Notification<'_>) -> Result<Kept, StoreError> {
        let inner = self.0.as_ref();
        if inner.full.load(Ordering::Relaxed) {
            return Err(self.failed(StoreError::Full("it takes more than max_size".into())));
        }
        let row = notification.into_row(&inner.sealing.load());
        let row = row.map_err(|error| self.failed(StoreError::Rejected(error.to_string())))?;
        let facts = row.facts.clone();
        let patience = **inner.commit_timeout.load();
        match tokio::time::timeout(patience, inner.writer.receive(row)).await {
            Ok(Ok(received)) => {
                inner.metrics.received(&facts, received);
                let Facts { id, environment, destination, .. } = facts;
                Ok(match received {
                    Received::Stored => {
                        inner.deliveries.wake(&DestinationKey { environment, destination });
                        Kept::Stored(id)
                    }
                    Received::Repeat => Kept::Repeat,
                })
            }
            // Counted where the transaction was.
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.failed(StoreError::Busy("the commit took too long".into()))),
        }
    }

    /// Whether new entries are sealed.
    #[must_use]
    pub fn seals(&self) -> bool {
        self.0.sealing.load().seals()
    }

    /// Whether the store takes more than it may, so that notifications have to come again.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.full.load(Ordering::Relaxed)
    }

    /// What keeps the entries.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// What is being delivered, and to whom.
    #[must_use]
    pub fn deliveries(&self) -> &Deliveries {
        &self.0.deliveries
    }

    /// Takes up no delivery any more, lets those that are under way end, and leaves the rest to other servers.
    pub async fn stop(&self, within: Duration) {
        self.0.end.cancel();
        self.0.deliveries.stop(within).await;
        self.0.store.close().await;
    }

    fn failed(&self, error: StoreError) -> StoreError {
        self.0.metrics.failed(error.name());
        error
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("store", &self.0.store).finish_non_exhaustive()
    }
}

/// Opens payloads with the keys that are in force.
#[derive(Debug)]
struct Current(Arc<ArcSwap<Sealing>>);

impl Open for Current {
    fn open(&self, facts: &Facts, payload: &Payload) -> Result<Contents, OpenError> {
        self.0.load().open(facts, payload)
    }
}
