//! Whether callers come in: readiness, connections, and who is refused although it shows a certificate.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::{Problem, Severity, counted, lately};
use crate::admin::console::look::Seen;
use crate::admin::console::reasons;
use crate::admin::console::seen::RefusalSeen;
use crate::metrics::{RECENT, TroubleKind};

/// How long nobody may have been admitted before it is thought that nobody is; as the alert has it.
const NOBODY: time::Duration = time::Duration::minutes(10);
/// Who was admitted before that is forgotten.
const DAY: time::Duration = time::Duration::DAY;

pub(super) fn problems(seen: &Seen, all: &mut Vec<Problem>) {
    all.extend(readiness(seen));
    all.extend(accepting(seen));
    all.extend(permits(seen));
    all.extend(displaced(seen));
    all.extend(descriptors(seen));
    all.extend(guessed(seen));
    refusals(seen, all);
}

fn readiness(seen: &Seen) -> Option<Problem> {
    const ALERT: &str = "IssuerHostNotReady";
    match seen.readiness {
        "ready" => None,
        "draining" => Some(Problem::new(
            Severity::Ticket,
            ALERT,
            "The server is draining: it is about to end",
            "Nothing, if somebody has stopped it. Calls in flight are finished; load balancers send no new ones.",
        )),
        _ => Some(Problem::new(
            Severity::Page,
            ALERT,
            "The server is not ready: it takes no calls yet",
            "Wait a moment; if it stays so, the log says what it waits for.",
        )),
    }
}

fn accepting(seen: &Seen) -> Option<Problem> {
    let (times, last) = seen.trouble(TroubleKind::Accept)?;
    let title = format!("The system refused this server new connections, {} {}", counted(times, "time"), lately());
    let to_do = "Raise the limit of open files (ulimit -n, LimitNOFILE) or lower max_connections; see to the memory.";
    Some(Problem::new(Severity::Page, "IssuerHostAcceptFailing", title, to_do).told(format!("Last {last}.")))
}

fn permits(seen: &Seen) -> Option<Problem> {
    let (in_use, limit) = (seen.status.connections, seen.status.connections_limit);
    let trouble = seen.trouble(TroubleKind::Permits);
    let title = if in_use >= limit {
        format!("All {limit} connections are in use: new callers wait")
    } else {
        let (times, _) = trouble.as_ref()?;
        format!("All {limit} connections were in use, {} {}", counted(*times, "time"), lately())
    };
    let to_do =
        "Raise [server] max_connections and the limit of open files, or start another server; see who holds them.";
    let detail = trouble.map_or_else(String::new, |(_, last)| format!("Last {last}; {in_use} of {limit} are in use."));
    Some(Problem::new(Severity::Page, "IssuerHostConnectionPermitsExhausted", title, to_do).told(detail))
}

fn displaced(seen: &Seen) -> Option<Problem> {
    let (times, last) = seen.trouble(TroubleKind::Displaced)?;
    let title = format!("{} gave way to newer ones {}", counted(times, "unfinished handshake"), lately());
    let to_do = "Somebody opens connections and is silent. Honest callers still come in; see whether it is one source.";
    Some(Problem::new(Severity::Ticket, "IssuerHostHandshakesDisplaced", title, to_do).told(format!("Last {last}.")))
}

/// Wrong tokens at the admin listener.
fn guessed(seen: &Seen) -> Option<Problem> {
    let (times, last) = seen.trouble(TroubleKind::Admin)?;
    let title = format!("{} at the admin listener {}", counted(times, "wrong token"), lately());
    let to_do =
        "Find who it is in the log: a script with an old token, or somebody who guesses. Change the token if in doubt.";
    Some(Problem::new(Severity::Ticket, "IssuerHostAdminGuessed", title, to_do).told(format!("Last {last}.")))
}

fn descriptors(seen: &Seen) -> Option<Problem> {
    let (open, most) = seen.health.descriptors.filter(|(open, most)| open * 10 > most * 8)?;
    let title = format!("{open} of {most} file descriptors are in use");
    let to_do = "Raise the limit of open files (ulimit -n, LimitNOFILE), or lower max_connections.";
    Some(Problem::new(Severity::Ticket, "IssuerHostFileDescriptorsLow", title, to_do))
}

/// One for each environment and reason, of callers that a client CA has issued a certificate for. What strangers cause, with a
/// certificate of their own or without one, would have something be wrong always: it is told of where nobody else calls any more.
fn refusals(seen: &Seen, all: &mut Vec<Problem>) {
    const ALERT: &str = "IssuerHostCallersRefused";
    let mut by_reason: BTreeMap<_, Vec<&RefusalSeen>> = BTreeMap::new();
    for refusal in seen.refusals.iter().filter(|refusal| refusal.of_client_ca && seen.now - refusal.at < RECENT) {
        by_reason.entry((refusal.environment.as_str(), refusal.reason)).or_default().push(refusal);
    }
    for ((environment, name), callers) in by_reason {
        let alone = nobody_else_is_admitted(seen, environment);
        let severity = if alone { Severity::Page } else { Severity::Ticket };
        let who = match callers.len() {
            1 => "1 caller with a certificate of a Client CA was".to_owned(),
            many => format!("{many} callers with certificates of a Client CA were"),
        };
        let nobody = if alone { ", and nobody else is admitted" } else { "" };
        let title = format!("{who} refused {} ({name}){nobody}", lately());
        let reason = reasons::of(name);
        let newest = callers.first().and_then(|newest| newest.subject.as_deref()).unwrap_or_default();
        let detail = format!("{} The last one: {newest}", reason.meaning);
        let problem = Problem::new(severity, ALERT, title, reason.to_do).told(detail).at("refusals");
        all.push(if environment.is_empty() { problem } else { problem.of(environment) });
    }
    for environment in seen.status.environments.iter().filter(|environment| environment.live_connections == 0) {
        let name = environment.name.as_str();
        let is_stranger = |refusal: &&RefusalSeen| {
            !refusal.of_client_ca
                && refusal.sha256.is_some()
                && refusal.environment == name
                && seen.now - refusal.at < RECENT
        };
        let Some(newest) = seen.refusals.iter().find(is_stranger) else { continue };
        let mut calls = seen.calls.iter().filter(|calls| calls.environment == name);
        let called = calls.any(|calls| calls.last(usize::MAX).total() > 0);
        let alone = nobody_else_is_admitted(seen, name);
        if !called && !alone {
            continue;
        }
        let severity = if alone { Severity::Page } else { Severity::Ticket };
        let title = "nobody is connected who called before, and callers that no Client CA knows were refused";
        let claim = newest.subject.as_deref().unwrap_or_default();
        let detail = format!("The last one claims to be {claim}. Anybody can write that into a certificate.");
        let problem = Problem::new(severity, ALERT, title, reasons::of(newest.reason).to_do).told(detail);
        all.push(problem.of(name).at("refusals"));
    }
}

/// Whether some were admitted within a day, and none is any more.
fn nobody_else_is_admitted(seen: &Seen, environment: &str) -> bool {
    let Some(status) = seen.status.environments.iter().find(|status| status.name == environment) else { return false };
    let since = |then: &SystemTime| seen.now - time::OffsetDateTime::from(*then);
    let last = seen.health.admitted.get(environment).map(since);
    status.live_connections == 0 && last.is_some_and(|age| age >= NOBODY && age < DAY)
}
