//! The inbox, as it is shown: who waits for whom, and what could not be delivered.

use std::collections::BTreeMap;

use super::look::Seen;
use super::moment::Moment;
use crate::inbox::OldestPending;
use crate::inbox::report::EntryReport;

/// The inbox.
#[derive(Debug)]
pub(super) struct InboxView {
    pub(super) store: &'static str,
    pub(super) sealed: bool,
    pub(super) full: bool,
    pub(super) problem: Option<String>,
    pub(super) destinations: Vec<DestinationView>,
    /// What has waited longest, by operation: its name, and when it came.
    pub(super) oldest: Vec<(String, Moment)>,
    pub(super) dead: Vec<DeadLetter>,
    /// Whether there are more dead letters than these.
    pub(super) more: bool,
}

/// Who gets notifications.
#[derive(Debug)]
pub(super) struct DestinationView {
    pub(super) environment: String,
    pub(super) backend: String,
    pub(super) address: String,
    pub(super) state: &'static str,
    /// The name of a style.
    pub(super) style: &'static str,
    pub(super) pending: u64,
    pub(super) in_flight: usize,
    pub(super) last_problem: String,
}

/// A notification that could not be delivered.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) id: String,
    pub(super) environment: String,
    pub(super) product: String,
    pub(super) operation: String,
    pub(super) backend: String,
    pub(super) received: Moment,
    pub(super) attempts: u32,
    pub(super) problem: String,
    pub(super) correlation_id: String,
}

/// `None` = there is none.
pub(super) fn inbox(seen: &Seen) -> Option<InboxView> {
    let status = seen.status.inbox.as_ref()?;
    let held = seen.inbox.as_deref().cloned().unwrap_or_default();
    let mut waiting: BTreeMap<(String, String), u64> =
        held.waiting.into_iter().map(|(key, count)| ((key.environment, key.destination), count)).collect();
    let mut destinations: Vec<_> = status
        .destinations
        .iter()
        .map(|destination| {
            let (state, style) = match destination.breaker {
                "closed" => ("up", "far"),
                "half-open" => ("being probed", "soon"),
                _ => ("down", "ended"),
            };
            let key = (destination.environment.clone(), destination.backend.clone());
            DestinationView {
                environment: destination.environment.clone(),
                backend: backend(&destination.backend),
                address: destination.address.clone(),
                state,
                style,
                pending: waiting.remove(&key).unwrap_or(0),
                in_flight: destination.in_flight,
                last_problem: destination.last_problem.clone().unwrap_or_default(),
            }
        })
        .collect();
    // What waits for somebody who is gone from the configuration would else wait unseen.
    destinations.extend(waiting.into_iter().map(|((environment, name), pending)| DestinationView {
        environment,
        backend: backend(&name),
        address: String::new(),
        state: "not configured",
        style: "ended",
        pending,
        in_flight: 0,
        last_problem: "no backend of this name is configured: nothing is delivered".to_owned(),
    }));
    Some(InboxView {
        store: status.store,
        sealed: status.sealed,
        full: status.full,
        problem: held.problem,
        destinations,
        oldest: seen.health.oldest_pending.iter().map(|oldest| waiting_longest(oldest, seen)).collect(),
        dead: held.dead.into_iter().map(|entry| dead_letter(entry, seen)).collect(),
        more: held.more,
    })
}

fn waiting_longest(oldest: &OldestPending, seen: &Seen) -> (String, Moment) {
    let OldestPending { environment, product, operation, since } = oldest;
    (format!("{operation} of {product}, {environment}"), Moment::of((*since).into(), seen.now))
}

fn dead_letter(entry: EntryReport, seen: &Seen) -> DeadLetter {
    DeadLetter {
        received: Moment::parse(&entry.received_at, seen.now),
        id: entry.id,
        environment: entry.environment,
        product: entry.product,
        operation: entry.operation,
        backend: backend(&entry.destination),
        attempts: entry.attempts,
        problem: entry.last_problem.unwrap_or_default(),
        correlation_id: entry.correlation_id.unwrap_or_default(),
    }
}

fn backend(name: &str) -> String {
    if name.is_empty() { "own backend".to_owned() } else { format!("backend {name}") }
}
