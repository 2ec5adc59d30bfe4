//! What time alone changes: entries that were kept for long enough, repeats that are no longer known, and how full the store is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::entry::{Millis, State};
use super::store::{Filter, Store, StoreError};
use crate::inbox::InboxMetrics;
use crate::telemetry::{OncePerSecond, events};

/// Between two looks at the size, which somebody may be waiting for.
const TICK: Duration = Duration::from_secs(1);
/// Between two looks at everything, unless a look takes long.
const PAUSE: Duration = Duration::from_secs(10);
/// How many times longer than the last look the next one waits: a store that is large is not kept busy with being counted.
const RESTRAINT: u32 = 20;
/// Entries that are deleted in one transaction, so that nobody waits for long.
const PAGE: usize = 500;
/// Most transactions of one look.
const MOST_PAGES: usize = 200;

/// How long what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpkeepOptions {
    /// Entries that were delivered or discarded.
    pub retention: Duration,
    /// What repeats are known by.
    pub deduplication_window: Duration,
    /// What the store may take, in bytes; `None` = whatever there is.
    pub max_size: Option<u64>,
}

impl Default for UpkeepOptions {
    fn default() -> Self {
        const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
        Self { retention: WEEK, deduplication_window: WEEK, max_size: None }
    }
}

/// Looks after a store.
#[derive(Debug)]
pub(super) struct Upkeep {
    pub(super) store: Arc<dyn Store>,
    pub(super) options: Arc<ArcSwap<UpkeepOptions>>,
    pub(super) metrics: InboxMetrics,
    /// Whether the store takes more than it may.
    pub(super) full: Arc<AtomicBool>,
}

impl Upkeep {
    /// Until `end`.
    pub(super) async fn run(self, end: CancellationToken) {
        let complaints = OncePerSecond::default();
        let (mut next_look, mut next_weighing) = (Instant::now(), Instant::now());
        loop {
            let begun = Instant::now();
            let looked = if begun >= next_look {
                let looked = self.look().await;
                next_look = begun + PAUSE.max(begun.elapsed() * RESTRAINT);
                looked
            } else if begun >= next_weighing {
                self.weigh().await.map(|took| next_weighing = begun + TICK.max(took * RESTRAINT))
            } else {
                Ok(())
            };
            if let Err(error) = looked {
                self.metrics.failed(error.name());
                if let Some(unsaid) = complaints.turn(error.name()) {
                    warn!(
                        event = events::INBOX_UPKEEP_FAILED,
                        reason = error.name(),
                        unsaid,
                        "the inbox could not be looked after: {error}"
                    );
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = end.cancelled() => return,
            }
        }
    }

    /// Deletes what was kept for long enough, and measures what is left.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        let options = *self.options.load_full();
        let now = self.store.now().await?;
        for state in [State::Delivered, State::Discarded] {
            self.purge(state, before(now, options.retention)).await?;
        }
        for _ in 0..MOST_PAGES {
            if self.store.forget(before(now, options.deduplication_window), PAGE).await? < PAGE as u64 {
                break;
            }
        }
        if options.max_size.is_none() {
            // Nothing depends on it, so that it need not be known more often.
            self.metrics.weighed(Some(self.store.size().await?), false);
        }
        self.weigh().await?;
        self.metrics.holds(&self.store.counts().await?);
        Ok(())
    }

    async fn purge(&self, state: State, before: Millis) -> Result<(), StoreError> {
        for _ in 0..MOST_PAGES {
            if self.store.purge(state, before, Filter::default(), PAGE).await? < PAGE as u64 {
                break;
            }
        }
        Ok(())
    }

    /// What is delivered gives way before its time when there is no room left for what is not. Returns how long it took to know the
    /// size: PostgreSQL counts for it.
    async fn weigh(&self) -> Result<Duration, StoreError> {
        let Some(most) = self.options.load().max_size else {
            self.full.store(false, Ordering::Relaxed);
            self.metrics.weighed(None, false);
            return Ok(Duration::ZERO);
        };
        let begun = Instant::now();
        let mut size = self.store.size().await?;
        let took = begun.elapsed();
        let now = self.store.now().await?;
        for _ in 0..MOST_PAGES {
            if size < most || self.store.purge(State::Delivered, now, Filter::default(), PAGE).await? == 0 {
                break;
            }
            size = self.store.size().await?;
        }
        let full = size >= most;
        self.metrics.weighed(Some(size), full);
        match (self.full.swap(full, Ordering::Relaxed), full) {
            (false, true) => {
                warn!(
                    event = events::INBOX_FULL,
                    size,
                    max_size = most,
                    "the inbox takes no more, and notifications have to come again, until what is pending is delivered or dead letters \
                    are discarded and purged; what repeats are known by also takes room, for as long as deduplication_window"
                );
            }
            (true, false) => {
                info!(event = events::INBOX_HAS_ROOM, size, max_size = most, "the inbox takes notifications again");
            }
            _ => {}
        }
        Ok(took)
    }
}

fn before(now: Millis, ago: Duration) -> Millis {
    now.saturating_sub(Millis::try_from(ago.as_millis()).unwrap_or(Millis::MAX))
}
