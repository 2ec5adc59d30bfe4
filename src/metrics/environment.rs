//! The counters of one environment.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use rustls_pki_types::UnixTime;

use super::backend::BackendMetrics;
use super::families::Families;
use super::held::Held;
use super::labels::{
    CertificateKind, CertificateLabels, EnvironmentLabels, FileLabels, HandshakeLabels, KeyLabels, OutcomeLabels,
    ReloadOutcome, SecondKeyKind, SecondKeyLabels, SessionKind,
};
use super::requests::{RequestEnd, Requests};
use super::seconds_since_1970;
use super::series::Series;
use super::table;
use super::tokens::{JwksMetrics, TokenMetrics};
use super::troubles::{Trouble, TroubleKind};

/// How the reasons begin that have to do with an issuer id, and not with a credential.
const OF_ISSUER_ID: &str = "issuer_id_";

/// The counters of one environment; cheap to clone, no look-ups on the way of a request.
#[derive(Clone, Debug)]
pub struct EnvironmentMetrics {
    name: String,
    families: Families,
    connections: Gauge,
    admitted: Gauge,
    retired: Counter,
    in_flight: Gauge,
    requests: Requests,
}

impl EnvironmentMetrics {
    pub(super) fn new(name: &str, families: &Families) -> Self {
        let labels = || EnvironmentLabels { environment: name.to_owned() };
        Self {
            connections: families.connections.of(labels()),
            admitted: families.admitted.of(labels()),
            retired: families.retired.of(labels()),
            in_flight: families.in_flight.of(labels()),
            requests: families.requests_of(name),
            name: name.to_owned(),
            families: families.clone(),
        }
    }

    /// A client was verified.
    pub fn handshake_accepted(&self, tls_version: &'static str, session: SessionKind) {
        let labels = HandshakeLabels {
            environment: self.name.clone(),
            outcome: "accepted",
            reason: "",
            tls_version,
            session: session.label(),
        };
        self.families.handshakes.of(labels).inc();
        self.admitted.set(seconds_since_1970(SystemTime::now()));
    }

    /// A verified client's connection is open until the token is dropped.
    #[must_use]
    pub fn connection_opened(&self) -> Held {
        Held::of(&self.connections)
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
        let end =
            RequestEnd { product: "", operation: "", status: Some(status), retryable: None, elapsed: Duration::ZERO };
        self.requests.count(&end, SystemTime::now());
    }

    /// A request came in.
    pub fn request_began(&self) {
        self.in_flight.inc();
    }

    /// Its answer began, or its caller went away before there was one.
    pub fn request_ended(&self, end: RequestEnd<'_>) {
        self.in_flight.dec();
        self.requests.count(&end, SystemTime::now());
    }

    /// An operation may be called from now on; empty names where operations are not told apart. What alerts look at begins at zero.
    pub fn operation_expected(&self, product: &'static str, operation: &str) {
        table::REQUESTS.expect("product", product);
        self.requests.begin_at_zero(product, operation);
    }

    /// Calls of `product` are asked for an issuer id, and for a `credential` where that is so: their refusals begin at zero.
    pub fn second_key_expected(&self, product: &'static str, credential: bool) {
        table::SECOND_KEY_REFUSALS.expect("product", product);
        let reasons = table::SECOND_KEY_REASONS.iter().filter(|reason| credential || reason.starts_with(OF_ISSUER_ID));
        for reason in reasons {
            self.families.second_keys.of(SecondKeyLabels { environment: self.name.clone(), product, reason });
        }
    }

    /// A call of `product` had no valid second key; `reason` is one of a closed list.
    pub fn second_key_refused(&self, product: &'static str, reason: &'static str) {
        table::SECOND_KEY_REFUSALS.expect("product", product);
        table::SECOND_KEY_REFUSALS.expect("reason", reason);
        let labels = SecondKeyLabels { environment: self.name.clone(), product, reason };
        self.families.second_keys.of(labels).inc();
        let (environment, of) = (self.name.clone(), product.to_owned());
        let trouble = Trouble { kind: TroubleKind::SecondKey, environment, of, reason };
        self.families.troubles.happened(trouble, String::new, SystemTime::now());
    }

    /// The counters of a backend; an empty name = the environment's own.
    #[must_use]
    pub fn backend(&self, name: &str) -> BackendMetrics {
        self.families.backends.of(&self.name, name)
    }

    /// The counters of the token endpoint.
    #[must_use]
    pub fn token_requests(&self) -> TokenMetrics {
        self.families.tokens.requests_of(&self.name)
    }

    /// There is no identity provider any more whose keys could be too old.
    pub fn identity_provider_gone(&self) {
        self.families.tokens.last_refresh.end(|labels| labels.environment == self.name);
    }

    /// The counters of the identity provider's keys.
    #[must_use]
    pub fn identity_provider_keys(&self) -> JwksMetrics {
        self.families.tokens.keys_of(&self.name)
    }

    /// When certificates end, with what they are for and the files that they are in (empty = given in place). Of those of a kind and
    /// a file the one that ends first is told. Takes the place of what was told before.
    pub fn certificates_end(&self, all: impl IntoIterator<Item = (CertificateKind, String, UnixTime)>) {
        let labelled = all.into_iter().map(|(kind, file, not_after)| {
            (CertificateLabels { environment: self.name.clone(), kind: kind.label(), file }, seconds(not_after))
        });
        tell_earliest(&self.families.certificate_expiry, labelled, |labels| labels.environment == self.name);
    }

    /// When revocation lists end, with the files that they are in. Of those of a file the one that ends first is told. Takes the place
    /// of what was told before.
    pub fn revocation_lists_end(&self, all: impl IntoIterator<Item = (String, UnixTime)>) {
        let labelled = all
            .into_iter()
            .map(|(file, next_update)| (FileLabels { environment: self.name.clone(), file }, seconds(next_update)));
        tell_earliest(&self.families.crl_expiry, labelled, |labels| labels.environment == self.name);
    }

    /// When second keys are good no more, those without an end left out. Takes the place of what was told before.
    pub fn second_keys_end(&self, all: impl IntoIterator<Item = (SecondKeyKind, String, SystemTime)>) {
        let labelled = all.into_iter().map(|(kind, name, expires)| {
            (KeyLabels { environment: self.name.clone(), kind: kind.label(), name }, seconds_since_1970(expires))
        });
        tell_earliest(&self.families.second_key_expiry, labelled, |labels| labels.environment == self.name);
    }

    /// Which epoch is in force.
    pub fn epoch_installed(&self, number: u64) {
        self.families.epoch.of(self.labels()).set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// A reload ended at `now`.
    pub fn reloaded(&self, outcome: ReloadOutcome, now: SystemTime) {
        let labels = OutcomeLabels { environment: self.name.clone(), outcome: outcome.label() };
        self.families.reloads.of(labels).inc();
        self.found(outcome != ReloadOutcome::Kept, now);
    }

    /// Whether everything was found to be good at `now`.
    pub fn found(&self, good: bool, now: SystemTime) {
        if good {
            self.families.reload_success.of(self.labels()).set(seconds_since_1970(now));
        }
        self.families.reload_failing.of(self.labels()).set((!good).into());
    }

    /// The environment is gone from the configuration: what it was made of is told of no more, lest somebody be alarmed by the expiry
    /// of what is no longer used. What was counted stays.
    pub fn environment_removed(&self) {
        let families = &self.families;
        self.certificates_end([]);
        self.revocation_lists_end([]);
        self.second_keys_end([]);
        let mine = |labels: &EnvironmentLabels| labels.environment == self.name;
        for gauges in
            [&families.epoch, &families.reload_success, &families.reload_failing, &families.tokens.last_refresh]
        {
            gauges.end(mine);
        }
        families.admitted.end(mine);
        families.troubles.forget(&self.name);
        families.forget_requests_of(&self.name);
    }

    fn labels(&self) -> EnvironmentLabels {
        EnvironmentLabels { environment: self.name.clone() }
    }
}

/// Has the earliest moment of each set of labels told, and no other of those that `mine` is true of.
fn tell_earliest<L: Ord + Clone>(
    series: &Series<L, Gauge>,
    all: impl Iterator<Item = (L, i64)>,
    mine: impl Fn(&L) -> bool,
) {
    let mut earliest = std::collections::BTreeMap::new();
    for (labels, moment) in all {
        earliest.entry(labels).and_modify(|known: &mut i64| *known = moment.min(*known)).or_insert(moment);
    }
    for (labels, moment) in &earliest {
        series.of(labels.clone()).set(*moment);
    }
    series.keep(&earliest.into_keys().collect::<BTreeSet<_>>(), mine);
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
