//! What the server is made of: the configuration, certificates, lists and keys.

use super::{Problem, Severity};
use crate::admin::EnvironmentStatus;
use crate::admin::console::endings::{Ending, Kind, Urgency, endings};
use crate::admin::console::look::Seen;
use crate::admin::console::moment::{DAY, Moment};

pub(super) fn problems(seen: &Seen, all: &mut Vec<Problem>) {
    configuration(seen, all);
    for environment in &seen.status.environments {
        let name = &environment.name;
        if let Some(problem) = &environment.last_reload.problem {
            let since = since(environment.last_reload.since.as_deref(), &environment.last_reload.at, seen);
            let title = format!("new files were refused, {since}: epoch {} stays in force", environment.epoch);
            let to_do = "Correct the files that are named, then reload. A restart would fail.";
            let problem = Problem::new(Severity::Ticket, "IssuerHostReloadFailing", title, to_do).told(problem);
            all.push(problem.of(name).at("environments"));
        }
        let found = endings(environment, seen.now);
        all.extend(found.iter().filter_map(|one| ending(one, environment)).map(|one| one.of(name).at("environments")));
    }
}

fn configuration(seen: &Seen, all: &mut Vec<Problem>) {
    let Some(read) = &seen.status.configuration else { return };
    if let Some(problem) = &read.problem {
        let since = since(read.since.as_deref(), &read.at, seen);
        let title = if read.applied {
            format!("A part of the configuration was refused, {since}: it stays as it was")
        } else {
            format!("The configuration was refused, {since}: the one before stays in force")
        };
        let to_do = "Correct it, try it with issuer-host check, then reload. A restart would fail.";
        all.push(Problem::new(Severity::Ticket, "IssuerHostConfigurationRefused", title, to_do).told(problem));
    }
    if !read.needs_restart.is_empty() {
        let title = "Settings were changed that count from the next start on";
        let to_do = "Restart the server when it suits you.";
        let problem = Problem::new(Severity::Ticket, "IssuerHostRestartNeeded", title, to_do);
        all.push(problem.told(read.needs_restart.join(", ")));
    }
}

/// `first 6 minutes ago`: with each look that goes wrong again `at` is another one.
fn since(since: Option<&str>, at: &str, seen: &Seen) -> String {
    format!("first {}", Moment::parse(since.unwrap_or(at), seen.now).relative)
}

fn ending(ending: &Ending, environment: &EnvironmentStatus) -> Option<Problem> {
    // Within how many days of the end somebody is woken, and from when on it is said at all; as the alerts have it.
    let (alert, page, ticket) = match ending.kind {
        Kind::ServerCertificate | Kind::Intermediate | Kind::Endorsed => ("IssuerHostServerCertificateExpiring", 7, 30),
        Kind::ClientCa => ("IssuerHostClientCaExpiring", 7, 30),
        Kind::RevocationList => ("IssuerHostRevocationListExpiring", 1, 3),
        Kind::BackendClient => ("IssuerHostBackendCertificateExpiring", 7, 30),
        Kind::ApiKey | Kind::ClientSecret => ("IssuerHostSecondKeyExpiring", 0, 14),
    };
    let ended = ending.urgency == Urgency::Ended;
    if ending.urgency == Urgency::Far && ending.left >= ticket * DAY {
        return None;
    }
    // That an old key ends is how a rotation ends; that the last one does has every call refused.
    let (alert, wakes) = match ending.kind {
        Kind::ApiKey if environment.api_keys.iter().all(|key| key.expired) => ("IssuerHostWrongSecondKey", true),
        Kind::ClientSecret if environment.client_secrets.iter().all(|key| key.expired) => {
            ("IssuerHostTokensRefused", true)
        }
        _ => (alert, ending.left < page * DAY && !matches!(ending.kind, Kind::ApiKey | Kind::ClientSecret)),
    };
    let severity = if wakes { Severity::Page } else { Severity::Ticket };
    let ends = if ended { "expired" } else { "expires" };
    let title = format!("{} {ends} {}", ending.kind.in_a_sentence(), ending.ends.relative);
    let detail = format!("{}, {}", ending.name, ending.ends.shown);
    Some(Problem::new(severity, alert, title, ending.kind.to_do()).told(detail).coming(!ended))
}
