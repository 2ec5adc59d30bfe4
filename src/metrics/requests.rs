//! Requests by product, operation and outcome. Names of operations come from the catalogue and the configuration, never from a caller.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::labels::RequestLabels;

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

/// The counters of an environment's requests. A series begins with the first request that it counts.
#[derive(Clone)]
pub(super) struct Requests {
    environment: String,
    family: Family<RequestLabels, Counter>,
    /// What was looked up before, by product and operation: labels are text, and to make them costs more than to count.
    known: Arc<RwLock<HashMap<&'static str, HashMap<String, Series>>>>,
}

/// The counters of one operation: by class of the status, then by whether it is retryable.
type Series = [[Option<Counter>; RETRYABLE.len()]; STATUS_CLASSES.len()];

const STATUS_CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "none"];
const RETRYABLE: [&str; 3] = ["", "false", "true"];

impl Requests {
    pub(super) fn new(environment: &str, family: Family<RequestLabels, Counter>) -> Self {
        Self { environment: environment.to_owned(), family, known: Arc::default() }
    }

    pub(super) fn count(&self, end: &RequestEnd<'_>) {
        let (class, retryable) = (class(end.status), retryable(end.retryable));
        if !self.counted(end, class, retryable) {
            self.begin(end, class, retryable);
        }
    }

    fn counted(&self, end: &RequestEnd<'_>, class: usize, retryable: usize) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let series = known.get(end.product).and_then(|operations| operations.get(end.operation));
        let counter = series.and_then(|series| series.get(class)?.get(retryable)?.as_ref());
        counter.inspect(|counter| _ = counter.inc()).is_some()
    }

    fn begin(&self, end: &RequestEnd<'_>, class: usize, retryable: usize) {
        let labels = RequestLabels {
            environment: self.environment.clone(),
            product: end.product,
            operation: end.operation.to_owned(),
            status_class: STATUS_CLASSES.get(class).copied().unwrap_or_default(),
            retryable: RETRYABLE.get(retryable).copied().unwrap_or_default(),
        };
        let counter = self.family.get_or_create_owned(&labels);
        counter.inc();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let series = known.entry(end.product).or_default().entry(end.operation.to_owned()).or_default();
        if let Some(place) = series.get_mut(class).and_then(|by_class| by_class.get_mut(retryable)) {
            *place = Some(counter);
        }
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
