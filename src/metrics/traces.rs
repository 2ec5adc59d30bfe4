//! What is counted of traces.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;

use super::series::Series;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct SpanLabels {
    outcome: &'static str,
}

/// The counters of spans. Cheap to clone; clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct TraceMetrics {
    sent: Counter,
    lost: Counter,
}

impl TraceMetrics {
    /// Both counters, which are told of from now on.
    pub(super) fn of(spans: &Series<SpanLabels, Counter>) -> Self {
        let [sent, lost] = ["sent", "lost"].map(|outcome| spans.of(SpanLabels { outcome }));
        Self { sent, lost }
    }

    /// The collector has so many more.
    pub fn sent(&self, spans: u64) {
        self.sent.inc_by(spans);
    }

    /// So many more will never be there.
    pub fn lost(&self, spans: u64) {
        self.lost.inc_by(spans);
    }

    /// Sent, and lost.
    #[cfg(test)]
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.sent.get(), self.lost.get())
    }
}
