//! What the limits of connections show of themselves.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// Connection permits. Cheap to clone; clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct PermitMetrics {
    /// How many are taken.
    pub in_use: Gauge,
    /// How many there are.
    pub limit: Gauge,
    /// How many times there was none.
    pub exhausted: Counter,
}

/// Unfinished handshakes, or what else gives way to newer ones. Cheap to clone; clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct SlotMetrics {
    /// How many there are.
    pub in_flight: Gauge,
    /// How many there may be.
    pub limit: Gauge,
    /// How many had to give way to newer ones.
    pub displaced: Counter,
}
