//! Environments, as they are shown.

use time::OffsetDateTime;

use super::endings::{Ending, endings};
use super::look::Seen;
use super::moment::Moment;
use crate::admin::{BackendStatus, EnvironmentStatus, SecondKeyStatus};

/// An environment.
#[derive(Debug)]
pub(super) struct EnvironmentView {
    pub(super) name: String,
    pub(super) host: String,
    pub(super) products: String,
    pub(super) operations: usize,
    pub(super) epoch: u64,
    pub(super) installed: Moment,
    /// What a client gets whose issuer has no revocation list.
    pub(super) revocation: &'static str,
    pub(super) resumption: &'static str,
    pub(super) connections: i64,
    /// The same by epoch, where there are connections of others than the one in force.
    pub(super) by_epoch: Vec<(u64, usize)>,
    pub(super) retired: u64,
    /// Which second keys are asked for.
    pub(super) second_keys: String,
    pub(super) backends: Vec<BackendView>,
    pub(super) reload: ReloadView,
    pub(super) endings: Vec<Ending>,
}

/// Where calls are passed on to.
#[derive(Debug)]
pub(super) struct BackendView {
    /// Empty for the environment's own.
    pub(super) name: String,
    pub(super) address: String,
    pub(super) in_flight: i64,
    /// When it gave no answer last, and what happened.
    pub(super) failed: Option<(Moment, String)>,
}

/// How the last reload ended.
#[derive(Debug)]
pub(super) struct ReloadView {
    pub(super) at: Moment,
    pub(super) trigger: &'static str,
    pub(super) outcome: &'static str,
    pub(super) problem: Option<String>,
    /// Since when there has been one.
    pub(super) since: Option<Moment>,
}

/// Those with a problem first.
pub(super) fn environments(seen: &Seen) -> Vec<EnvironmentView> {
    let mut all: Vec<_> = seen.status.environments.iter().map(|status| view(status, seen.now)).collect();
    all.sort_by_key(|environment| environment.reload.problem.is_none());
    all
}

fn view(status: &EnvironmentStatus, now: OffsetDateTime) -> EnvironmentView {
    let last = &status.last_reload;
    let by_epoch: Vec<_> = status.live_connections_by_epoch.iter().map(|(epoch, live)| (*epoch, *live)).collect();
    let others = by_epoch.iter().any(|(epoch, _)| *epoch != status.epoch);
    EnvironmentView {
        name: status.name.clone(),
        host: status.host.clone().unwrap_or_else(|| "any host".to_owned()),
        products: status.products.join(", "),
        operations: status.operations,
        epoch: status.epoch,
        installed: Moment::parse(&status.installed_at, now),
        revocation: status.revocation,
        resumption: if status.resumption { "judged again" } else { "off" },
        connections: status.live_connections,
        by_epoch: if others { by_epoch } else { Vec::new() },
        retired: status.retired_connections,
        second_keys: second_keys(status),
        backends: status.backends.iter().map(|backend| backend_view(backend, now)).collect(),
        reload: ReloadView {
            at: Moment::parse(&last.at, now),
            trigger: trigger(last.trigger),
            outcome: outcome(last.outcome),
            problem: last.problem.clone(),
            since: last.since.as_deref().map(|since| Moment::parse(since, now)),
        },
        endings: endings(status, now),
    }
}

fn backend_view(backend: &BackendStatus, now: OffsetDateTime) -> BackendView {
    let failed = backend.last_failure.as_ref().map(|failure| (Moment::parse(&failure.at, now), failure.words.clone()));
    BackendView { name: backend.name.clone(), address: backend.address.clone(), in_flight: backend.in_flight, failed }
}

fn second_keys(status: &EnvironmentStatus) -> String {
    let in_force = |keys: &[SecondKeyStatus], one: &str| {
        let live = keys.iter().filter(|key| !key.expired).count();
        match (keys.len(), live) {
            (0, _) => None,
            (1, 1) => Some(format!("1 {one}")),
            (_, live) => Some(format!("{live} {one}s in force")),
        }
    };
    let of_keys = in_force(&status.api_keys, "API key");
    let of_secrets = in_force(&status.client_secrets, "client secret");
    let of_tokens = status.token_keys.as_deref().map(|keys| match keys.len() {
        1 => "tokens of 1 key".to_owned(),
        count => format!("tokens of {count} keys"),
    });
    let all: Vec<_> = of_keys.into_iter().chain(of_secrets).chain(of_tokens).collect();
    if all.is_empty() { "none: mutual TLS alone".to_owned() } else { all.join(", ") }
}

/// What asked for a reload, in words.
fn trigger(name: &'static str) -> &'static str {
    match name {
        "start" => "at the start",
        "watch" => "because files changed",
        "poll" => "because files were found changed",
        "signal" => "by SIGHUP",
        "admin" => "asked for here",
        other => other,
    }
}

/// How a reload ended, in words.
fn outcome(name: &'static str) -> &'static str {
    match name {
        "installed" => "Installed",
        "unchanged" => "Nothing new",
        "kept" => "Refused",
        other => other,
    }
}
