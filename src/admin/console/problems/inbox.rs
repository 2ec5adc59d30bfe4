//! The inbox: whether notifications are kept, and delivered.

use super::{Problem, Severity, counted, lately};
use crate::admin::InboxStatus;
use crate::admin::console::look::Seen;
use crate::inbox::OldestPending;
use crate::metrics::TroubleKind;

/// From which age on what waits has waited too long, and wakes somebody; as the alert has it.
const LATE: time::Duration = time::Duration::minutes(15);
const TOO_LATE: time::Duration = time::Duration::hours(1);

pub(super) fn problems(seen: &Seen, all: &mut Vec<Problem>) {
    let Some(status) = &seen.status.inbox else { return };
    let first = all.len();
    if status.full {
        let to_do = "Notifications are refused until there is room: raise max_size, or see why nothing is delivered.";
        all.push(Problem::new(Severity::Page, "IssuerHostInboxFull", "The inbox is full", to_do));
    }
    all.extend(store(status, seen));
    if let Some(problem) = &status.sealing_problem {
        let title = "The inbox's configured master keys are not in force";
        let to_do = "Correct key_file: a restart would fail.";
        all.push(Problem::new(Severity::Ticket, "IssuerHostConfigurationRefused", title, to_do).told(problem));
    }
    all.extend(seen.health.oldest_pending.iter().filter_map(|oldest| late(oldest, seen)));
    for destination in status.destinations.iter().filter(|destination| destination.breaker != "closed") {
        let title = format!("deliveries to {} fail", destination.address);
        let to_do = "See why the backend does not answer. Nothing is lost: deliveries go on as soon as it does.";
        let problem = Problem::new(Severity::Ticket, "IssuerHostInboxDestinationDown", title, to_do);
        all.push(problem.told(destination.last_problem.clone().unwrap_or_default()).of(&destination.environment));
    }
    all.extend(dead_letters(seen));
    for problem in all.iter_mut().skip(first) {
        problem.place = "inbox";
    }
}

/// Whether the store fails, but for being full.
fn store(status: &InboxStatus, seen: &Seen) -> Option<Problem> {
    const ALERT: &str = "IssuerHostInboxStoreFailing";
    let failures: Vec<_> = seen
        .troubles(TroubleKind::Store)
        .filter(|one| one.trouble.reason != "full")
        .map(|one| format!("{}: {}, last {}", one.trouble.reason, counted(one.times, "time"), seen.ago(one.last)))
        .collect();
    let unread = seen.inbox.as_ref().and_then(|inbox| inbox.problem.as_deref());
    let title = match (unread, failures.is_empty()) {
        (Some(_), _) => format!("The inbox's store ({}) cannot be read", status.store),
        (None, false) => format!("The inbox's store ({}) failed {}", status.store, lately()),
        (None, true) => return None,
    };
    let to_do = "Notifications that cannot be kept are answered 503: Thales sends them again later. See to the disk or the database.";
    let detail: Vec<_> = unread.into_iter().map(str::to_owned).chain(failures).collect();
    Some(Problem::new(Severity::Page, ALERT, title, to_do).told(detail.join("\n")))
}

fn late(oldest: &OldestPending, seen: &Seen) -> Option<Problem> {
    let age = seen.now - time::OffsetDateTime::from(oldest.since);
    let severity = if age > TOO_LATE { Severity::Page } else { Severity::Ticket };
    let OldestPending { environment, product, operation, since } = oldest;
    let title =
        format!("{operation} of {product} has been waiting for its delivery, the oldest one came {}", seen.ago(*since));
    let to_do = "Thales takes it for delivered: see why its destination does not take it.";
    (age > LATE).then(|| Problem::new(severity, "IssuerHostInboxDelayed", title, to_do).of(environment))
}

fn dead_letters(seen: &Seen) -> Option<Problem> {
    let inbox = seen.inbox.as_ref().filter(|inbox| !inbox.dead.is_empty())?;
    let title = match (inbox.dead.len(), inbox.more) {
        (1, false) => "1 notification could not be delivered".to_owned(),
        (dead, false) => format!("{dead} notifications could not be delivered"),
        (dead, true) => format!("More than {dead} notifications could not be delivered"),
    };
    let to_do = "Replay them once the cause is gone, or discard them.";
    Some(Problem::new(Severity::Ticket, "IssuerHostInboxDeadLetters", title, to_do))
}
