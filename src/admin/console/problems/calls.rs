//! What becomes of calls, and of the backends that they are passed on to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{HOURLY, Problem, Severity, counted, lately, times};
use crate::admin::EnvironmentStatus;
use crate::admin::console::look::Seen;
use crate::admin::console::seen::{CallsSeen, SlotSeen};
use crate::metrics::{RECENT, RecentTrouble, TroubleKind};

/// Part of the calls of an operation that may fail before it is said: one of this many.
const FAILING: u64 = 20;
/// From how many calls of an operation within an hour on they are no longer few; as the alert has it.
const FEW: u64 = 60;
/// What 99 of 100 calls may take before it is said, and before somebody is woken; as the alert has it.
const SLOW: Duration = Duration::from_secs(1);
const TOO_SLOW: Duration = Duration::from_secs(5);

pub(super) fn problems(seen: &Seen, all: &mut Vec<Problem>) {
    for environment in &seen.status.environments {
        let name = &environment.name;
        let of_it = || seen.calls.iter().filter(|calls| calls.environment == *name);
        let found = errors(of_it(), environment, seen).chain(slow(of_it())).chain(unknown(of_it()));
        all.extend(found.map(|problem| problem.of(name).at("calls")));
    }
    let mut backends: BTreeMap<_, Vec<&RecentTrouble>> = BTreeMap::new();
    for one in seen.troubles(TroubleKind::Backend) {
        backends.entry((&one.trouble.environment, &one.trouble.of)).or_default().push(one);
    }
    for ((environment, backend), failures) in backends {
        all.extend(failing(seen, environment, backend, &failures));
    }
}

/// Of all operations of which too many calls fail: of late, or within the hour where calls come seldom. A single failure of few is told of
/// as well, before somebody is woken.
fn errors<'a>(
    calls: impl Iterator<Item = &'a CallsSeen>,
    environment: &EnvironmentStatus,
    seen: &Seen,
) -> impl Iterator<Item = Problem> {
    let (mut of_late, mut hourly) = (Failing::default(), Failing::default());
    for calls in calls {
        let (late, hour) = (calls.last(minutes()), calls.last(usize::MAX));
        if late.failed > 0 && late.failed * FAILING >= late.total() {
            of_late.add(&late, calls.name());
        } else if hour.failed > 1 && hour.failed * 2 > hour.total() && hour.total() < FEW {
            hourly.add(&hour, calls.name());
        }
    }
    let failing = [(of_late, lately()), (hourly, HOURLY.to_owned())].into_iter().filter(|(one, _)| one.failed > 0);
    failing.map(|(Failing { total, failed, operations }, within)| {
        let title = format!("{failed} of {total} calls were answered with an error (5xx) {within}");
        let problem = Problem::new(Severity::Page, "IssuerHostErrorsHigh", title, cause(environment, seen));
        problem.told(format!("Of: {}", operations.join(", ")))
    })
}

/// Operations of which too many calls fail, and all their calls.
#[derive(Default)]
struct Failing<'a> {
    total: u64,
    failed: u64,
    operations: Vec<&'a str>,
}

impl<'a> Failing<'a> {
    fn add(&mut self, calls: &SlotSeen, operation: &'a str) {
        (self.total, self.failed) = (self.total + calls.total(), self.failed + calls.failed);
        self.operations.push(operation);
    }
}

/// What to look at. Not everything that ends in an error has been at the backend.
fn cause(environment: &EnvironmentStatus, seen: &Seen) -> String {
    let of_it = |one: &&RecentTrouble| one.trouble.environment == environment.name;
    if let Some(one) = seen.troubles(TroubleKind::Backend).find(of_it) {
        let address = environment.backends.iter().find(|backend| backend.name == one.trouble.of);
        let address = address.map_or(String::new(), |backend| format!(" at {}", backend.address));
        return format!("The backend{address} does not answer ({}): see to it first.", one.trouble.reason);
    }
    if seen.troubles(TroubleKind::Store).next().is_some() {
        return "The inbox did not take notifications: see to its store, not to the backend.".to_owned();
    }
    if seen.troubles(TroubleKind::Keys).any(|one| of_it(&one)) {
        return "The keys of the identity provider are missing: see to them, not to the backend.".to_owned();
    }
    "The backend answered, and with an error of its own: look into its log, by the correlation id.".to_owned()
}

fn slow<'a>(calls: impl Iterator<Item = &'a CallsSeen>) -> Option<Problem> {
    let slow: Vec<_> =
        calls.filter_map(|calls| Some((calls.p99_lately?, calls))).filter(|(p99, _)| *p99 > SLOW).collect();
    let slowest = slow.iter().map(|(p99, _)| *p99).max()?;
    let severity = if slowest > TOO_SLOW { Severity::Page } else { Severity::Ticket };
    let title = format!("calls are answered slowly: 1 of 100 takes up to {} s", slowest.as_secs_f64());
    let to_do = "See what the backend waits for. Thales gives a notification up after some seconds.";
    let names: Vec<_> = slow.iter().map(|(_, calls)| calls.name()).collect();
    Some(Problem::new(severity, "IssuerHostLatencyHigh", title, to_do).told(format!("Of: {}", names.join(", "))))
}

fn unknown<'a>(calls: impl Iterator<Item = &'a CallsSeen>) -> Option<Problem> {
    let unknown: u64 =
        calls.filter(|calls| calls.operation == "unknown").map(|calls| calls.last(usize::MAX).total()).sum();
    let title = format!("{} that no operation knows within the last hour", counted(unknown, "call"));
    let to_do =
        "See the path in the access log: a product that is not configured, or an operation that Thales has added.";
    (unknown > 0).then(|| Problem::new(Severity::Ticket, "IssuerHostUnknownOperations", title, to_do))
}

/// A backend that gave no answer.
fn failing(seen: &Seen, environment: &str, backend: &str, failures: &[&RecentTrouble]) -> Option<Problem> {
    let newest = failures.iter().max_by_key(|one| one.last)?;
    let (times, within) = times(failures.iter().copied());
    let status = seen.status.environments.iter().find(|status| status.name == environment)?;
    let address = status.backends.iter().find(|one| one.name == backend).map(|one| one.address.as_str());
    let named = if backend.is_empty() { "the backend".to_owned() } else { format!("the backend {backend}") };
    let at = address.map_or(String::new(), |address| format!(" at {address}"));
    let title = format!("{named}{at} gave no answer {} {within}", counted(times, "time"));
    let to_do = match newest.trouble.reason {
        "unavailable" => "See that it runs, and that its address can be reached from here.",
        "timeout" => "It takes too long: see what it waits for, and response_timeout.",
        _ => "It breaks connections off: look into its log, and at what stands in between.",
    };
    let detail = format!("{}, {}: {}", newest.trouble.reason, seen.ago(newest.last), newest.words);
    let problem = Problem::new(Severity::Ticket, "IssuerHostBackendFailing", title, to_do).told(detail);
    Some(problem.of(environment).at("calls"))
}

fn minutes() -> usize {
    usize::try_from(RECENT.as_secs() / 60).unwrap_or(usize::MAX)
}
