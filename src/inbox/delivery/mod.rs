//! Deliveries: at least once, and in order within a lane.
//!
//! ```text
//! dispatcher   one task for each destination: leases lanes that are due, as many as there is room for
//!   lane       one task for each leased lane: its entries one after the other, each settled before the next is begun
//!     verdict  what is decided after an attempt; backoff: when the lane is due again
//!   leases     one heartbeat for each destination, for all of its lanes
//!   breaker    a destination that is down is probed, not stormed
//! ```
//!
//! An entry that was delivered and not settled, since the process died in between, is delivered again, with the same id.

mod backoff;
mod breaker;
mod channel;
mod dispatcher;
mod lane;
mod leases;
mod options;
mod problem;
mod reports;
mod span;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

pub(crate) use backoff::{draw, growing_pause};
pub use breaker::BreakerState;
pub use options::{DeliveryOptions, OnDeadLetter};

use channel::{Channel, Target, Tools};

use super::destination::Destination;
use super::open::Open;
use super::store::{DestinationKey, Store};
use super::writer::Writer;
use crate::inbox::InboxMetrics;
use crate::traces::Tracer;

/// For how long lanes may be given back whose attempts were dropped.
const GIVING_BACK: Duration = Duration::from_secs(2);
/// Between two times that another process wakes us; what it says meanwhile is heard at the next poll.
const BETWEEN_WAKES: Duration = Duration::from_millis(10);

type Channels = BTreeMap<DestinationKey, Arc<Channel>>;

/// The deliveries of a process. Dropped, they end at once, and the lanes under way wait for their leases to run out.
#[derive(Debug)]
pub struct Deliveries {
    tools: Tools,
    channels: Arc<ArcSwap<Channels>>,
    tasks: Mutex<Tasks>,
    _woken: AbortOnDropHandle<()>,
}

/// A destination, as a status page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationStatus {
    /// Whose it is.
    pub key: DestinationKey,
    /// What is said of it in logs.
    pub name: String,
    /// Whether it is thought to be up.
    pub breaker: BreakerState,
    /// Lanes that are worked on.
    pub in_flight: usize,
    /// What went wrong last, without anything of any entry.
    pub last_problem: Option<String>,
}

/// Everything that runs, those included that are to end.
#[derive(Debug, Default)]
struct Tasks {
    running: Vec<(Arc<Channel>, AbortOnDropHandle<()>)>,
    stopped: bool,
}

impl Deliveries {
    /// Starts to deliver to each of `destinations`, on the current runtime.
    #[must_use]
    pub fn start(
        store: Arc<dyn Store>,
        writer: Writer,
        open: Arc<dyn Open>,
        destinations: BTreeMap<DestinationKey, Arc<dyn Destination>>,
        options: DeliveryOptions,
        metrics: InboxMetrics,
        tracer: Option<Tracer>,
    ) -> Self {
        let channels = Arc::new(ArcSwap::from_pointee(Channels::new()));
        let woken = tokio::spawn(pass_on(Arc::clone(&store), Arc::clone(&channels)));
        let deliveries = Self {
            tools: Tools { store, writer, open, metrics, tracer },
            channels,
            tasks: Mutex::default(),
            _woken: AbortOnDropHandle::new(woken),
        };
        deliveries.reconfigure(destinations, options);
        deliveries
    }

    /// Puts other destinations and options in force. One that is gone gets nothing more after what is under way; one that stays takes
    /// the new ones from its next attempt on. Does nothing after [`stop`](Self::stop).
    pub fn reconfigure(&self, destinations: BTreeMap<DestinationKey, Arc<dyn Destination>>, options: DeliveryOptions) {
        let mut tasks = self.tasks();
        if tasks.stopped {
            return;
        }
        tasks.running.retain(|(_, task)| !task.is_finished());
        let mut before = Channels::clone(&self.channels.load());
        let mut channels = Channels::new();
        for (key, destination) in destinations {
            let target = Target { destination, options };
            let channel = if let Some(channel) = before.remove(&key) {
                channel.target.store(Arc::new(target));
                channel.work.notify_one();
                channel
            } else {
                let channel = Arc::new(Channel::new(key.clone(), self.tools.clone(), target));
                channel.show();
                let task = tokio::spawn(dispatcher::run(Arc::clone(&channel)));
                tasks.running.push((Arc::clone(&channel), AbortOnDropHandle::new(task)));
                channel
            };
            channels.insert(key, channel);
        }
        self.channels.store(Arc::new(channels));
        for gone in before.into_values() {
            gone.drain.cancel();
            self.tools.metrics.destination_gone(&gone.key);
        }
    }

    /// Something was stored for `destination`.
    pub fn wake(&self, destination: &DestinationKey) {
        if let Some(channel) = self.channels.load().get(destination) {
            channel.work.notify_one();
        }
    }

    /// How each destination is doing.
    #[must_use]
    pub fn snapshot(&self) -> Vec<DestinationStatus> {
        let channels = self.channels.load();
        let status = |channel: &Arc<Channel>| DestinationStatus {
            key: channel.key.clone(),
            name: channel.target.load().destination.name().to_owned(),
            breaker: channel.breaker().state(),
            in_flight: channel.leases.len(),
            last_problem: channel.reports.last_problem(),
        };
        channels.values().map(status).collect()
    }

    /// Begins nothing more, lets the attempts under way end for `within`, then drops them. Lanes are given back, so that another
    /// process goes on with them at once; a store that does not take them is left alone after a while more.
    pub async fn stop(&self, within: Duration) {
        let mut running = {
            let mut tasks = self.tasks();
            tasks.stopped = true;
            std::mem::take(&mut tasks.running)
        };
        for (channel, _) in &running {
            channel.drain.cancel();
        }
        if timeout(within, ended(&mut running)).await.is_ok() {
            return;
        }
        for (channel, _) in &running {
            channel.cut.cancel();
        }
        // Whatever is left is aborted when the list is dropped.
        let _ = timeout(GIVING_BACK, ended(&mut running)).await;
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ended(running: &mut Vec<(Arc<Channel>, AbortOnDropHandle<()>)>) {
    while let Some((_, task)) = running.last_mut() {
        // One that was aborted has ended as well; its lanes wait for their leases to run out.
        let _ = task.await;
        running.pop();
    }
}

/// Whatever another process stored may be anybody's.
async fn pass_on(store: Arc<dyn Store>, channels: Arc<ArcSwap<Channels>>) {
    loop {
        store.woken().await;
        for channel in channels.load().values() {
            channel.work.notify_one();
        }
        sleep(BETWEEN_WAKES).await;
    }
}
