//! What the limits of connections show of themselves.

use std::time::SystemTime;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::troubles::{Trouble, TroubleKind, Troubles};

/// Connection permits. Cheap to clone; clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct PermitMetrics {
    /// How many are taken.
    pub in_use: Gauge,
    /// How many there are.
    pub limit: Gauge,
    /// How many times there was none.
    pub exhausted: Counter,
    pub(crate) troubles: Troubles,
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
    pub(crate) troubles: Troubles,
}

impl PermitMetrics {
    /// There was none.
    pub fn ran_out(&self) {
        self.exhausted.inc();
        happened(&self.troubles, TroubleKind::Permits);
    }
}

impl SlotMetrics {
    /// One had to give way to a newer one.
    pub fn gave_way(&self) {
        self.displaced.inc();
        happened(&self.troubles, TroubleKind::Displaced);
    }
}

fn happened(troubles: &Troubles, kind: TroubleKind) {
    let trouble = Trouble { kind, environment: String::new(), of: String::new(), reason: "" };
    troubles.happened(trouble, String::new, SystemTime::now());
}
