//! Counters and gauges. Labels are names from the configuration and closed lists, never anything that a peer sends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use rustls_pki_types::UnixTime;

/// Bucket bounds of request durations, in seconds: from an embedded handler's microseconds to the whole-request deadline.
const DURATION_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

/// The label value where a connection ended before its environment was known.
const NO_ENVIRONMENT: &str = "";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabels {
    environment: String,
    outcome: &'static str,
    /// Why it failed; empty when it did not.
    reason: &'static str,
    tls_version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EnvironmentLabels {
    environment: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    environment: String,
    status_class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CertificateLabels {
    environment: String,
    kind: &'static str,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// The trust anchor that expires first.
    ClientCa,
    /// The certificate of the server chain that expires first.
    ServerChain,
}

impl CertificateKind {
    fn label(self) -> &'static str {
        match self {
            Self::ClientCa => "client_ca",
            Self::ServerChain => "server_chain",
        }
    }
}

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// Nothing was new.
    Unchanged,
    /// A new epoch is in force.
    Installed,
    /// What was found is not good; the epoch before stays.
    Kept,
}

impl ReloadOutcome {
    /// In metrics and status.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Installed => "installed",
            Self::Kept => "kept",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    environment: String,
    outcome: &'static str,
}

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
    in_flight: Family<EnvironmentLabels, Gauge>,
    durations: Family<EnvironmentLabels, Histogram, fn() -> Histogram>,
    certificate_expiry: Family<CertificateLabels, Gauge>,
    crl_expiry: Family<EnvironmentLabels, Gauge>,
    epoch: Family<EnvironmentLabels, Gauge>,
    reloads: Family<ReloadLabels, Counter>,
    permits: Gauge,
    unfinished: Gauge,
    displaced: Counter,
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
            in_flight: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            certificate_expiry: Family::default(),
            crl_expiry: Family::default(),
            epoch: Family::default(),
            reloads: Family::default(),
            permits: Gauge::default(),
            unfinished: Gauge::default(),
            displaced: Counter::default(),
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
        registry.register("requests", "Requests by class of the answer's status", families.requests.clone());
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
        Self { registry: Arc::new(Mutex::new(registry)), families }
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
        let requests = STATUS_CLASSES.map(|status_class| {
            let labels = RequestLabels { environment: name.to_owned(), status_class };
            self.families.requests.get_or_create_owned(&labels)
        });
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
            requests,
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

const STATUS_CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "none"];

/// The counters of one environment; cheap to clone, no look-ups on the way of a request.
#[derive(Clone, Debug)]
pub struct EnvironmentMetrics {
    name: String,
    handshakes: Family<HandshakeLabels, Counter>,
    certificate_expiry: Family<CertificateLabels, Gauge>,
    crl_expiry: Family<EnvironmentLabels, Gauge>,
    epochs: Family<EnvironmentLabels, Gauge>,
    reloads: Family<ReloadLabels, Counter>,
    connections: Gauge,
    retired: Counter,
    resumed: Counter,
    in_flight: Gauge,
    durations: Histogram,
    /// In the order of [`STATUS_CLASSES`].
    requests: [Counter; 5],
}

impl EnvironmentMetrics {
    /// A client was verified.
    pub fn handshake_accepted(&self, tls_version: &'static str, resumed: bool) {
        let labels = HandshakeLabels { environment: self.name.clone(), outcome: "accepted", reason: "", tls_version };
        self.handshakes.get_or_create(&labels).inc();
        if resumed {
            self.resumed.inc();
        }
    }

    /// A verified client's connection is open until the token is dropped.
    #[must_use]
    pub fn connection_opened(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// Connections of verified clients now.
    #[must_use]
    pub fn live_connections(&self) -> i64 {
        self.connections.get()
    }

    /// A connection ended because its client's verdict held no longer.
    pub fn connection_retired(&self) {
        self.retired.inc();
    }

    /// Connections that were retired so far.
    #[must_use]
    pub fn retired_connections(&self) -> u64 {
        self.retired.get()
    }

    /// A request that is none was answered before it became one.
    pub fn request_refused(&self, status: u16) {
        self.count(Some(status));
    }

    /// A request came in.
    pub fn request_began(&self) {
        self.in_flight.inc();
    }

    /// Its answer began with `status`, or its caller went away before there was one.
    pub fn request_ended(&self, status: Option<u16>, elapsed: Duration) {
        self.in_flight.dec();
        self.durations.observe(elapsed.as_secs_f64());
        self.count(status);
    }

    /// When the certificates of a kind expire first, where there are any.
    pub fn certificate_expires(&self, kind: CertificateKind, not_after: Option<UnixTime>) {
        if let Some(not_after) = not_after {
            let labels = CertificateLabels { environment: self.name.clone(), kind: kind.label() };
            self.certificate_expiry.get_or_create(&labels).set(seconds(not_after));
        }
    }

    /// When the revocation list ends that ends first; none, no line.
    pub fn crl_expires(&self, next_update: Option<UnixTime>) {
        let labels = EnvironmentLabels { environment: self.name.clone() };
        match next_update {
            Some(next_update) => {
                self.crl_expiry.get_or_create(&labels).set(seconds(next_update));
            }
            None => {
                self.crl_expiry.remove(&labels);
            }
        }
    }

    /// Which epoch is in force.
    pub fn epoch_installed(&self, number: u64) {
        let labels = EnvironmentLabels { environment: self.name.clone() };
        self.epochs.get_or_create(&labels).set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// The environment is gone from the configuration: what it was made of is told of no more, lest somebody be alarmed by the expiry
    /// of what is no longer used. What was counted stays.
    pub fn environment_removed(&self) {
        for kind in [CertificateKind::ClientCa, CertificateKind::ServerChain] {
            let labels = CertificateLabels { environment: self.name.clone(), kind: kind.label() };
            self.certificate_expiry.remove(&labels);
        }
        let labels = EnvironmentLabels { environment: self.name.clone() };
        self.crl_expiry.remove(&labels);
        self.epochs.remove(&labels);
    }

    /// A reload ended.
    pub fn reloaded(&self, outcome: ReloadOutcome) {
        let labels = ReloadLabels { environment: self.name.clone(), outcome: outcome.label() };
        self.reloads.get_or_create(&labels).inc();
    }

    fn count(&self, status: Option<u16>) {
        let [success, redirection, client_error, server_error, none] = &self.requests;
        match status {
            Some(500..) => server_error,
            Some(400..) => client_error,
            Some(300..) => redirection,
            Some(_) => success,
            None => none,
        }
        .inc();
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// An open connection of a verified client.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_is_counted_under_its_environment() {
        let metrics = Metrics::new();
        let preprod = metrics.for_environment("preprod");
        preprod.handshake_accepted("TLSv1.3", true);
        metrics.handshake_failed(Some("preprod"), "expired");
        metrics.handshake_failed(None, "timeout");
        preprod.request_began();
        preprod.request_ended(Some(204), Duration::from_millis(3));
        preprod.request_began();
        preprod.request_ended(None, Duration::ZERO);
        preprod.request_began();
        let open = preprod.connection_opened();
        preprod.certificate_expires(
            CertificateKind::ClientCa,
            Some(UnixTime::since_unix_epoch(Duration::from_secs(4_000_000_000))),
        );
        preprod.crl_expires(Some(UnixTime::since_unix_epoch(Duration::from_secs(3_000_000_000))));
        preprod.epoch_installed(7);
        preprod.reloaded(ReloadOutcome::Kept);
        let text = metrics.encode();
        for line in [
            r#"issuer_host_handshakes_total{environment="preprod",outcome="accepted",reason="",tls_version="TLSv1.3"} 1"#,
            r#"issuer_host_handshakes_total{environment="preprod",outcome="failed",reason="expired",tls_version=""} 1"#,
            r#"issuer_host_handshakes_total{environment="",outcome="failed",reason="timeout",tls_version=""} 1"#,
            r#"issuer_host_requests_total{environment="preprod",status_class="2xx"} 1"#,
            r#"issuer_host_requests_total{environment="preprod",status_class="none"} 1"#,
            r#"issuer_host_requests_in_flight{environment="preprod"} 1"#,
            r#"issuer_host_connections{environment="preprod"} 1"#,
            r#"issuer_host_request_duration_seconds_bucket{le="0.005",environment="preprod"} 2"#,
            r#"issuer_host_certificate_expiry_timestamp_seconds{environment="preprod",kind="client_ca"} 4000000000"#,
            r#"issuer_host_crl_next_update_timestamp_seconds{environment="preprod"} 3000000000"#,
            r#"issuer_host_resumed_handshakes_total{environment="preprod"} 1"#,
            r#"issuer_host_epoch{environment="preprod"} 7"#,
            r#"issuer_host_reloads_total{environment="preprod",outcome="kept"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "OpenMetrics ends with EOF");
        preprod.environment_removed();
        let text = metrics.encode();
        for line in [
            "issuer_host_certificate_expiry_timestamp_seconds{",
            "issuer_host_crl_next_update_timestamp_seconds{",
            "issuer_host_epoch{",
        ] {
            assert!(!text.contains(line), "{line} is still in\n{text}");
        }
        assert!(
            text.contains(r#"issuer_host_reloads_total{environment="preprod",outcome="kept"} 1"#),
            "what was counted stays"
        );
        drop(open);
        assert!(metrics.encode().contains(r#"issuer_host_connections{environment="preprod"} 0"#));
    }
}
