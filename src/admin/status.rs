//! `/status`: what the server is doing, for people and scripts.

use std::collections::BTreeMap;

use serde::Serialize;

/// The whole server.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// Version of the program.
    pub version: &'static str,
    /// Since the start.
    pub uptime_seconds: u64,
    /// As `/readyz` says it.
    pub ready: bool,
    /// Connection permits in use.
    pub connections: usize,
    /// How many there are.
    pub connections_limit: usize,
    /// Handshakes that have not ended.
    pub handshakes_in_flight: usize,
    /// How the last reading of the configuration ended; `null` before the first reload, and where there is none to be read.
    pub configuration: Option<ConfigurationStatus>,
    /// Each environment.
    pub environments: Vec<EnvironmentStatus>,
    /// What keeps notifications; `null` = nothing does.
    pub inbox: Option<InboxStatus>,
}

/// What keeps notifications, and who gets them.
#[derive(Clone, Debug, Serialize)]
pub struct InboxStatus {
    /// `sqlite` or `postgres`.
    pub store: &'static str,
    /// Whether new entries are sealed.
    pub sealed: bool,
    /// Why other master keys are not in force although they are configured, for which the next start would fail too.
    pub sealing_problem: Option<String>,
    /// Whether it has reached its limit, so that notifications have to come again.
    pub full: bool,
    /// Everybody who gets notifications.
    pub destinations: Vec<DestinationStatus>,
}

/// Who gets notifications.
#[derive(Clone, Debug, Serialize)]
pub struct DestinationStatus {
    /// Of which environment.
    pub environment: String,
    /// The name of the backend; empty for the environment's own.
    pub backend: String,
    /// Scheme, host and port.
    pub address: String,
    /// `closed` = it takes deliveries; `open` = it is down, and probed now and then; `half-open` = it is being probed.
    pub breaker: &'static str,
    /// Lanes that are worked on.
    pub in_flight: usize,
    /// What went wrong last.
    pub last_problem: Option<String>,
}

/// How the last reading of the configuration ended.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigurationStatus {
    /// When, RFC 3339.
    pub at: String,
    /// Since when no reading has been wholly good, RFC 3339; `null` when all is good.
    pub since: Option<String>,
    /// Why the configuration before stays in force, or a part of it; `null` when all is good.
    pub problem: Option<String>,
    /// Whether it is in force, but for what `problem` names (`[admin]`, `[inbox]`, `products_dir`). `false` = the one before is, as a whole.
    pub applied: bool,
    /// Keys whose value counts from the next start on.
    pub needs_restart: Vec<String>,
}

/// A key that callers show besides their certificate.
#[derive(Clone, Debug, Serialize)]
pub struct SecondKeyStatus {
    /// What it is called in the configuration.
    pub name: String,
    /// From when on it is refused, RFC 3339; `null` = never.
    pub expires: Option<String>,
    /// Whether it is refused already.
    pub expired: bool,
}

/// One environment.
#[derive(Clone, Debug, Serialize)]
pub struct EnvironmentStatus {
    /// Its name.
    pub name: String,
    /// `ISSUER_HOST`, where one is configured.
    pub host: Option<String>,
    /// The products that Thales calls here.
    pub products: Vec<String>,
    /// How many operations are known.
    pub operations: usize,
    /// The API keys that are asked for; empty = none is.
    pub api_keys: Vec<SecondKeyStatus>,
    /// The secrets of the clients of the token endpoint, called `CLIENT/SECRET`; empty = there is no endpoint.
    pub client_secrets: Vec<SecondKeyStatus>,
    /// The ids of the keys that access tokens are judged by; `null` = no token is asked for.
    pub token_keys: Option<Vec<String>>,
    /// Number of the epoch in force, from 1.
    pub epoch: u64,
    /// When it was installed, RFC 3339.
    pub installed_at: String,
    /// The trust anchors.
    pub anchors: Vec<CertificateStatus>,
    /// What a client gets whose issuer has no revocation list: `off`, `if-covered`, `require`.
    pub revocation: &'static str,
    /// The revocation lists.
    pub crls: Vec<RevocationListStatus>,
    /// The server's chain, leaf first.
    pub server_chain: Vec<CertificateStatus>,
    /// Whether that chain was held against the one that Thales was given.
    pub endorsed: bool,
    /// What Thales was given, where that is configured.
    pub endorsed_chain: Vec<CertificateStatus>,
    /// Whether sessions may be resumed.
    pub resumption: bool,
    /// Where calls are passed on to; empty = a router of the program answers them.
    pub backends: Vec<BackendStatus>,
    /// How the last reload ended that found anything new.
    pub last_reload: ReloadStatus,
    /// Connections of verified clients.
    pub live_connections: i64,
    /// The same, by the epoch that their handshake was judged by.
    pub live_connections_by_epoch: BTreeMap<u64, usize>,
    /// Connections that were retired so far.
    pub retired_connections: u64,
}

/// Where calls are passed on to.
#[derive(Clone, Debug, Serialize)]
pub struct BackendStatus {
    /// Its name; empty for the environment's own.
    pub name: String,
    /// Scheme, host and port.
    pub address: String,
    /// The chain that it is shown, leaf first; empty = none.
    pub client_certificate: Vec<CertificateStatus>,
    /// Calls that it has not answered yet.
    pub in_flight: i64,
    /// The last time that it did not answer; `null` = it always has.
    pub last_failure: Option<FailureStatus>,
}

/// How a backend failed.
#[derive(Clone, Debug, Serialize)]
pub struct FailureStatus {
    /// When, RFC 3339.
    pub at: String,
    /// `unavailable`, `timeout`, `broken` or `body`, as metrics have it.
    pub reason: &'static str,
    /// What happened, such as `Connection refused`.
    pub words: String,
}

/// How a reload ended.
#[derive(Clone, Debug, Serialize)]
pub struct ReloadStatus {
    /// When, RFC 3339.
    pub at: String,
    /// Since when each has been refused, RFC 3339; `null` when all is good.
    pub since: Option<String>,
    /// What asked for it: `start`, `watch`, `poll`, `signal`, `admin` or `call`.
    pub trigger: &'static str,
    /// `installed`, `unchanged` or `kept`.
    pub outcome: &'static str,
    /// Why the epoch before stays in force; `null` when all is good.
    pub problem: Option<String>,
}

/// One certificate.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateStatus {
    /// Subject, RFC 4514.
    pub subject: String,
    /// SHA-256 over the DER, hexadecimal.
    pub sha256: String,
    /// Where it was read; `null` = it stands in the configuration itself.
    pub file: Option<String>,
    /// End of validity, RFC 3339.
    pub not_after: String,
}

/// One revocation list.
#[derive(Clone, Debug, Serialize)]
pub struct RevocationListStatus {
    /// Issuer, RFC 4514.
    pub issuer: String,
    /// SHA-256 over the DER, hexadecimal.
    pub sha256: String,
    /// Where it was read; `null` = it stands in the configuration itself.
    pub file: Option<String>,
    /// RFC 3339.
    pub this_update: String,
    /// When it ends, and with it the verdicts that rest on it, RFC 3339.
    pub next_update: String,
    /// Whether it has ended: clients that it covers are refused.
    pub expired: bool,
}
