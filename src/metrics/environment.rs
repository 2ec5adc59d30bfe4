//! The counters of one environment.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use rustls_pki_types::UnixTime;

use super::labels::{
    CertificateKind, CertificateLabels, EnvironmentLabels, HandshakeLabels, ReloadLabels, ReloadOutcome,
    SecondKeyLabels,
};
use super::requests::{RequestEnd, Requests};

/// The counters of one environment; cheap to clone, no look-ups on the way of a request.
#[derive(Clone, Debug)]
pub struct EnvironmentMetrics {
    pub(super) name: String,
    pub(super) handshakes: Family<HandshakeLabels, Counter>,
    pub(super) certificate_expiry: Family<CertificateLabels, Gauge>,
    pub(super) crl_expiry: Family<EnvironmentLabels, Gauge>,
    pub(super) epochs: Family<EnvironmentLabels, Gauge>,
    pub(super) reloads: Family<ReloadLabels, Counter>,
    pub(super) connections: Gauge,
    pub(super) retired: Counter,
    pub(super) resumed: Counter,
    pub(super) in_flight: Gauge,
    pub(super) durations: Histogram,
    pub(super) requests: Requests,
    pub(super) second_keys: Family<SecondKeyLabels, Counter>,
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
        self.requests.count(&RequestEnd {
            product: "",
            operation: "",
            status: Some(status),
            retryable: None,
            elapsed: Duration::ZERO,
        });
    }

    /// A request came in.
    pub fn request_began(&self) {
        self.in_flight.inc();
    }

    /// Its answer began, or its caller went away before there was one.
    pub fn request_ended(&self, end: RequestEnd<'_>) {
        self.in_flight.dec();
        self.durations.observe(end.elapsed.as_secs_f64());
        self.requests.count(&end);
    }

    /// A call of `product` had no valid second key; `reason` is one of a closed list.
    pub fn second_key_refused(&self, product: &'static str, reason: &'static str) {
        let labels = SecondKeyLabels { environment: self.name.clone(), product, reason };
        self.second_keys.get_or_create(&labels).inc();
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
