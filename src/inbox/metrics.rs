//! What the inbox counts. Names of environments and operations come from the configuration or the store, which only this server
//! writes to, never from a caller.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::inbox::entry::{Facts, State};
use crate::inbox::store::{Count, Received};

/// Bucket bounds of commits, in seconds: from a disk with a battery behind it to the longest that a notification waits.
const COMMIT_BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Bucket bounds of the entries that one commit holds.
const BATCH_BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    environment: String,
    product: String,
    operation: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    error: &'static str,
}

/// Counts for all of the inbox. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InboxMetrics {
    received: Family<OperationLabels, Counter>,
    deduplicated: Family<OperationLabels, Counter>,
    delivered: Family<OperationLabels, Counter>,
    retried: Family<OperationLabels, Counter>,
    dead: Family<OperationLabels, Counter>,
    pending: Family<OperationLabels, Gauge>,
    dead_letters: Family<OperationLabels, Gauge>,
    oldest: Family<OperationLabels, Gauge>,
    failures: Family<ErrorLabels, Counter>,
    commits: Histogram,
    batches: Histogram,
    /// What the store held when it was looked at last.
    known: Arc<Mutex<HashSet<OperationLabels>>>,
}

impl Default for InboxMetrics {
    fn default() -> Self {
        Self {
            received: Family::default(),
            deduplicated: Family::default(),
            delivered: Family::default(),
            retried: Family::default(),
            dead: Family::default(),
            pending: Family::default(),
            dead_letters: Family::default(),
            oldest: Family::default(),
            failures: Family::default(),
            commits: Histogram::new(COMMIT_BUCKETS),
            batches: Histogram::new(BATCH_BUCKETS),
            known: Arc::default(),
        }
    }
}

impl InboxMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("inbox");
        registry.register(
            "received",
            "Notifications that were stored, durably, before they were acknowledged",
            self.received.clone(),
        );
        registry.register(
            "deduplicated",
            "Notifications that were known as repeats, and acknowledged alike",
            self.deduplicated.clone(),
        );
        registry.register("delivered", "Entries that a destination has taken", self.delivered.clone());
        registry.register("retried", "Attempts to deliver that have to be made again", self.retried.clone());
        registry.register("dead", "Entries that became dead letters", self.dead.clone());
        registry.register("pending", "Entries that have to be delivered", self.pending.clone());
        registry.register("dead_letters", "Dead letters that wait for a decision", self.dead_letters.clone());
        registry.register(
            "oldest_pending_timestamp_seconds",
            "When the entry was received that has been waiting for longest, in seconds since 1970",
            self.oldest.clone(),
        );
        registry.register(
            "failures",
            "Transactions and looks at the store that failed, and notifications that were refused since it is full or too much waits, by what was wrong",
            self.failures.clone(),
        );
        registry.register(
            "commit_duration_seconds",
            "What a durable transaction of the store takes",
            self.commits.clone(),
        );
        registry.register("commit_entries", "Notifications that shared a transaction", self.batches.clone());
    }

    /// A transaction ended: how many entries it held, how long it took, and what went wrong.
    pub(crate) fn committed(&self, entries: usize, took: Duration, error: Option<&'static str>) {
        match error {
            Some(error) => self.failed(error),
            None if entries > 0 => {
                self.commits.observe(took.as_secs_f64());
                self.batches.observe(f64::from(u32::try_from(entries).unwrap_or(u32::MAX)));
            }
            // Only what notifications wait for is measured.
            None => {}
        }
    }

    /// The store did not do what it was asked for; `error` is one of a closed list.
    pub(crate) fn failed(&self, error: &'static str) {
        self.failures.get_or_create(&ErrorLabels { error }).inc();
    }

    /// An entry was stored, or is a repeat.
    pub(crate) fn received(&self, facts: &Facts, received: Received) {
        let family = match received {
            Received::Stored => &self.received,
            Received::Repeat => &self.deduplicated,
        };
        family.get_or_create(&of(facts)).inc();
    }

    /// A destination has taken an entry.
    pub(crate) fn delivered(&self, facts: &Facts) {
        self.delivered.get_or_create(&of(facts)).inc();
    }

    /// An attempt failed, and another one follows.
    pub(crate) fn retried(&self, facts: &Facts) {
        self.retried.get_or_create(&of(facts)).inc();
    }

    /// An entry became a dead letter.
    pub(crate) fn dead(&self, facts: &Facts) {
        self.dead.get_or_create(&of(facts)).inc();
    }

    /// What the store holds now.
    pub(crate) fn holds(&self, counts: &[Count]) {
        let mut held = HashMap::new();
        for count in counts {
            let key = OperationLabels {
                environment: count.environment.clone(),
                product: count.product.clone(),
                operation: count.operation.clone(),
            };
            let held = held.entry(key).or_insert_with(Held::default);
            let entries = i64::try_from(count.entries).unwrap_or(i64::MAX);
            match count.state {
                State::Pending => {
                    held.pending += entries;
                    let oldest = count.oldest.div_euclid(1000);
                    held.oldest = Some(held.oldest.map_or(oldest, |known| known.min(oldest)));
                }
                State::Dead => held.dead_letters += entries,
                State::Delivered | State::Discarded => {}
            }
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (labels, held) in &held {
            self.pending.get_or_create(labels).set(held.pending);
            self.dead_letters.get_or_create(labels).set(held.dead_letters);
            match held.oldest {
                Some(oldest) => {
                    self.oldest.get_or_create(labels).set(oldest);
                }
                None => {
                    self.oldest.remove(labels);
                }
            }
        }
        // What is gone from the store is gone from here, and the rest is never away for a moment: somebody might be alarmed by it.
        for labels in known.iter().filter(|labels| !held.contains_key(labels)) {
            self.pending.remove(labels);
            self.dead_letters.remove(labels);
            self.oldest.remove(labels);
        }
        *known = held.into_keys().collect();
    }
}

/// What the store holds of an operation.
#[derive(Default)]
struct Held {
    pending: i64,
    dead_letters: i64,
    oldest: Option<i64>,
}

fn of(facts: &Facts) -> OperationLabels {
    OperationLabels {
        environment: facts.environment.clone(),
        product: facts.product.clone(),
        operation: facts.operation.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_holds_takes_the_place_of_what_it_held() {
        let metrics = InboxMetrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let count = |product: &str, operation: &str, state, entries, oldest| Count {
            environment: "preprod".into(),
            product: product.into(),
            operation: operation.into(),
            state,
            entries,
            oldest,
        };
        let text = |registry: &Registry| {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
            text
        };
        metrics.holds(&[
            count("d1", "notify", State::Pending, 2, 9_000),
            count("d1", "notify", State::Pending, 3, 7_999),
            count("tsh", "other", State::Dead, 1, 1_000),
            count("tsh", "done", State::Delivered, 1, 1_000),
        ]);
        let first = text(&registry);
        let of = |name: &str, product: &str, operation: &str| {
            format!("inbox_{name}{{environment=\"preprod\",product=\"{product}\",operation=\"{operation}\"}}")
        };
        let (pending, oldest) = (of("pending", "d1", "notify"), "oldest_pending_timestamp_seconds");
        assert!(first.contains(&format!("{pending} 5\n")), "{first}");
        assert!(first.contains(&format!("{} 7\n", of(oldest, "d1", "notify"))), "{first}");
        assert!(first.contains(&format!("{} 1\n", of("dead_letters", "tsh", "other"))));
        assert!(!first.contains(&of(oldest, "tsh", "done")));
        metrics.holds(&[count("tsh", "other", State::Dead, 1, 1_000)]);
        let second = text(&registry);
        assert!(!second.contains("notify") && !second.contains("done"), "{second}");
        assert!(second.contains(&format!("{} 1\n", of("dead_letters", "tsh", "other"))));
    }

    #[test]
    fn a_transaction_that_failed_is_counted_by_what_was_wrong_and_not_timed() {
        let metrics = InboxMetrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        metrics.committed(3, Duration::from_millis(1), Some("full"));
        metrics.committed(0, Duration::from_millis(1), None);
        metrics.committed(2, Duration::from_millis(1), None);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("inbox_failures_total{error=\"full\"} 1"), "{text}");
        assert!(text.contains("inbox_commit_duration_seconds_count 1") && text.contains("inbox_commit_entries_sum 2"));
    }
}
