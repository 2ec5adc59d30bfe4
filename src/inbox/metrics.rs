//! What the inbox counts. Names of environments and operations come from the configuration or the store, which only this server
//! writes to, never from a caller.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::inbox::entry::{Facts, State};
use crate::inbox::store::{Count, DestinationKey, Received};
use crate::metrics::{Series, Told, Trouble, TroubleKind, Troubles, table};

/// Bucket bounds of commits, in seconds: from a disk with a battery behind it to the longest that a notification waits.
const COMMIT_BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Bucket bounds of the entries that one commit holds.
const BATCH_BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct OperationLabels {
    environment: String,
    product: String,
    operation: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct ErrorLabels {
    error: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct DestinationLabels {
    environment: String,
    /// From the configuration; empty for the environment's own.
    backend: String,
}

/// The notification of an operation that has waited longest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldestPending {
    pub(crate) environment: String,
    pub(crate) product: String,
    pub(crate) operation: String,
    /// When it became due for the first time.
    pub(crate) since: SystemTime,
}

/// Counts for all of the inbox. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InboxMetrics {
    received: Series<OperationLabels, Counter>,
    deduplicated: Series<OperationLabels, Counter>,
    delivered: Series<OperationLabels, Counter>,
    retried: Series<OperationLabels, Counter>,
    dead: Series<OperationLabels, Counter>,
    pending: Series<OperationLabels, Gauge>,
    dead_letters: Series<OperationLabels, Gauge>,
    oldest: Series<OperationLabels, Gauge>,
    failures: Series<ErrorLabels, Counter>,
    commits: Histogram,
    batches: Histogram,
    destinations: Series<DestinationLabels, Gauge>,
    full: Gauge,
    size: Gauge,
    troubles: Troubles,
}

impl Default for InboxMetrics {
    fn default() -> Self {
        Self {
            received: Series::default(),
            deduplicated: Series::default(),
            delivered: Series::default(),
            retried: Series::default(),
            dead: Series::default(),
            pending: Series::default(),
            dead_letters: Series::default(),
            oldest: Series::default(),
            failures: Series::default(),
            commits: Histogram::new(COMMIT_BUCKETS),
            batches: Histogram::new(BATCH_BUCKETS),
            destinations: Series::default(),
            full: Gauge::default(),
            size: Gauge::default(),
            troubles: Troubles::default(),
        }
    }
}

impl InboxMetrics {
    /// Everything at zero; what fails is told to `troubles` too.
    pub(crate) fn with(troubles: Troubles) -> Self {
        Self { troubles, ..Self::default() }
    }

    /// What has waited longest, by operation, as the store was found last.
    pub(crate) fn oldest_pending(&self) -> Vec<OldestPending> {
        let told = |(labels, oldest): (Arc<OperationLabels>, Gauge)| OldestPending {
            environment: labels.environment.clone(),
            product: labels.product.clone(),
            operation: labels.operation.clone(),
            since: SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(oldest.get()).unwrap_or_default()),
        };
        self.oldest.all().into_iter().map(told).collect()
    }

    pub(crate) fn tell(&self, told: &mut Told) {
        told.tell(table::INBOX_RECEIVED, self.received.clone());
        told.tell(table::INBOX_DEDUPLICATED, self.deduplicated.clone());
        told.tell(table::INBOX_DELIVERED, self.delivered.clone());
        told.tell(table::INBOX_RETRIED, self.retried.clone());
        told.tell(table::INBOX_DEAD, self.dead.clone());
        told.tell(table::INBOX_PENDING, self.pending.clone());
        told.tell(table::INBOX_DEAD_LETTERS, self.dead_letters.clone());
        told.tell(table::INBOX_OLDEST_PENDING, self.oldest.clone());
        told.tell(table::INBOX_FAILURES, self.failures.clone());
        told.tell(table::INBOX_COMMIT_DURATION, self.commits.clone());
        told.tell(table::INBOX_COMMIT_ENTRIES, self.batches.clone());
        told.tell(table::INBOX_DESTINATION_UP, self.destinations.clone());
        told.tell(table::INBOX_FULL, self.full.clone());
        told.tell(table::INBOX_SIZE, self.size.clone());
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
        table::INBOX_FAILURES.expect("error", error);
        self.failures.of(ErrorLabels { error }).inc();
        let trouble =
            Trouble { kind: TroubleKind::Store, environment: String::new(), of: String::new(), reason: error };
        self.troubles.happened(trouble, String::new, SystemTime::now());
    }

    /// An entry was stored, or is a repeat.
    pub(crate) fn received(&self, facts: &Facts, received: Received) {
        let family = match received {
            Received::Stored => &self.received,
            Received::Repeat => &self.deduplicated,
        };
        family.of(of(facts)).inc();
    }

    /// A destination has taken an entry.
    pub(crate) fn delivered(&self, facts: &Facts) {
        self.delivered.of(of(facts)).inc();
    }

    /// An attempt failed, and another one follows.
    pub(crate) fn retried(&self, facts: &Facts) {
        self.retried.of(of(facts)).inc();
    }

    /// An entry became a dead letter.
    pub(crate) fn dead(&self, facts: &Facts) {
        self.dead.of(of(facts)).inc();
    }

    /// What the store holds now.
    pub(crate) fn holds(&self, counts: &[Count]) {
        let mut held = BTreeMap::new();
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
        for (labels, held) in &held {
            self.pending.of(labels.clone()).set(held.pending);
            self.dead_letters.of(labels.clone()).set(held.dead_letters);
            if let Some(oldest) = held.oldest {
                self.oldest.of(labels.clone()).set(oldest);
            }
        }
        // What is gone from the store is gone from here.
        let waiting: BTreeSet<_> =
            held.iter().filter(|(_, held)| held.oldest.is_some()).map(|(labels, _)| labels.clone()).collect();
        self.oldest.keep(&waiting, |_| true);
        let held: BTreeSet<_> = held.into_keys().collect();
        self.pending.keep(&held, |_| true);
        self.dead_letters.keep(&held, |_| true);
    }

    /// Whether a destination takes deliveries.
    pub(crate) fn destination(&self, key: &DestinationKey, is_up: bool) {
        self.destinations.of(destination(key)).set(is_up.into());
    }

    /// There is no such destination any more.
    pub(crate) fn destination_gone(&self, key: &DestinationKey) {
        let gone = destination(key);
        self.destinations.end(|labels| *labels == gone);
    }

    /// The store was weighed: what it takes, in bytes, where that is known, and whether that is more than it may.
    pub(crate) fn weighed(&self, size: Option<u64>, is_full: bool) {
        if let Some(size) = size {
            self.size.set(i64::try_from(size).unwrap_or(i64::MAX));
        }
        self.full.set(is_full.into());
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

fn destination(key: &DestinationKey) -> DestinationLabels {
    DestinationLabels { environment: key.environment.clone(), backend: key.destination.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_holds_takes_the_place_of_what_it_held() {
        let metrics = InboxMetrics::default();
        let mut told = Told::default();
        metrics.tell(&mut told);
        let count = |product: &str, operation: &str, state, entries, oldest| Count {
            environment: "preprod".into(),
            product: product.into(),
            operation: operation.into(),
            state,
            entries,
            oldest,
        };
        let text = |told: &Told| {
            let mut text = String::new();
            told.encode(&mut text);
            text
        };
        metrics.holds(&[
            count("d1", "notify", State::Pending, 2, 9_000),
            count("d1", "notify", State::Pending, 3, 7_999),
            count("tsh", "other", State::Dead, 1, 1_000),
            count("tsh", "done", State::Delivered, 1, 1_000),
        ]);
        let first = text(&told);
        let of = |name: &str, product: &str, operation: &str| {
            format!("inbox_{name}{{environment=\"preprod\",product=\"{product}\",operation=\"{operation}\"}}")
        };
        let (pending, oldest) = (of("pending", "d1", "notify"), "oldest_pending_timestamp_seconds");
        assert!(first.contains(&format!("{pending} 5\n")), "{first}");
        assert!(first.contains(&format!("{} 7\n", of(oldest, "d1", "notify"))), "{first}");
        assert!(first.contains(&format!("{} 1\n", of("dead_letters", "tsh", "other"))));
        assert!(!first.contains(&of(oldest, "tsh", "done")));
        metrics.holds(&[count("tsh", "other", State::Dead, 1, 1_000)]);
        let second = text(&told);
        assert!(!second.contains("notify") && !second.contains("done"), "{second}");
        assert!(second.contains(&format!("{} 1\n", of("dead_letters", "tsh", "other"))));
    }

    #[test]
    fn a_transaction_that_failed_is_counted_by_what_was_wrong_and_not_timed() {
        let metrics = InboxMetrics::default();
        let mut told = Told::default();
        metrics.tell(&mut told);
        metrics.committed(3, Duration::from_millis(1), Some("full"));
        metrics.committed(0, Duration::from_millis(1), None);
        metrics.committed(2, Duration::from_millis(1), None);
        let mut text = String::new();
        told.encode(&mut text);
        assert!(text.contains("inbox_failures_total{error=\"full\"} 1"), "{text}");
        assert!(text.contains("inbox_commit_duration_seconds_count 1") && text.contains("inbox_commit_entries_sum 2"));
    }
}
