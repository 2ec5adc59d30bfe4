//! What is counted and measured.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::caller::{Answer, Failure};

/// Nothing is shorter than this.
const LOWEST: Duration = Duration::from_nanos(100);
/// What is longer is counted as this.
const HIGHEST: Duration = Duration::from_secs(3600);
/// Significant decimal digits.
const DIGITS: u8 = 3;

/// Durations, to three digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        Histogram::new_with_bounds(nanos(LOWEST), nanos(HIGHEST), DIGITS).map(Self)
    }

    /// One more.
    pub fn record(&mut self, duration: Duration) {
        self.0.saturating_record(nanos(duration));
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// What `quantile` (0 to 1) of them do not exceed; zero where there are none.
    #[must_use]
    pub fn at(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(quantile))
    }

    /// The longest.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    /// None again.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// Those of another as well.
    pub fn add(&mut self, other: &Self) {
        // All have the same bounds.
        let _ = self.0.add(&other.0);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How calls and connections went.
#[derive(Clone, Debug)]
pub struct Measures {
    /// TCP, of each connection.
    pub connect: Latencies,
    /// TLS, of each connection.
    pub handshake: Latencies,
    /// HTTP, of each answer: from the request's first byte to the answer's last.
    pub exchange: Latencies,
    /// Everything that a call waited for, from when it was due.
    pub call: Latencies,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Calls that were answered as they should be.
    pub succeeded: u64,
    /// Calls that were not, by kind.
    pub failures: BTreeMap<String, Failures>,
    /// Full handshakes.
    pub full: u64,
    /// Resumed sessions.
    pub resumed: u64,
    /// Of all these the ones that the server refused with an alert when the handshake was over for the client, as TLS 1.3 has it.
    pub refused_after: u64,
    /// Bytes of HTTP sent inside TLS, of calls that were answered: heads and bodies of HTTP/1.1; of HTTP/2 all frames, the connection's
    /// own among them, up to the last answer.
    pub sent: u64,
    /// Bytes of HTTP received, in the same way.
    pub received: u64,
}

/// Failures of one kind.
#[derive(Clone, Debug)]
pub struct Failures {
    /// How many.
    pub count: u64,
    /// The first of them in words.
    pub example: String,
    /// What became of the first of them.
    pub cause: Cause,
}

/// What became of a call that has failed.
#[derive(Clone, Debug)]
pub enum Cause {
    /// No answer came.
    Unanswered(Arc<Failure>),
    /// This came; headers and body are there only where it was to be judged.
    Answered(Answer),
    /// The server made a full handshake of what was to be resumed.
    NotResumed,
    /// Anything else.
    Other,
}

impl Measures {
    /// Nothing yet.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            connect: Latencies::new()?,
            handshake: Latencies::new()?,
            exchange: Latencies::new()?,
            call: Latencies::new()?,
            statuses: BTreeMap::new(),
            succeeded: 0,
            failures: BTreeMap::new(),
            full: 0,
            resumed: 0,
            refused_after: 0,
            sent: 0,
            received: 0,
        })
    }

    /// Calls that were not answered as they should be.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().map(|failures| failures.count).sum()
    }

    /// A failure of `kind`; words and cause are asked for only of the first.
    pub(super) fn fail(&mut self, kind: &str, first: impl FnOnce() -> (String, Cause)) {
        if let Some(failures) = self.failures.get_mut(kind) {
            failures.count += 1;
        } else {
            let (example, cause) = first();
            self.failures.insert(kind.to_owned(), Failures { count: 1, example, cause });
        }
    }

    /// Those of another as well.
    pub(super) fn add(&mut self, other: &Self) {
        self.connect.add(&other.connect);
        self.handshake.add(&other.handshake);
        self.exchange.add(&other.exchange);
        self.call.add(&other.call);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (kind, failures) in &other.failures {
            let own = self.failures.entry(kind.clone());
            own.or_insert_with(|| Failures { count: 0, ..failures.clone() }).count += failures.count;
        }
        self.succeeded += other.succeeded;
        self.full += other.full;
        self.resumed += other.resumed;
        self.refused_after += other.refused_after;
        self.sent += other.sent;
        self.received += other.received;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_three_digits() {
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=1000 {
            latencies.record(Duration::from_micros(micros));
        }
        for (quantile, micros) in [(0.5, 500_u64), (0.9, 900), (0.99, 990), (0.999, 999)] {
            let found = u64::try_from(latencies.at(quantile).as_nanos()).unwrap();
            assert!(found.abs_diff(micros * 1000) <= micros, "{quantile}: {found} ns");
        }
        latencies.record(Duration::from_secs(10_000));
        assert!(latencies.longest() >= Duration::from_secs(3600), "what is too long counts as the longest");
        assert_eq!(latencies.count(), 1001);
    }

    #[test]
    fn two_halves_are_a_whole_and_the_first_example_of_a_kind_stays() {
        let (mut one, mut two) = (Measures::new().unwrap(), Measures::new().unwrap());
        one.call.record(Duration::from_millis(1));
        two.call.record(Duration::from_millis(3));
        let first = |words: &str| (words.to_owned(), Cause::Other);
        one.fail("closed", || first("first"));
        one.fail("closed", || first("second"));
        two.fail("closed", || first("third"));
        two.fail("timed_out", || first("other"));
        two.statuses.insert(503, 2);
        one.add(&two);
        assert_eq!((one.call.count(), one.failed(), one.statuses.get(&503)), (2, 4, Some(&2)));
        let closed = &one.failures["closed"];
        assert_eq!((closed.count, closed.example.as_str()), (3, "first"));
        assert_eq!(one.failures["timed_out"].example, "other");
    }
}
