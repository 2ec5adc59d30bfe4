//! What came of all the calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counted under a lock: there are some hundred calls a second.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By what it was.
    counted: BTreeMap<&'static str, u64>,
    acknowledged: BTreeSet<String>,
    wrong: BTreeMap<String, u64>,
}

impl Counts {
    pub(crate) fn count(&self, what: &'static str) {
        *self.inner().counted.entry(what).or_default() += 1;
    }

    /// A notification that the program has promised to deliver.
    pub(crate) fn acknowledged(&self, id: &str) {
        self.inner().acknowledged.insert(id.to_owned());
    }

    /// What should not have been, in words.
    pub(crate) fn wrong(&self, what: String) {
        *self.inner().wrong.entry(what).or_default() += 1;
    }

    pub(crate) fn counted(&self) -> BTreeMap<&'static str, u64> {
        self.inner().counted.clone()
    }

    pub(crate) fn wrongs(&self) -> BTreeMap<String, u64> {
        self.inner().wrong.clone()
    }

    pub(crate) fn acknowledgements(&self) -> usize {
        self.inner().acknowledged.len()
    }

    /// What was acknowledged and is not among what a backend has taken.
    pub(crate) fn lost(&self, served: &HashMap<String, u32>) -> Vec<String> {
        self.inner().acknowledged.iter().filter(|id| !served.contains_key(*id)).cloned().collect()
    }

    /// How often a backend took what it had taken before.
    pub(crate) fn duplicates(&self, served: &HashMap<String, u32>) -> u32 {
        self.inner().acknowledged.iter().filter_map(|id| served.get(id)).map(|times| times.saturating_sub(1)).sum()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
