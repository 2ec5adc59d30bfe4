//! Deliveries on a store in memory, to a destination that does what it is told, by a clock that only the tests move.

mod ending;
mod failing;
mod leasing;
mod memory;
mod model;
mod ordering;
mod scripted;
mod store_outage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Deliveries, DeliveryOptions};
use crate::inbox::InboxMetrics;
use crate::inbox::Writer;
use crate::inbox::destination::{Delivery, Destination};
use crate::inbox::entry::{EntryId, Facts, State};
use crate::inbox::store::{DestinationKey, Digest, NewRow, Payload, Store};
use memory::Memory;
use scripted::{Key, Reply, Scripted};

/// A store, a destination, and as many processes that deliver as are started.
struct Inbox {
    begin: Instant,
    store: Arc<Memory>,
    destination: Arc<Scripted>,
    key: Arc<Key>,
    writer: Writer,
}

impl Inbox {
    fn new(script: impl Fn(&Delivery) -> Reply + Send + 'static) -> Self {
        let store = Arc::new(Memory::new());
        Self {
            begin: Instant::now(),
            destination: Scripted::new(&store, script),
            key: Arc::default(),
            writer: Writer::start(Arc::clone(&store) as Arc<dyn Store>, InboxMetrics::default()),
            store,
        }
    }

    fn deliver(&self, options: DeliveryOptions) -> Deliveries {
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        // Every process has a writer of its own.
        let writer = Writer::start(Arc::clone(&store), InboxMetrics::default());
        let open = Arc::clone(&self.key) as _;
        Deliveries::start(store, writer, open, self.destinations(), options, InboxMetrics::default(), None)
    }

    fn destinations(&self) -> BTreeMap<DestinationKey, Arc<dyn Destination>> {
        BTreeMap::from([(of(), Arc::clone(&self.destination) as Arc<dyn Destination>)])
    }

    async fn receive(&self, lane: &str, number: u32) -> EntryId {
        let row = new_row(lane, number);
        let id = row.facts.id;
        self.writer.receive(row).await.unwrap();
        id
    }

    async fn receive_all(&self, lane: &str, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            self.receive(lane, number).await;
        }
    }

    fn is_down(&self, is_down: bool) {
        self.store.is_down.store(is_down, Ordering::Relaxed);
    }

    /// Waits until nothing is pending.
    async fn settled(&self) {
        self.until(|| !self.store.states().contains(&State::Pending)).await;
    }

    /// Waits, for a day at most of a clock that costs nothing.
    async fn until(&self, met: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(24 * 60 * 60);
        while !met() {
            assert!(Instant::now() < end, "it never came to it: {:?}", self.store.states());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn of() -> DestinationKey {
    DestinationKey { environment: "production".into(), destination: String::new() }
}

fn digest(lane: &str) -> Digest {
    let mut digest = [0; 32];
    digest[..lane.len()].copy_from_slice(lane.as_bytes());
    digest
}

fn number(body: &[u8]) -> u32 {
    std::str::from_utf8(body).unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
}

fn new_row(lane: &str, number: u32) -> NewRow {
    NewRow {
        facts: Facts {
            id: EntryId::new(),
            environment: "production".into(),
            product: "tsh".into(),
            operation: "notify".into(),
            destination: String::new(),
            received_at: 0,
            client_subject: "CN=tsh".into(),
            client_sha256: String::new(),
            correlation_id: None,
            traceparent: None,
            method: "POST".into(),
        },
        lane: digest(lane),
        deduplication: None,
        payload: Payload { key_id: None, bytes: format!("{lane} {number}").into_bytes() },
    }
}
