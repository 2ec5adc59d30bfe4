//! What is counted of requests that are for administrators.

use std::time::SystemTime;

use prometheus_client::metrics::counter::Counter;

use super::labels::AdminLabels;
use super::series::Series;
use super::table::{self, Values};
use super::troubles::{Trouble, TroubleKind, Troubles};

/// Who was let in, and why others were not. Cheap to clone; clones share the counts.
#[derive(Clone, Debug)]
pub struct AdminMetrics {
    pub(super) requests: Series<AdminLabels, Counter>,
    pub(super) troubles: Troubles,
}

impl Default for AdminMetrics {
    /// All outcomes at zero, so that the first of one is seen to have happened.
    fn default() -> Self {
        let requests = Series::default();
        let outcomes = table::ADMIN_REQUESTS.labels().iter().flat_map(|label| match label.values {
            Values::Closed(values) => values,
            Values::Configured(_) => &[],
        });
        for outcome in outcomes {
            requests.of(AdminLabels { outcome });
        }
        Self { requests, troubles: Troubles::default() }
    }
}

impl AdminMetrics {
    /// Somebody asked for what is for administrators; `outcome` is one of a closed list.
    pub fn asked(&self, outcome: &'static str) {
        table::ADMIN_REQUESTS.expect("outcome", outcome);
        self.requests.of(AdminLabels { outcome }).inc();
        // As the alert has it.
        if matches!(outcome, "wrong_token" | "throttled") {
            let trouble =
                Trouble { kind: TroubleKind::Admin, environment: String::new(), of: String::new(), reason: outcome };
            self.troubles.happened(trouble, String::new, SystemTime::now());
        }
    }
}
