//! Calls and refusals, as the console is told of them.

use std::time::Duration;

use time::OffsetDateTime;

use crate::metrics::{MINUTES, RecentMinute, RecentOperation, RefusedCaller};
use crate::pki::distinguished_name::hexadecimal;

/// Of how many minutes the alert of slow answers is, about.
const LATELY: usize = 10;

/// A caller that was not let in, or not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RefusalSeen {
    /// When, the last time.
    pub(super) at: OffsetDateTime,
    /// How many times, for the same reason.
    pub(super) times: u64,
    /// The environment that it wanted; empty where that is not known.
    pub(super) environment: String,
    /// The name of the reason in logs and metrics.
    pub(super) reason: &'static str,
    /// Subject of its certificate, RFC 4514, where it showed one.
    pub(super) subject: Option<String>,
    /// SHA-256 of its certificate, hexadecimal.
    pub(super) sha256: Option<String>,
    /// Where it called from.
    pub(super) address: String,
    /// Whether a client CA has issued its certificate; else anybody may have made it, and has written what stands in it.
    pub(super) of_client_ca: bool,
    /// Whether it had been let in before, so that its connection was ended.
    pub(super) retired: bool,
}

/// The recent calls of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallsSeen {
    /// The environment.
    pub(super) environment: String,
    /// The product; empty where a call is of none.
    pub(super) product: String,
    /// The operation; empty where none is known.
    pub(super) operation: String,
    /// A minute each; the newest is the last.
    pub(super) slots: Vec<SlotSeen>,
    /// What 99 of 100 calls of all these minutes did not exceed; `None` = there were none.
    pub(super) p99: Option<Duration>,
    /// The same, of the last few minutes.
    pub(super) p99_lately: Option<Duration>,
}

impl CallsSeen {
    /// The calls of the last `minutes` together.
    pub(super) fn last(&self, minutes: usize) -> SlotSeen {
        let add = |sum: SlotSeen, slot: &SlotSeen| SlotSeen {
            succeeded: sum.succeeded + slot.succeeded,
            refused: sum.refused + slot.refused,
            failed: sum.failed + slot.failed,
            abandoned: sum.abandoned + slot.abandoned,
            p99: sum.p99.max(slot.p99),
        };
        self.slots.iter().rev().take(minutes).fold(SlotSeen::default(), add)
    }

    /// The operation, as it is called in a sentence.
    pub(super) fn name(&self) -> &str {
        match self.operation.as_str() {
            "" => "all calls",
            "unknown" => "unknown operations",
            name => name,
        }
    }
}

/// The calls of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SlotSeen {
    /// Answered 2xx or 3xx.
    pub(super) succeeded: u64,
    /// Answered 4xx.
    pub(super) refused: u64,
    /// Answered 5xx.
    pub(super) failed: u64,
    /// The caller went away before there was an answer.
    pub(super) abandoned: u64,
    /// 99 of 100 took no longer; `None` = there were no calls.
    pub(super) p99: Option<Duration>,
}

impl SlotSeen {
    /// All of them.
    pub(super) fn total(&self) -> u64 {
        self.succeeded + self.refused + self.failed + self.abandoned
    }
}

impl From<RecentOperation> for CallsSeen {
    fn from(recent: RecentOperation) -> Self {
        let (p99, p99_lately) = (recent.last(MINUTES).p99(), recent.last(LATELY).p99());
        let RecentOperation { environment, product, operation, minutes } = recent;
        Self {
            environment,
            product: product.to_owned(),
            operation,
            slots: minutes.iter().map(SlotSeen::from).collect(),
            p99,
            p99_lately,
        }
    }
}

impl From<&RecentMinute> for SlotSeen {
    fn from(minute: &RecentMinute) -> Self {
        let [succeeded, redirected, refused, failed, abandoned] = minute.by_class;
        Self { succeeded: succeeded + redirected, refused, failed, abandoned, p99: minute.p99() }
    }
}

impl From<RefusedCaller> for RefusalSeen {
    fn from(caller: RefusedCaller) -> Self {
        Self {
            at: caller.last.into(),
            times: caller.times,
            environment: caller.environment.as_deref().unwrap_or_default().to_owned(),
            reason: caller.reason,
            subject: caller.subject,
            sha256: caller.sha256.map(|digest| hexadecimal(&digest)),
            address: caller.address.to_string(),
            of_client_ca: caller.of_client_ca,
            retired: caller.retired,
        }
    }
}
