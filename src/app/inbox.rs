//! The inbox of a server: opened at the start, and told of what a reload changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};
use zeroize::Zeroizing;

use super::member::Member;
use super::options::EnvironmentOptions;
use crate::handler::Receive;
use crate::inbox::InboxMetrics;
use crate::inbox::postgres::{Postgres, PostgresOptions};
use crate::inbox::sqlite::{Sqlite, SqliteOptions};
use crate::inbox::store::{Clock, DestinationKey, Store, StoreError};
use crate::inbox::{Destinations, Inbox, InboxOptions, MasterKeys, Sealing, SealingError};
use crate::telemetry::events;
use crate::traces::Tracer;

/// How long a reload waits for the store.
const PATIENCE: Duration = Duration::from_secs(5);

/// An inbox, and where it is.
#[derive(Clone, Debug)]
pub struct InboxSetup {
    /// What keeps the entries.
    pub store: StoreOptions,
    /// What they are sealed with; `None` = they are kept in clear.
    pub master_keys: Option<MasterKeys>,
    /// How it behaves.
    pub options: InboxOptions,
}

/// What keeps entries.
#[derive(Clone)]
pub enum StoreOptions {
    /// A file of `SQLite`, made where there is none. One process at a time.
    Sqlite(PathBuf),
    /// A database of `PostgreSQL`, which several servers may share.
    Postgres {
        /// With user, password, host and database.
        url: Zeroizing<String>,
        /// At the most.
        connections: u32,
    },
}

/// Without the url: it may hold a password.
impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres { connections, .. } => {
                f.debug_struct("Postgres").field("connections", connections).finish_non_exhaustive()
            }
        }
    }
}

impl StoreOptions {
    /// Whether `next` is another place.
    fn moves_to(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Sqlite(here), Self::Sqlite(there)) => here != there,
            (Self::Postgres { url: here, .. }, Self::Postgres { url: there, .. }) => here != there,
            _ => true,
        }
    }
}

/// Why there is no inbox.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The store cannot be opened.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Its keys are not those that it was sealed with.
    #[error("{0}")]
    Sealing(#[from] SealingError),
}

impl InboxSetup {
    /// Opens the store: `exclusive` for a server, which makes the store and brings its tables up to date; else for a tool beside one.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written to.
    pub async fn open(&self, exclusive: bool) -> Result<Arc<dyn Store>, StoreError> {
        let deduplication_window = self.options.upkeep.deduplication_window;
        Ok(match &self.store {
            StoreOptions::Sqlite(path) => {
                let (path, create, clock) = (path.clone(), exclusive, Clock::system());
                let options = SqliteOptions { path, create, exclusive, deduplication_window, clock };
                Arc::new(Sqlite::open(options).await?)
            }
            StoreOptions::Postgres { url, connections } => {
                let (url, connections) = (url.to_string(), *connections);
                let options = PostgresOptions { url, connections, serves: exclusive, deduplication_window };
                let store = Postgres::open(options).await?;
                if exclusive {
                    tell_of_durability(&store).await?;
                }
                Arc::new(store)
            }
        })
    }
}

async fn tell_of_durability(store: &Postgres) -> Result<(), StoreError> {
    match store.synchronous_standby().await {
        Ok(true) => Ok(()),
        Ok(false) => {
            warn!(
                event = events::INBOX_DURABILITY,
                "PostgreSQL has no synchronous standby: what is acknowledged is as durable as the primary's own disk"
            );
            Ok(())
        }
        Err(error) => {
            store.close().await;
            Err(error)
        }
    }
}

/// The inbox of a running server.
#[derive(Debug)]
pub(super) struct AppInbox {
    pub(super) inbox: Inbox,
    store: StoreOptions,
    options: InboxOptions,
    master_keys: Option<MasterKeys>,
    destinations: Destinations,
}

impl AppInbox {
    pub(super) async fn open(
        setup: InboxSetup,
        metrics: InboxMetrics,
        tracer: Option<Tracer>,
    ) -> Result<Self, InboxError> {
        let store = setup.open(true).await?;
        let sealing = match Sealing::establish(store.as_ref(), setup.master_keys.clone()).await {
            Ok(sealing) => sealing,
            Err(error) => {
                // Whoever tries again finds it free.
                store.close().await;
                return Err(error.into());
            }
        };
        if let Some(warning) = sealing.warning() {
            warn!(event = events::INBOX_SEALING, key = sealing.key_id(), "{warning}");
        }
        info!(
            event = events::INBOX_OPEN,
            store = store.engine(),
            sealed = setup.master_keys.is_some(),
            "notifications are kept"
        );
        let inbox = Inbox::new(store, sealing, &setup.options, metrics, tracer);
        let InboxSetup { store, options, master_keys } = setup;
        Ok(Self { inbox, store, options, master_keys, destinations: BTreeMap::new() })
    }

    /// Begins to deliver.
    pub(super) fn begin(&mut self, members: &[Member]) {
        self.destinations = destinations(members, &self.destinations);
        self.inbox.deliver(self.destinations.clone(), &self.options);
        self.look_for_the_forgotten();
    }

    /// Follows what a reload changed. Where the store is cannot change: returns whether it should.
    pub(super) fn follow(&mut self, setup: Option<&InboxSetup>, members: &[Member]) -> bool {
        if let Some(setup) = setup {
            self.options = setup.options;
            if setup.master_keys == self.master_keys {
                self.inbox.has_its_keys();
            } else {
                self.change_keys(setup.master_keys.clone());
            }
        }
        let destinations = destinations(members, &self.destinations);
        let others = !destinations.keys().eq(self.destinations.keys());
        self.destinations = destinations;
        self.inbox.reconfigure(self.destinations.clone(), &self.options);
        if others {
            self.look_for_the_forgotten();
        }
        setup.is_some_and(|setup| self.store.moves_to(&setup.store))
    }

    fn look_for_the_forgotten(&self) {
        let configured = self.destinations.keys().cloned().collect();
        tokio::spawn(tell_of_the_forgotten(Arc::clone(self.inbox.store()), configured));
    }

    /// Waits for the store, but not for long: whoever reloads has other things to do. What fails is tried again with the next reload.
    fn change_keys(&mut self, keys: Option<MasterKeys>) {
        let store = Arc::clone(self.inbox.store());
        let establish = Sealing::establish(store.as_ref(), keys.clone());
        // A reload has a thread of its own, on which it may wait.
        let established =
            tokio::runtime::Handle::current().block_on(async { tokio::time::timeout(PATIENCE, establish).await });
        let problem = match established {
            Ok(Ok(sealing)) => {
                let key = sealing.key_id();
                if let Some(warning) = sealing.warning() {
                    warn!(event = events::INBOX_SEALING, key, "other master keys are in force: {warning}");
                } else {
                    info!(event = events::INBOX_SEALING, key, "other master keys are in force");
                }
                self.inbox.reseal(sealing);
                self.master_keys = keys;
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store does not answer".to_owned(),
        };
        error!(event = events::INBOX_SEALING_REFUSED, "the master keys before stay in force: {problem}");
        self.inbox.keep_sealing(problem);
    }
}

/// Says which entries wait for a destination that nobody has configured: no attempt is made, so that they never become dead letters.
async fn tell_of_the_forgotten(store: Arc<dyn Store>, configured: BTreeSet<DestinationKey>) {
    // A store that does not answer has been told of elsewhere.
    let waiting = store.waiting().await.unwrap_or_default();
    for (DestinationKey { environment, destination }, entries) in
        waiting.iter().filter(|(of, _)| !configured.contains(of))
    {
        warn!(
            event = events::INBOX_FORGOTTEN,
            environment,
            backend = destination,
            entries,
            "entries wait for an environment or a backend that is not configured: configure it again, or discard them"
        );
    }
}

/// The way into the inbox for an environment: for those operations that it has a destination for.
pub(super) fn receive(inbox: Option<&Inbox>, options: &EnvironmentOptions) -> Option<Receive> {
    let inbox = inbox.filter(|_| !options.destinations.is_empty())?;
    Some(Receive::new(inbox.clone(), options.destinations.keys().cloned().collect()))
}

/// The destinations of all environments; those that are what they were `before` are kept with their connections.
fn destinations(members: &[Member], before: &Destinations) -> Destinations {
    let mut destinations = BTreeMap::new();
    for member in members {
        for (name, destination) in &member.options.destinations {
            let key = DestinationKey { environment: member.name().to_owned(), destination: name.clone() };
            let same = before
                .get(&key)
                .filter(|before| before.fingerprint().is_some() && before.fingerprint() == destination.fingerprint());
            let destination = Arc::clone(same.unwrap_or(destination));
            destinations.insert(key, destination);
        }
    }
    destinations
}
