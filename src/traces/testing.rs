//! A tracer whose spans a test looks at.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::context::TraceContext;
use super::ratio::Ratio;
use super::span::Record;
use super::tracer::Tracer;
use crate::metrics::TraceMetrics;

/// Spans that have ended.
pub(crate) struct Ended(mpsc::Receiver<Record>);

/// A tracer that records every call, and what it recorded.
pub(crate) fn tracer() -> (Tracer, Ended) {
    let (sender, ended) = mpsc::channel(16);
    (Tracer::new(sender, Ratio::ALL, TraceMetrics::default(), Arc::default()), Ended(ended))
}

impl Ended {
    /// The next one: its name, its place, and what went wrong.
    pub(crate) fn next(&mut self) -> Option<(String, TraceContext, Option<String>)> {
        let record = self.0.try_recv().ok()?;
        Some((record.name.into_owned(), record.context, record.error.map(String::from)))
    }
}
