//! What there is to measure: the one table that series are registered from, and that `docs/metrics.md` is written from.

mod label;
mod rows;

pub use label::{Label, Values};
pub use rows::ALL;
pub(crate) use rows::*;

/// A metric: a name, and what it means. Only the table makes them, so that there is none that is not in it.
#[derive(Debug)]
pub struct Metric {
    name: &'static str,
    kind: Kind,
    labels: &'static [Label],
    help: &'static str,
    advice: &'static str,
}

/// What its numbers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They only grow, until the process ends.
    Counter,
    /// They go up and down.
    Gauge,
    /// How many were how long or large.
    Histogram,
    /// Nothing; what there is to know stands in the labels.
    Info,
}

impl Kind {
    /// The name in `OpenMetrics`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

impl Metric {
    /// The name of the family, with its unit: `issuer_host_request_duration_seconds`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What its numbers do.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What its series are told apart by.
    #[must_use]
    pub const fn labels(&self) -> &'static [Label] {
        self.labels
    }

    /// What it counts, in a sentence without its full stop.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// What to do with it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        self.advice
    }

    /// Where it is built for tests: fails unless `label` may say `value`, so that no list is closed on paper alone.
    pub(crate) fn expect(&self, label: &str, value: &str) {
        debug_assert!(
            self.labels.iter().any(|known| known.name == label && known.may_be(value)),
            "{}: {label} may not be {value:?}",
            self.name
        );
    }

    /// What its numbers are of: `seconds` or `bytes`; empty = they are counts.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        let units = ["seconds", "bytes"];
        // The unit is the end of the name, as OpenMetrics has it.
        units
            .into_iter()
            .find(|unit| self.name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
            .unwrap_or("")
    }

    /// The name that stands before the labels of a series, which ends as `OpenMetrics` wants it for the kind; of a histogram there are
    /// three, that of its buckets among them.
    #[must_use]
    pub fn series_names(&self) -> Vec<String> {
        let name = self.name;
        match self.kind {
            Kind::Counter => vec![format!("{name}_total")],
            Kind::Gauge => vec![name.to_owned()],
            Kind::Histogram => ["bucket", "sum", "count"].iter().map(|end| format!("{name}_{end}")).collect(),
            Kind::Info => vec![format!("{name}_info")],
        }
    }
}

#[cfg(test)]
mod tests;
