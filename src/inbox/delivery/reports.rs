//! What is told of deliveries: to the log, and to whoever looks. Nothing of what an entry contains.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::breaker::Change;
use super::problem::printable;
use crate::inbox::entry::Facts;
use crate::inbox::store::{DestinationKey, StoreError};
use crate::telemetry::{OncePerSecond, events};

/// What is told of one destination.
#[derive(Debug, Default)]
pub(super) struct Reports {
    failures: OncePerSecond,
    outages: OncePerSecond,
    last_problem: Mutex<Option<String>>,
}

impl Reports {
    pub(super) fn last_problem(&self) -> Option<String> {
        self.last_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An attempt failed. One line a second: a destination that is down fails all that there is.
    pub(super) fn failed(&self, name: &str, facts: &Facts, attempt: u32, problem: &str, after: Duration) {
        self.remember(problem);
        if let Some(unsaid) = self.failures.turn("failed") {
            tracing::warn!(
                event = events::DELIVERY_FAILED,
                destination = name,
                environment = facts.environment,
                operation = facts.operation,
                id = %facts.id,
                attempt,
                problem,
                retry_in_ms = after.as_millis(),
                unsaid,
                "a delivery failed, and is tried again"
            );
        }
    }

    /// An entry is a dead letter. Each is told of: somebody has to decide about it.
    pub(super) fn dead(&self, name: &str, facts: &Facts, problem: &str) {
        self.remember(problem);
        tracing::error!(
            event = events::DEAD_LETTER,
            destination = name,
            environment = facts.environment,
            operation = facts.operation,
            id = %facts.id,
            problem,
            "an entry could not be delivered, and is a dead letter"
        );
    }

    /// The destination came up, or went down.
    pub(super) fn changed(&self, name: &str, environment: &str, change: Change) {
        match change {
            Change::Up => {
                tracing::info!(
                    event = events::DESTINATION_UP,
                    destination = name,
                    environment,
                    "the destination answers again"
                );
            }
            Change::Down => {
                let problem = self.last_problem();
                tracing::warn!(
                    event = events::DESTINATION_DOWN,
                    destination = name,
                    environment,
                    problem,
                    "the destination is down; it is probed now and then, and its entries wait"
                );
            }
        }
    }

    /// The store did not do what deliveries need.
    pub(super) fn store_failed(&self, key: &DestinationKey, error: &StoreError) {
        if let Some(unsaid) = self.outages.turn(error.name()) {
            tracing::warn!(
                event = events::INBOX_STORE_FAILED,
                environment = key.environment,
                backend = key.destination,
                problem = %error,
                unsaid,
                "deliveries wait for the store"
            );
        }
    }

    pub(super) fn remember(&self, problem: &str) {
        *self.last_problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(printable(problem));
    }
}
