//! What is counted of access tokens: of our own, and of the keys that others sign theirs with.

use std::time::SystemTime;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::labels::{EnvironmentLabels, OutcomeLabels, TokenLabels};
use super::seconds_since_1970;
use super::series::Series;
use super::table;
use super::troubles::{Trouble, TroubleKind, Troubles};

const ISSUED: &str = "issued";
const REFUSED: &str = "refused";

#[derive(Clone, Debug, Default)]
pub(super) struct TokenSeries {
    pub(super) requests: Series<TokenLabels, Counter>,
    pub(super) refreshes: Series<OutcomeLabels, Counter>,
    pub(super) last_refresh: Series<EnvironmentLabels, Gauge>,
    pub(super) troubles: Troubles,
}

impl TokenSeries {
    /// The series of an endpoint begin at zero: whoever watches them sees the first refusal grow.
    pub(super) fn requests_of(&self, environment: &str) -> TokenMetrics {
        for reason in table::TOKEN_REASONS {
            let outcome = if reason.is_empty() { ISSUED } else { REFUSED };
            self.requests.of(TokenLabels { environment: environment.to_owned(), outcome, reason });
        }
        let (requests, troubles) = (self.requests.clone(), self.troubles.clone());
        TokenMetrics { environment: environment.to_owned(), requests, troubles }
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
    troubles: Troubles,
}

impl TokenMetrics {
    /// A token was issued.
    pub fn issued(&self) {
        self.count(ISSUED, "");
    }

    /// None was; `reason` is one of a closed list.
    pub fn refused(&self, reason: &'static str) {
        self.count(REFUSED, reason);
        let environment = self.environment.clone();
        let trouble = Trouble { kind: TroubleKind::Token, environment, of: String::new(), reason };
        self.troubles.happened(trouble, String::new, SystemTime::now());
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

    /// They could not be fetched; `words` says why.
    pub fn failed(&self, words: impl FnOnce() -> String) {
        self.count("failed");
        let environment = self.environment.clone();
        let trouble = Trouble { kind: TroubleKind::Keys, environment, of: String::new(), reason: "" };
        self.series.troubles.happened(trouble, words, SystemTime::now());
    }

    fn count(&self, outcome: &'static str) {
        self.series.refreshes.of(OutcomeLabels { environment: self.environment.clone(), outcome }).inc();
    }
}
