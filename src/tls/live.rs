//! The live connections of an environment, so that a new epoch can judge them all.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::verdict::Standing;

/// Spreads the lock: connections come and go on every core.
const SHARDS: usize = 16;

/// The standings of all connections between their handshake and their end. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct LiveStandings(Arc<Shards>);

#[derive(Debug, Default)]
struct Shards {
    next: AtomicU64,
    tables: [Mutex<HashMap<u64, Arc<Standing>>>; SHARDS],
}

impl LiveStandings {
    /// Holds `standing` until the token is dropped.
    pub(super) fn enter(&self, standing: Arc<Standing>) -> LiveStanding {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.table(number).insert(number, Arc::clone(&standing));
        LiveStanding { standing, number, live: self.clone() }
    }

    /// All of them, as of now. A copy: judging takes time, and connections must be able to come and go meanwhile.
    pub(super) fn all(&self) -> Vec<Arc<Standing>> {
        let mut all = Vec::new();
        for table in &self.0.tables {
            all.extend(table.lock().unwrap_or_else(PoisonError::into_inner).values().cloned());
        }
        all
    }

    /// How many there are, by the epoch that their handshake was judged by.
    pub(super) fn by_epoch(&self) -> BTreeMap<u64, usize> {
        let mut counts = BTreeMap::new();
        for standing in self.all() {
            *counts.entry(standing.opened_under()).or_default() += 1;
        }
        counts
    }
}

impl Shards {
    fn table(&self, number: u64) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Standing>>> {
        let [first, others @ ..] = &self.tables;
        let shard = usize::try_from(number % SHARDS as u64).unwrap_or_default();
        let table = shard.checked_sub(1).and_then(|shard| others.get(shard)).unwrap_or(first);
        // Each change is one insertion or removal, so a panic leaves nothing half done.
        table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The standing of a connection that is live until this is dropped.
#[derive(Debug)]
pub struct LiveStanding {
    standing: Arc<Standing>,
    number: u64,
    live: LiveStandings,
}

impl LiveStanding {
    /// For the requests of the connection.
    #[must_use]
    pub fn share(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }
}

impl Deref for LiveStanding {
    type Target = Standing;

    fn deref(&self) -> &Standing {
        &self.standing
    }
}

impl Drop for LiveStanding {
    fn drop(&mut self) {
        self.live.0.table(self.number).remove(&self.number);
    }
}
