//! What is wrong now: the first thing that is shown.

use time::OffsetDateTime;

use super::endings::{Urgency, endings};
use super::look::Seen;
use super::moment::Moment;
use super::reasons;
use super::seen::RefusalSeen;
use crate::admin::{EnvironmentStatus, InboxStatus, StatusReport};

/// How long a refusal counts as one of now.
const RECENT: time::Duration = time::Duration::minutes(15);
/// The same, of calls.
const RECENT_MINUTES: usize = 15;
/// Part of the calls that may fail before it is said: one of this many.
const FAILING: u64 = 20;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Calls fail, or will at the next restart.
    Critical,
    /// Somebody should look at it, soon.
    Warning,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) severity: Severity,
    pub(super) what: String,
    /// As the server words it: may have several lines.
    pub(super) details: String,
    pub(super) to_do: String,
    /// The id of the part of the page that shows more.
    pub(super) place: &'static str,
}

impl Problem {
    fn new(severity: Severity, what: impl Into<String>, to_do: impl Into<String>, place: &'static str) -> Self {
        Self { severity, what: what.into(), details: String::new(), to_do: to_do.into(), place }
    }

    fn told(self, details: impl Into<String>) -> Self {
        Self { details: details.into(), ..self }
    }

    /// In words, which are the name of a style as well.
    pub(super) fn severity_name(&self) -> &'static str {
        match self.severity {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
        }
    }

    /// What that part is called.
    pub(super) fn place_name(&self) -> &'static str {
        match self.place {
            "environments" => "the environments",
            "refusals" => "who was refused",
            "calls" => "the calls",
            "inbox" => "the inbox",
            other => other,
        }
    }
}

/// All that is wrong, the worst first.
pub(super) fn problems(seen: &Seen) -> Vec<Problem> {
    let mut all = Vec::new();
    readiness(seen, &mut all);
    configuration(&seen.status, seen.now, &mut all);
    for environment in &seen.status.environments {
        of_environment(environment, seen.now, &mut all);
    }
    if let Some(status) = &seen.status.inbox {
        of_inbox(status, seen, &mut all);
    }
    refusals(seen, &mut all);
    calls(seen, &mut all);
    all.sort_by_key(|problem| problem.severity);
    all
}

fn readiness(seen: &Seen, all: &mut Vec<Problem>) {
    match seen.readiness {
        "ready" => {}
        "draining" => all.push(Problem::new(
            Severity::Warning,
            "The server is draining: it is about to end",
            "Nothing, if somebody has stopped it. Calls in flight are finished; load balancers send no new ones.",
            "overview",
        )),
        _ => all.push(Problem::new(
            Severity::Critical,
            "The server is not ready: it takes no calls yet",
            "Wait a moment; if it stays so, the log says what it waits for.",
            "overview",
        )),
    }
}

fn configuration(status: &StatusReport, now: OffsetDateTime, all: &mut Vec<Problem>) {
    let Some(read) = &status.configuration else { return };
    if let Some(problem) = &read.problem {
        let when = Moment::parse(&read.at, now).relative;
        let what = if read.applied {
            format!("A part of the configuration was refused {when}: it stays as it was")
        } else {
            format!("The configuration was refused {when}: the one before stays in force")
        };
        let to_do = "Correct it, try it with issuer-host check, then reload. A restart would fail.";
        all.push(Problem::new(Severity::Critical, what, to_do, "overview").told(problem));
    }
    if !read.needs_restart.is_empty() {
        let what = "Settings were changed that count from the next start on";
        let problem = Problem::new(Severity::Warning, what, "Restart the server when it suits you.", "overview");
        all.push(problem.told(read.needs_restart.join(", ")));
    }
}

fn of_environment(environment: &EnvironmentStatus, now: OffsetDateTime, all: &mut Vec<Problem>) {
    let name = &environment.name;
    if let Some(problem) = &environment.last_reload.problem {
        let what = format!("{name}: new certificates were refused, epoch {} stays in force", environment.epoch);
        let to_do = "Correct the files that are named, then reload. A restart would fail.";
        all.push(Problem::new(Severity::Critical, what, to_do, "environments").told(problem));
    }
    for ending in endings(environment, now) {
        let (severity, ends) = match ending.urgency {
            Urgency::Ended => (Severity::Critical, "expired"),
            Urgency::Soon => (Severity::Warning, "expires"),
            Urgency::Far => continue,
        };
        let what = format!("{name}: {} {ends} {}", ending.kind.in_a_sentence(), ending.ends.relative);
        let details = format!("{}, {}", ending.name, ending.ends.shown);
        all.push(Problem::new(severity, what, ending.kind.to_do(), "environments").told(details));
    }
}

fn of_inbox(status: &InboxStatus, seen: &Seen, all: &mut Vec<Problem>) {
    const PLACE: &str = "inbox";
    if let Some(problem) = seen.inbox.as_ref().and_then(|inbox| inbox.problem.as_ref()) {
        let to_do = "Notifications cannot be kept: Thales sends them again later. Look at the store.";
        all.push(Problem::new(Severity::Critical, "The inbox cannot be read", to_do, PLACE).told(problem));
    }
    if status.full {
        let to_do = "Notifications are refused until there is room: raise max_size, or see why nothing is delivered.";
        all.push(Problem::new(Severity::Critical, "The inbox is full", to_do, PLACE));
    }
    if let Some(problem) = &status.sealing_problem {
        let what = "The inbox's configured master keys are not in force";
        all.push(
            Problem::new(Severity::Critical, what, "Correct key_file: a restart would fail.", PLACE).told(problem),
        );
    }
    for destination in status.destinations.iter().filter(|destination| destination.breaker != "closed") {
        let what = format!("{}: deliveries to {} fail", destination.environment, destination.address);
        let to_do = "See why the backend does not answer. Nothing is lost: deliveries go on as soon as it does.";
        let details = destination.last_problem.clone().unwrap_or_default();
        all.push(Problem::new(Severity::Critical, what, to_do, PLACE).told(details));
    }
    let (dead, more) = seen.inbox.as_ref().map_or((0, false), |inbox| (inbox.dead.len(), inbox.more));
    if dead > 0 {
        let what = match (dead, more) {
            (1, false) => "1 notification could not be delivered".to_owned(),
            (dead, false) => format!("{dead} notifications could not be delivered"),
            (dead, true) => format!("More than {dead} notifications could not be delivered"),
        };
        let to_do = "Replay them once the cause is gone, or discard them.";
        all.push(Problem::new(Severity::Warning, what, to_do, PLACE));
    }
}

/// One line for all that a client CA has issued a certificate for, with the reason that the newest has. What strangers cause, with a
/// certificate of their own or without one, would have something be wrong always: it is told of where nobody else calls any more.
fn refusals(seen: &Seen, all: &mut Vec<Problem>) {
    let recent = |refusal: &&RefusalSeen| seen.now - refusal.at < RECENT;
    let of_client_ca: Vec<_> = seen.refusals.iter().filter(|refusal| refusal.of_client_ca).filter(recent).collect();
    let minutes = RECENT.whole_minutes();
    if let Some(newest) = of_client_ca.first() {
        let what = match of_client_ca.len() {
            1 => format!("1 caller with a certificate of a Client CA was refused within the last {minutes} minutes"),
            many => {
                format!(
                    "{many} callers with certificates of a Client CA were refused within the last {minutes} minutes"
                )
            }
        };
        let reason = reasons::of(newest.reason);
        let details = format!("The last one: {} {}", reason.meaning, newest.subject.as_deref().unwrap_or_default());
        all.push(Problem::new(Severity::Warning, what, reason.to_do, "refusals").told(details.trim_end()));
    }
    let strangers = || seen.refusals.iter().filter(|refusal| refusal.sha256.is_some() && !refusal.of_client_ca);
    for environment in seen.status.environments.iter().filter(|environment| environment.live_connections == 0) {
        let Some(newest) = strangers().filter(recent).find(|refusal| refusal.environment == environment.name) else {
            continue;
        };
        let mut calls = seen.calls.iter().filter(|calls| calls.environment == environment.name);
        if !calls.any(|calls| calls.slots.iter().any(|slot| slot.total() > 0)) {
            continue;
        }
        let what = format!(
            "{}: nobody is connected who called within the hour, and callers that no Client CA knows were refused",
            environment.name
        );
        let claim = newest.subject.as_deref().unwrap_or_default();
        let details = format!("The last one claims to be {claim}. Anybody can write that into a certificate.");
        let to_do = reasons::of(newest.reason).to_do;
        all.push(Problem::new(Severity::Warning, what, to_do, "refusals").told(details));
    }
}

fn calls(seen: &Seen, all: &mut Vec<Problem>) {
    for environment in &seen.status.environments {
        let slots = seen
            .calls
            .iter()
            .filter(|calls| calls.environment == environment.name)
            .flat_map(|calls| calls.slots.iter().rev().take(RECENT_MINUTES));
        let (total, failed) = slots.fold((0, 0), |(total, failed), slot| (total + slot.total(), failed + slot.failed));
        if failed > 0 && failed * FAILING >= total {
            let what = format!(
                "{}: {failed} of {total} calls were answered with an error (5xx) within the last {RECENT_MINUTES} minutes",
                environment.name
            );
            let to_do = "See which operations fail, and whether their backend answers.";
            all.push(Problem::new(Severity::Critical, what, to_do, "calls"));
        }
    }
}
