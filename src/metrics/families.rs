//! All that is counted, by what it is counted under; what an environment counts is a view on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::admin::AdminMetrics;
use super::backend::BackendSeries;
use super::door::{PermitMetrics, SlotMetrics};
use super::histogram::Durations;
use super::labels::{
    CertificateLabels, EnvironmentLabels, FileLabels, HandshakeLabels, KeyLabels, OperationLabels, OutcomeLabels,
    RequestLabels, SecondKeyLabels,
};
use super::recent::RecentOperation;
use super::registry::Told;
use super::requests::Requests;
use super::series::Series;
use super::table;
use super::tokens::TokenSeries;
use super::traces::SpanLabels;
use super::troubles::{Trouble, TroubleKind, Troubles};
use crate::inbox::InboxMetrics;

#[derive(Clone, Debug, Default)]
pub(super) struct Families {
    pub(super) ready: Gauge,
    pub(super) handshakes: Series<HandshakeLabels, Counter>,
    pub(super) slots: SlotMetrics,
    pub(super) connections: Series<EnvironmentLabels, Gauge>,
    pub(super) retired: Series<EnvironmentLabels, Counter>,
    pub(super) permits: PermitMetrics,
    pub(super) accept_errors: Counter,
    pub(super) admin_slots: SlotMetrics,
    pub(super) certificate_expiry: Series<CertificateLabels, Gauge>,
    pub(super) crl_expiry: Series<FileLabels, Gauge>,
    pub(super) second_key_expiry: Series<KeyLabels, Gauge>,
    pub(super) epoch: Series<EnvironmentLabels, Gauge>,
    pub(super) reloads: Series<OutcomeLabels, Counter>,
    pub(super) reload_success: Series<EnvironmentLabels, Gauge>,
    pub(super) reload_failing: Series<EnvironmentLabels, Gauge>,
    pub(super) configuration_refused: Gauge,
    pub(super) configuration_needs_restart: Gauge,
    pub(super) request_counts: Series<RequestLabels, Counter>,
    pub(super) request_durations: Series<OperationLabels, Durations>,
    pub(super) in_flight: Series<EnvironmentLabels, Gauge>,
    pub(super) second_keys: Series<SecondKeyLabels, Counter>,
    pub(super) backends: BackendSeries,
    pub(super) tokens: TokenSeries,
    pub(super) admin: AdminMetrics,
    pub(super) inbox: InboxMetrics,
    pub(super) spans: Series<SpanLabels, Counter>,
    /// When a caller was admitted last, in seconds since 1970. Not told: it is for the first screen.
    pub(super) admitted: Series<EnvironmentLabels, Gauge>,
    /// What failed of late; all that counts failures shares it.
    pub(super) troubles: Troubles,
    /// The requests of each environment that there is.
    requests: Arc<Mutex<BTreeMap<String, Requests>>>,
}

impl Families {
    pub(super) fn new() -> Self {
        let troubles = Troubles::default();
        Self {
            slots: SlotMetrics { troubles: troubles.clone(), ..SlotMetrics::default() },
            permits: PermitMetrics { troubles: troubles.clone(), ..PermitMetrics::default() },
            backends: BackendSeries { troubles: troubles.clone(), ..BackendSeries::default() },
            tokens: TokenSeries { troubles: troubles.clone(), ..TokenSeries::default() },
            admin: AdminMetrics { troubles: troubles.clone(), ..AdminMetrics::default() },
            inbox: InboxMetrics::with(troubles.clone()),
            troubles,
            ..Self::default()
        }
    }

    /// Something of the whole server failed.
    pub(super) fn trouble(&self, kind: TroubleKind, reason: &'static str, words: impl FnOnce() -> String) {
        let trouble = Trouble { kind, environment: String::new(), of: String::new(), reason };
        self.troubles.happened(trouble, words, SystemTime::now());
    }

    pub(super) fn tell(&self, told: &mut Told) {
        told.tell(table::READY, self.ready.clone());
        told.tell(table::HANDSHAKES, self.handshakes.clone());
        told.tell(table::HANDSHAKES_IN_FLIGHT, self.slots.in_flight.clone());
        told.tell(table::HANDSHAKES_LIMIT, self.slots.limit.clone());
        told.tell(table::HANDSHAKES_DISPLACED, self.slots.displaced.clone());
        told.tell(table::CONNECTIONS, self.connections.clone());
        told.tell(table::RETIRED_CONNECTIONS, self.retired.clone());
        told.tell(table::PERMITS_IN_USE, self.permits.in_use.clone());
        told.tell(table::PERMITS_LIMIT, self.permits.limit.clone());
        told.tell(table::PERMITS_EXHAUSTED, self.permits.exhausted.clone());
        told.tell(table::ACCEPT_ERRORS, self.accept_errors.clone());
        told.tell(table::ADMIN_CONNECTIONS_DISPLACED, self.admin_slots.displaced.clone());
        told.tell(table::CERTIFICATE_EXPIRY, self.certificate_expiry.clone());
        told.tell(table::CRL_NEXT_UPDATE, self.crl_expiry.clone());
        told.tell(table::SECOND_KEY_EXPIRY, self.second_key_expiry.clone());
        told.tell(table::EPOCH, self.epoch.clone());
        told.tell(table::RELOADS, self.reloads.clone());
        told.tell(table::RELOAD_LAST_SUCCESS, self.reload_success.clone());
        told.tell(table::RELOAD_FAILING, self.reload_failing.clone());
        told.tell(table::CONFIGURATION_REFUSED, self.configuration_refused.clone());
        told.tell(table::CONFIGURATION_NEEDS_RESTART, self.configuration_needs_restart.clone());
        told.tell(table::REQUESTS, self.request_counts.clone());
        told.tell(table::REQUEST_DURATION, self.request_durations.clone());
        told.tell(table::REQUESTS_IN_FLIGHT, self.in_flight.clone());
        told.tell(table::SECOND_KEY_REFUSALS, self.second_keys.clone());
        told.tell(table::BACKEND_CONNECTIONS, self.backends.connections.clone());
        told.tell(table::BACKEND_CONNECTS, self.backends.connects.clone());
        told.tell(table::BACKEND_REQUESTS, self.backends.requests.clone());
        told.tell(table::BACKEND_REQUESTS_IN_FLIGHT, self.backends.in_flight.clone());
        told.tell(table::BACKEND_FAILURES, self.backends.failures.clone());
        told.tell(table::TOKEN_REQUESTS, self.tokens.requests.clone());
        told.tell(table::JWKS_REFRESHES, self.tokens.refreshes.clone());
        told.tell(table::JWKS_LAST_SUCCESS, self.tokens.last_refresh.clone());
        told.tell(table::ADMIN_REQUESTS, self.admin.requests.clone());
        self.inbox.tell(told);
        told.tell(table::TRACE_SPANS, self.spans.clone());
    }

    /// The requests of an environment; the same for each who asks, until it is gone.
    pub(super) fn requests_of(&self, environment: &str) -> Requests {
        let begin = || Requests::new(environment, self.request_counts.clone(), self.request_durations.clone());
        self.requests().entry(environment.to_owned()).or_insert_with(begin).clone()
    }

    pub(super) fn forget_requests_of(&self, environment: &str) {
        self.requests().remove(environment);
    }

    pub(super) fn recent(&self, now: SystemTime) -> Vec<RecentOperation> {
        let all: Vec<Requests> = self.requests().values().cloned().collect();
        all.iter().flat_map(|requests| requests.recent(now)).collect()
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Requests>> {
        // Each change is one insertion or removal, so a panic leaves nothing half done.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
