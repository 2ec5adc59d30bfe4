//! Counters and gauges. Labels are names from the configuration and closed lists, never anything that a peer sends.

mod environment;
mod labels;
mod requests;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use environment::{EnvironmentMetrics, OpenConnection};
pub use labels::{CertificateKind, ReloadOutcome};
pub use requests::RequestEnd;

use crate::inbox::InboxMetrics;
use labels::{CertificateLabels, EnvironmentLabels, HandshakeLabels, ReloadLabels, RequestLabels, SecondKeyLabels};
use requests::Requests;

/// Bucket bounds of request durations, in seconds: from an embedded handler's microseconds to the whole-request deadline.
const DURATION_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

/// The label value where a connection ended before its environment was known.
const NO_ENVIRONMENT: &str = "";

/// All metrics of a server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    families: Families,
}

#[derive(Clone, Debug)]
struct Families {
    handshakes: Family<HandshakeLabels, Counter>,
    connections: Family<EnvironmentLabels, Gauge>,
    retired: Family<EnvironmentLabels, Counter>,
    resumed: Family<EnvironmentLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    second_keys: Family<SecondKeyLabels, Counter>,
    in_flight: Family<EnvironmentLabels, Gauge>,
    durations: Family<EnvironmentLabels, Histogram, fn() -> Histogram>,
    certificate_expiry: Family<CertificateLabels, Gauge>,
    crl_expiry: Family<EnvironmentLabels, Gauge>,
    epoch: Family<EnvironmentLabels, Gauge>,
    reloads: Family<ReloadLabels, Counter>,
    permits: Gauge,
    unfinished: Gauge,
    displaced: Counter,
    inbox: InboxMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    #[must_use]
    pub fn new() -> Self {
        let families = Families {
            handshakes: Family::default(),
            connections: Family::default(),
            retired: Family::default(),
            resumed: Family::default(),
            requests: Family::default(),
            second_keys: Family::default(),
            in_flight: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            certificate_expiry: Family::default(),
            crl_expiry: Family::default(),
            epoch: Family::default(),
            reloads: Family::default(),
            permits: Gauge::default(),
            unfinished: Gauge::default(),
            displaced: Counter::default(),
            inbox: InboxMetrics::default(),
        };
        let mut registry = Registry::with_prefix("issuer_host");
        registry.register("build", "The version that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register(
            "handshakes",
            "Handshakes by outcome: accepted, or failed for a reason",
            families.handshakes.clone(),
        );
        registry.register("connections", "Connections of verified clients", families.connections.clone());
        registry.register(
            "retired_connections",
            "Connections that ended because the verdict on their client held no longer",
            families.retired.clone(),
        );
        registry.register("resumed_handshakes", "Accepted handshakes that resumed a session", families.resumed.clone());
        registry.register(
            "requests",
            "Requests by product, operation, class of the answer's status, and whether a failure is worth a retry",
            families.requests.clone(),
        );
        registry.register(
            "second_key_refusals",
            "Calls of verified clients without the API key, token or issuer id that their product demands",
            families.second_keys.clone(),
        );
        registry.register("requests_in_flight", "Requests without an answer yet", families.in_flight.clone());
        registry.register(
            "request_duration_seconds",
            "From the head of a request to the head of its answer",
            families.durations.clone(),
        );
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "notAfter of the certificate of its kind that expires first, in seconds since 1970",
            families.certificate_expiry.clone(),
        );
        registry.register(
            "crl_next_update_timestamp_seconds",
            "nextUpdate of the revocation list that ends first, in seconds since 1970; past it the clients that it covers are refused",
            families.crl_expiry.clone(),
        );
        registry.register("epoch", "Number of the TLS material in force, from 1", families.epoch.clone());
        registry.register(
            "reloads",
            "Reloads by outcome: unchanged, installed, or kept because what was found is not good",
            families.reloads.clone(),
        );
        registry.register("connection_permits_in_use", "Connection permits in use", families.permits.clone());
        registry.register("handshakes_in_flight", "Handshakes that have not ended", families.unfinished.clone());
        registry.register(
            "handshakes_displaced",
            "Unfinished handshakes that gave way to newer ones",
            families.displaced.clone(),
        );
        families.inbox.register(&mut registry);
        Self { registry: Arc::new(Mutex::new(registry)), families }
    }

    /// What the inbox counts.
    #[must_use]
    pub fn inbox(&self) -> InboxMetrics {
        self.families.inbox.clone()
    }

    /// How many connection permits are in use.
    #[must_use]
    pub fn connection_permits_in_use(&self) -> Gauge {
        self.families.permits.clone()
    }

    /// How many handshakes have not ended.
    #[must_use]
    pub fn handshakes_in_flight(&self) -> Gauge {
        self.families.unfinished.clone()
    }

    /// How many unfinished handshakes had to give way to newer ones.
    #[must_use]
    pub fn handshakes_displaced(&self) -> Counter {
        self.families.displaced.clone()
    }

    /// The counters of one environment, looked up once.
    #[must_use]
    pub fn for_environment(&self, name: &str) -> EnvironmentMetrics {
        let labels = EnvironmentLabels { environment: name.to_owned() };
        EnvironmentMetrics {
            name: name.to_owned(),
            handshakes: self.families.handshakes.clone(),
            certificate_expiry: self.families.certificate_expiry.clone(),
            crl_expiry: self.families.crl_expiry.clone(),
            epochs: self.families.epoch.clone(),
            reloads: self.families.reloads.clone(),
            connections: self.families.connections.get_or_create_owned(&labels),
            retired: self.families.retired.get_or_create_owned(&labels),
            resumed: self.families.resumed.get_or_create_owned(&labels),
            in_flight: self.families.in_flight.get_or_create_owned(&labels),
            durations: self.families.durations.get_or_create_owned(&labels),
            requests: Requests::new(name, self.families.requests.clone()),
            second_keys: self.families.second_keys.clone(),
        }
    }

    /// A handshake ended without a verified client; `reason` is one of a closed list.
    pub fn handshake_failed(&self, environment: Option<&str>, reason: &'static str) {
        let environment = environment.unwrap_or(NO_ENVIRONMENT).to_owned();
        let labels = HandshakeLabels { environment, outcome: "failed", reason, tls_version: "" };
        self.families.handshakes.get_or_create(&labels).inc();
    }

    /// All of it, in the `OpenMetrics` text format 1.0.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry());
        text
    }

    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        // A registry is only added to; a panic cannot leave it half changed.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
