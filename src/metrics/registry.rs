//! What `/metrics` is written from. Only rows of the table can be registered, so that nothing is measured that is not documented.

use prometheus_client::encoding::{EncodeMetric, text};
use prometheus_client::registry::{Registry, Unit};

use super::table::Metric;

/// All that is told. Only added to.
#[derive(Debug, Default)]
pub(crate) struct Told {
    registry: Registry,
}

impl Told {
    /// Has `measured` told as the row of the table says.
    pub(crate) fn tell(
        &mut self,
        row: &'static Metric,
        measured: impl EncodeMetric + Send + Sync + std::fmt::Debug + 'static,
    ) {
        debug_assert_eq!(measured.metric_type().as_str(), row.kind().name(), "{}", row.name());
        let (name, help) = (row.name(), row.help());
        match row.unit() {
            "seconds" => self.with_unit(name, "_seconds", help, Unit::Seconds, measured),
            "bytes" => self.with_unit(name, "_bytes", help, Unit::Bytes, measured),
            _ => self.registry.register(name, help, measured),
        }
    }

    fn with_unit(
        &mut self,
        name: &str,
        end: &str,
        help: &str,
        unit: Unit,
        measured: impl EncodeMetric + Send + Sync + std::fmt::Debug + 'static,
    ) {
        // The registry puts the unit behind the name by itself.
        self.registry.register_with_unit(name.trim_end_matches(end), help, unit, measured);
    }

    /// All of it, in the `OpenMetrics` text format 1.0.
    pub(crate) fn encode(&self, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = text::encode(text, &self.registry);
    }
}
