//! A histogram of durations without a lock: requests that end at the same time, and whoever reads it, do not wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper bounds of the buckets, in microseconds: from an embedded handler's to the whole-request deadline.
pub(super) const BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 15_000_000,
    60_000_000,
];
/// The buckets, with that of what is beyond the last bound.
pub(super) const BUCKETS: usize = BOUNDS.len() + 1;

/// In which bucket a duration is counted.
pub(super) fn bucket(of: Duration) -> usize {
    // Of a bound itself, its own: `le` is "less or equal". What is between two microseconds is beyond the lower one.
    let micros = u64::try_from(of.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
    BOUNDS.partition_point(|bound| *bound < micros)
}

/// Durations, by [`BOUNDS`]. Cheap to clone; clones share the counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    buckets: [AtomicU64; BUCKETS],
    /// In nanoseconds: enough for five centuries of durations.
    sum: AtomicU64,
}

impl Durations {
    /// Counts `duration`, which falls into `bucket`.
    pub(super) fn observe(&self, duration: Duration, bucket: usize) {
        if let Some(count) = self.0.buckets.get(bucket) {
            self.0.sum.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let bounds = BOUNDS.iter().map(|micros| Duration::from_micros(*micros).as_secs_f64());
        let counts = self.0.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        // Of the same counts, so that the total is that of the buckets whoever counts meanwhile.
        let total = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.0.sum.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, total, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_under_the_first_bound_that_it_does_not_exceed() {
        for (nanos, expected) in
            [(0, 0), (500_000, 0), (500_001, 1), (1_000_000, 1), (60_000_000_000, 13), (60_000_000_001, 14)]
        {
            assert_eq!(bucket(Duration::from_nanos(nanos)), expected, "{nanos} ns");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }
}
