//! What the counters say of how the server is, as of one moment.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::admin::StatusReport;
use crate::inbox::OldestPending;
use crate::metrics::{Metrics, RecentTrouble};

/// What fails, and what is needed to tell how bad that is.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    /// What failed within the last minutes.
    pub(super) troubles: Vec<RecentTrouble>,
    /// When the keys of an environment's identity provider were fetched last.
    pub(super) keys_fetched: BTreeMap<String, SystemTime>,
    /// When a caller of an environment was admitted last.
    pub(super) admitted: BTreeMap<String, SystemTime>,
    /// Open file descriptors, and how many there may be.
    pub(super) descriptors: Option<(u64, u64)>,
    /// What has waited longest in the inbox, by operation.
    pub(super) oldest_pending: Vec<OldestPending>,
}

impl Health {
    /// As `metrics` have it, of the environments of `status`.
    pub(super) fn of(metrics: &Metrics, status: &StatusReport) -> Self {
        let of_each = |when: &dyn Fn(&str) -> Option<SystemTime>| {
            let names = status.environments.iter().map(|environment| environment.name.as_str());
            names.filter_map(|name| Some((name.to_owned(), when(name)?))).collect()
        };
        Self {
            troubles: metrics.troubles(),
            keys_fetched: of_each(&|name| metrics.keys_fetched(name)),
            admitted: of_each(&|name| metrics.admitted(name)),
            descriptors: metrics.file_descriptors(),
            oldest_pending: metrics.inbox().oldest_pending(),
        }
    }
}
