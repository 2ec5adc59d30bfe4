//! What is counted of a backend, whatever client it is reached with.

use std::time::SystemTime;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::held::Held;
use super::labels::{BackendLabels, ConnectLabels, FailureLabels};
use super::series::Series;
use super::troubles::{RecentTrouble, Trouble, TroubleKind, Troubles};

#[derive(Clone, Debug, Default)]
pub(super) struct BackendSeries {
    pub(super) connections: Series<BackendLabels, Gauge>,
    pub(super) connects: Series<ConnectLabels, Counter>,
    pub(super) requests: Series<BackendLabels, Counter>,
    pub(super) in_flight: Series<BackendLabels, Gauge>,
    pub(super) failures: Series<FailureLabels, Counter>,
    pub(super) troubles: Troubles,
}

/// The counters of one backend of one environment. Cheap to clone, and nothing is looked up on a request's way.
#[derive(Clone, Debug)]
pub struct BackendMetrics {
    labels: BackendLabels,
    troubles: Troubles,
    connections: Gauge,
    connected: Counter,
    refused: Counter,
    timed_out: Counter,
    requests: Counter,
    in_flight: Gauge,
    unavailable: Counter,
    broken: Counter,
    timeouts: Counter,
    bodies: Counter,
}

/// How an attempt to connect ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectOutcome {
    /// There is a connection.
    Connected,
    /// There is none.
    Failed,
    /// There was none in time.
    Timeout,
}

/// Why a backend did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendFailure {
    /// It could not be reached.
    Unavailable,
    /// It broke off before the head of its answer, or what it sent is none.
    Broken,
    /// There was no head in time.
    Timeout,
    /// It broke off, or fell silent, in the body of its answer.
    Body,
}

impl BackendSeries {
    /// The series of a backend begin at zero: whoever watches them sees the first failure grow.
    pub(super) fn of(&self, environment: &str, backend: &str) -> BackendMetrics {
        let labels = || BackendLabels { environment: environment.to_owned(), backend: backend.to_owned() };
        let connects = |outcome| {
            let BackendLabels { environment, backend } = labels();
            self.connects.of(ConnectLabels { environment, backend, outcome })
        };
        let failures = |reason| {
            let BackendLabels { environment, backend } = labels();
            self.failures.of(FailureLabels { environment, backend, reason })
        };
        BackendMetrics {
            labels: labels(),
            troubles: self.troubles.clone(),
            connections: self.connections.of(labels()),
            connected: connects("connected"),
            refused: connects("failed"),
            timed_out: connects("timeout"),
            requests: self.requests.of(labels()),
            in_flight: self.in_flight.of(labels()),
            unavailable: failures("unavailable"),
            broken: failures("broken"),
            timeouts: failures("timeout"),
            bodies: failures("body"),
        }
    }
}

impl BackendMetrics {
    /// The environment that the backend is one of.
    pub(crate) fn environment(&self) -> &str {
        &self.labels.environment
    }

    /// An attempt to connect ended.
    pub fn connect_ended(&self, outcome: ConnectOutcome) {
        match outcome {
            ConnectOutcome::Connected => &self.connected,
            ConnectOutcome::Failed => &self.refused,
            ConnectOutcome::Timeout => &self.timed_out,
        }
        .inc();
    }

    /// A connection is open until the token is dropped.
    #[must_use]
    pub fn connection_opened(&self) -> Held {
        Held::of(&self.connections)
    }

    /// A request is under way until the token is dropped.
    #[must_use]
    pub fn request_began(&self) -> Held {
        self.requests.inc();
        Held::of(&self.in_flight)
    }

    /// Requests that are under way.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// A request got no answer, or not all of it; `words` says what happened, without anything of the request.
    pub fn failed(&self, why: BackendFailure, words: impl FnOnce() -> String) {
        let (count, reason) = match why {
            BackendFailure::Unavailable => (&self.unavailable, "unavailable"),
            BackendFailure::Broken => (&self.broken, "broken"),
            BackendFailure::Timeout => (&self.timeouts, "timeout"),
            BackendFailure::Body => (&self.bodies, "body"),
        };
        count.inc();
        let BackendLabels { environment, backend } = self.labels.clone();
        let trouble = Trouble { kind: TroubleKind::Backend, environment, of: backend, reason };
        self.troubles.happened(trouble, words, SystemTime::now());
    }

    /// The last time that a request got no answer.
    #[must_use]
    pub fn last_failure(&self) -> Option<RecentTrouble> {
        let BackendLabels { environment, backend } = &self.labels;
        self.troubles.last_of_backend(environment, backend, SystemTime::now())
    }
}
