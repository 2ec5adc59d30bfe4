//! The series of a family: one measurement for each set of labels.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// One measurement `M` for each set of labels `L`, in the order of their labels. Cheap to clone; clones share the series. Whoever
/// counts keeps its `M`, which is cheap to clone as well, and looks nothing up. To tell of them takes no lock but for a moment.
pub(crate) struct Series<L, M> {
    all: Arc<RwLock<BTreeMap<Arc<L>, M>>>,
    begin: fn() -> M,
}

impl<L: Ord, M: Clone> Series<L, M> {
    /// No series; each begins with what `begin` yields.
    pub(crate) fn beginning_with(begin: fn() -> M) -> Self {
        Self { all: Arc::default(), begin }
    }

    /// The measurement of these labels, which begins here where there is none.
    pub(crate) fn of(&self, labels: L) -> M {
        if let Some(known) = self.read().get(&labels) {
            return known.clone();
        }
        self.write().entry(Arc::new(labels)).or_insert_with(self.begin).clone()
    }

    /// The measurement of these labels, where there is one.
    pub(crate) fn known(&self, labels: &L) -> Option<M> {
        self.read().get(labels).cloned()
    }

    /// All of them, in the order of their labels.
    pub(crate) fn all(&self) -> Vec<(Arc<L>, M)> {
        self.read().iter().map(|(labels, measured)| (Arc::clone(labels), measured.clone())).collect()
    }

    /// Ends the series of those labels of which that is so. What was counted of them is gone.
    pub(crate) fn end(&self, of: impl Fn(&L) -> bool) {
        self.write().retain(|labels, _| !of(labels));
    }

    /// Ends those series that `of` says that are not among `kept`. The others are never away for a moment: somebody might be alarmed
    /// by it.
    pub(crate) fn keep(&self, kept: &BTreeSet<L>, of: impl Fn(&L) -> bool) {
        self.end(|labels| of(labels) && !kept.contains(labels));
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<Arc<L>, M>> {
        // Each change is one insertion or removal, so a panic leaves nothing half done.
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<Arc<L>, M>> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Ord, M: Clone + Default> Default for Series<L, M> {
    fn default() -> Self {
        Self::beginning_with(M::default)
    }
}

impl<L, M> Clone for Series<L, M> {
    fn clone(&self) -> Self {
        Self { all: Arc::clone(&self.all), begin: self.begin }
    }
}

impl<L, M> fmt::Debug for Series<L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").finish_non_exhaustive()
    }
}

impl<L, M> EncodeMetric for Series<L, M>
where
    L: EncodeLabelSet + Ord,
    M: EncodeMetric + TypedMetric + Clone,
{
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        // Who begins a series is not kept waiting while all of them are written.
        for (labels, measured) in Series::all(self) {
            measured.encode(encoder.encode_family(&*labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    type Labels = [(&'static str, &'static str); 1];

    #[test]
    fn a_series_begins_once_and_ends_when_it_is_not_kept() {
        let series = Series::<Labels, Counter>::default();
        series.of([("of", "a")]).inc();
        series.of([("of", "a")]).inc();
        series.of([("of", "b")]).inc();
        assert_eq!((series.of([("of", "a")]).get(), series.of([("of", "b")]).get()), (2, 1));
        series.keep(&BTreeSet::from([[("of", "a")]]), |_| true);
        assert_eq!((series.of([("of", "a")]).get(), series.of([("of", "b")]).get()), (2, 0));
        series.keep(&BTreeSet::new(), |labels| labels[0].1 == "a");
        assert_eq!(series.read().len(), 1, "only those that it is about");
    }
}
