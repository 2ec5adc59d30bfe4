//! What is counted of access tokens: of our own, and of the keys that others sign theirs with.

use std::time::SystemTime;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::labels::{EnvironmentLabels, OutcomeLabels, TokenLabels};
use super::seconds_since_1970;
use super::series::Series;
use super::table;

#[derive(Clone, Debug, Default)]
pub(super) struct TokenSeries {
    pub(super) requests: Series<TokenLabels, Counter>,
    pub(super) refreshes: Series<OutcomeLabels, Counter>,
    pub(super) last_refresh: Series<EnvironmentLabels, Gauge>,
}

impl TokenSeries {
    pub(super) fn requests_of(&self, environment: &str) -> TokenMetrics {
        TokenMetrics { environment: environment.to_owned(), requests: self.requests.clone() }
    }

    pub(super) fn keys_of(&self, environment: &str) -> JwksMetrics {
        JwksMetrics { environment: environment.to_owned(), series: self.clone() }
    }
}

/// The counters of a token endpoint.
#[derive(Clone, Debug)]
pub struct TokenMetrics {
    environment: String,
    requests: Series<TokenLabels, Counter>,
}

impl TokenMetrics {
    /// A token was issued.
    pub fn issued(&self) {
        self.count("issued", "");
    }

    /// None was; `reason` is one of a closed list.
    pub fn refused(&self, reason: &'static str) {
        self.count("refused", reason);
    }

    fn count(&self, outcome: &'static str, reason: &'static str) {
        table::TOKEN_REQUESTS.expect("reason", reason);
        self.requests.of(TokenLabels { environment: self.environment.clone(), outcome, reason }).inc();
    }
}

/// The counters of an identity provider's keys.
#[derive(Clone, Debug)]
pub struct JwksMetrics {
    environment: String,
    series: TokenSeries,
}

impl JwksMetrics {
    /// The keys were fetched at `now`.
    pub fn fetched(&self, now: SystemTime) {
        self.count("fetched");
        self.held_since(now);
    }

    /// There are keys that were fetched at `then`, be it by who was here before.
    pub fn held_since(&self, then: SystemTime) {
        let labels = EnvironmentLabels { environment: self.environment.clone() };
        self.series.last_refresh.of(labels).set(seconds_since_1970(then));
    }

    /// They could not be fetched.
    pub fn failed(&self) {
        self.count("failed");
    }

    fn count(&self, outcome: &'static str) {
        self.series.refreshes.of(OutcomeLabels { environment: self.environment.clone(), outcome }).inc();
    }
}
