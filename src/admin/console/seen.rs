//! Calls and refusals, as the console is told of them.

use std::time::Duration;

use time::OffsetDateTime;

/// A caller that was not let in, or not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalSeen {
    /// When, the last time.
    pub at: OffsetDateTime,
    /// How many times, for the same reason.
    pub times: u64,
    /// The environment that it wanted; empty where that is not known.
    pub environment: String,
    /// The name of the reason in logs and metrics.
    pub reason: &'static str,
    /// Subject of its certificate, RFC 4514, where it showed one.
    pub subject: Option<String>,
    /// SHA-256 of its certificate, hexadecimal.
    pub sha256: Option<String>,
    /// Where it called from.
    pub address: String,
    /// Whether it had been let in before, so that its connection was ended.
    pub retired: bool,
}

/// The recent calls of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallsSeen {
    /// The environment.
    pub environment: String,
    /// The product; empty where a call is of none.
    pub product: String,
    /// The operation; empty where none is known.
    pub operation: String,
    /// A minute each; the newest is the last.
    pub slots: Vec<SlotSeen>,
}

/// The calls of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotSeen {
    /// Answered 2xx or 3xx.
    pub succeeded: u64,
    /// Answered 4xx.
    pub refused: u64,
    /// Answered 5xx.
    pub failed: u64,
    /// The caller went away before there was an answer.
    pub abandoned: u64,
    /// 99 of 100 took no longer; `None` = there were no calls.
    pub p99: Option<Duration>,
}

impl SlotSeen {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.succeeded + self.refused + self.failed + self.abandoned
    }
}
