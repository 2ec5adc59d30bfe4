//! What the inbox counts.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

/// Counts for all of the inbox. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct InboxMetrics {
    failures: Counter,
}

impl InboxMetrics {
    /// A transaction ended: how many entries it held, how long it took, and what went wrong.
    pub(crate) fn committed(&self, _entries: usize, _took: Duration, error: Option<&'static str>) {
        if error.is_some() {
            self.failures.inc();
        }
    }
}
