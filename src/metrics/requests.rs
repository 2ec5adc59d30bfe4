//! Requests by product, operation and outcome. Names of operations come from the catalogue and the configuration, never from a caller.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::counter::Counter;

use super::histogram::{Durations, bucket};
use super::labels::{OperationLabels, RequestLabels};
use super::recent::{Recent, RecentOperation};
use super::series::Series;
use super::table;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestEnd<'a> {
    /// The product that was called; empty when that is not known.
    pub product: &'static str,
    /// The operation, or `unknown`; empty where operations are not told apart.
    pub operation: &'a str,
    /// The status of the answer; `None` = the caller went before there was one.
    pub status: Option<u16>,
    /// Whether the same request may succeed later; `None` = it did not fail here.
    pub retryable: Option<bool>,
    /// From its head to the head of its answer.
    pub elapsed: Duration,
}

pub(super) const STATUS_CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "none"];
const RETRYABLE: [&str; 3] = ["", "false", "true"];
/// What alerts compare, as places in these two: answers 2xx, and 5xx of a backend (which says nothing about a retry) or of our own (of
/// which all are worth one).
const AT_ZERO: [(usize, usize); 3] = [(0, 0), (3, 0), (3, 2)];

/// The counters of an environment's requests. A series begins with the first request that it counts, but for what
/// [`Requests::begin_at_zero`] begins. Cheap to clone; clones share them.
#[derive(Clone)]
pub(super) struct Requests {
    environment: Arc<str>,
    counts: Series<RequestLabels, Counter>,
    durations: Series<OperationLabels, Durations>,
    /// What was looked up before, by product and operation: labels are text, and to make them costs more than to count.
    known: Arc<RwLock<ByProduct>>,
}

type ByProduct = HashMap<&'static str, HashMap<String, Arc<Known>>>;

/// What is counted of one operation.
struct Known {
    /// By class of the status, then by whether it is retryable.
    counts: [[OnceLock<Counter>; RETRYABLE.len()]; STATUS_CLASSES.len()],
    durations: Durations,
    recent: Recent,
}

impl Requests {
    pub(super) fn new(
        environment: &str,
        counts: Series<RequestLabels, Counter>,
        durations: Series<OperationLabels, Durations>,
    ) -> Self {
        Self { environment: environment.into(), counts, durations, known: Arc::default() }
    }

    /// Counts a request that ended at `now`.
    pub(super) fn count(&self, end: &RequestEnd<'_>, now: SystemTime) {
        let known = self.known(end).unwrap_or_else(|| self.begin(end));
        let (class, retryable) = (class(end.status), retryable(end.retryable));
        if let Some(count) = known.counts.get(class).and_then(|by_class| by_class.get(retryable)) {
            count.get_or_init(|| self.begin_count(end.product, end.operation, class, retryable)).inc();
        }
        let bucket = bucket(end.elapsed);
        known.durations.observe(end.elapsed, bucket);
        known.recent.count(now, class, bucket);
    }

    /// An operation may be called from now on: whoever watches sees its first failure grow. Three series, and no histogram: of what is
    /// never called there is not much to tell.
    pub(super) fn begin_at_zero(&self, product: &'static str, operation: &str) {
        for (class, retryable) in AT_ZERO {
            self.begin_count(product, operation, class, retryable);
        }
    }

    /// What happened of late, as of `now`.
    pub(super) fn recent(&self, now: SystemTime) -> Vec<RecentOperation> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut operations: Vec<_> = known
            .iter()
            .flat_map(|(product, operations)| {
                operations.iter().map(|(operation, known)| (*product, operation.clone(), Arc::clone(known)))
            })
            .collect();
        drop(known);
        operations.sort_by(|(product, operation, _), (other, another, _)| (product, operation).cmp(&(other, another)));
        let recent = |(product, operation, known): (&'static str, String, Arc<Known>)| RecentOperation {
            environment: self.environment.to_string(),
            product,
            operation,
            minutes: known.recent.minutes(now),
        };
        operations.into_iter().map(recent).collect()
    }

    fn known(&self, end: &RequestEnd<'_>) -> Option<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(end.product)?.get(end.operation).cloned()
    }

    fn begin(&self, end: &RequestEnd<'_>) -> Arc<Known> {
        table::REQUESTS.expect("product", end.product);
        let durations = self.durations.of(OperationLabels {
            environment: self.environment.to_string(),
            product: end.product,
            operation: end.operation.to_owned(),
        });
        let begun = || Arc::new(Known { counts: Default::default(), durations, recent: Recent::default() });
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let operations = known.entry(end.product).or_default();
        Arc::clone(operations.entry(end.operation.to_owned()).or_insert_with(begun))
    }

    fn begin_count(&self, product: &'static str, operation: &str, class: usize, retryable: usize) -> Counter {
        self.counts.of(RequestLabels {
            environment: self.environment.to_string(),
            product,
            operation: operation.to_owned(),
            status_class: STATUS_CLASSES.get(class).copied().unwrap_or_default(),
            retryable: RETRYABLE.get(retryable).copied().unwrap_or_default(),
        })
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("environment", &self.environment).finish_non_exhaustive()
    }
}

fn class(status: Option<u16>) -> usize {
    match status {
        Some(500..) => 3,
        Some(400..) => 2,
        Some(300..) => 1,
        Some(_) => 0,
        None => 4,
    }
}

fn retryable(retryable: Option<bool>) -> usize {
    retryable.map_or(0, |retryable| if retryable { 2 } else { 1 })
}
