//! What is decided about an entry after an attempt.

use std::time::Duration;

use super::backoff;
use super::options::DeliveryOptions;
use crate::inbox::destination::Attempt;
use crate::inbox::open::OpenError;

/// What is decided about an entry after an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its destination has it.
    Delivered,
    /// It is not tried again.
    Dead { problem: String },
    /// It is tried again, after a while, and its lane waits for it.
    Failed { problem: String, after: Duration },
}

/// What was known of the entry when it was tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    /// Which attempt it was, from 1.
    pub(super) attempt: u32,
    /// How long it has been waiting.
    pub(super) age: Duration,
}

impl Verdict {
    /// About an entry that was tried. `draw` is a random number.
    pub(super) fn of(outcome: Attempt, tried: Tried, options: &DeliveryOptions, draw: u64) -> Self {
        match outcome {
            Attempt::Delivered => Self::Delivered,
            Attempt::Refused { problem } => Self::Dead { problem },
            Attempt::Failed { problem, .. } if tried.age > options.max_age => {
                Self::Dead { problem: format!("{problem}; it has been tried for longer than the longest time allowed") }
            }
            Attempt::Failed { problem, retry_after, .. } => {
                Self::Failed { problem, after: backoff::pause(options, tried.attempt, retry_after, draw) }
            }
        }
    }

    /// About an entry whose payload cannot be opened. Never a dead letter, however old it is: no destination has seen it, and the
    /// key may come back.
    pub(super) fn unopened(error: &OpenError, options: &DeliveryOptions) -> Self {
        Self::Failed { problem: format!("it cannot be opened: {error}"), after: options.max_backoff }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(outcome: Attempt, age: Duration) -> Verdict {
        Verdict::of(outcome, Tried { attempt: 3, age }, &DeliveryOptions::default(), 1 << 63)
    }

    fn failed(retry_after: Option<Duration>) -> Attempt {
        Attempt::Failed { problem: "503".into(), retry_after, down: true }
    }

    #[test]
    fn what_failed_is_tried_again_after_the_backoff_or_what_was_asked_for() {
        let after = |retry_after| match verdict(failed(retry_after), Duration::ZERO) {
            Verdict::Failed { problem, after } if problem == "503" => after.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!((after(None), after(Some(Duration::from_secs(90)))), (2, 90));
    }

    #[test]
    fn what_is_refused_is_dead_at_once() {
        let refused = Attempt::Refused { problem: "422".into() };
        assert_eq!(verdict(refused, Duration::ZERO), Verdict::Dead { problem: "422".into() });
    }

    #[test]
    fn age_counts_only_once_an_attempt_failed() {
        let limit = DeliveryOptions::default().max_age;
        let older = limit + Duration::from_millis(1);
        assert!(matches!(verdict(failed(None), limit), Verdict::Failed { .. }));
        assert!(matches!(verdict(failed(None), older), Verdict::Dead { problem } if problem.starts_with("503; ")));
        assert_eq!(verdict(Attempt::Delivered, older), Verdict::Delivered);
    }

    #[test]
    fn what_cannot_be_opened_waits_for_as_long_as_the_longest_pause() {
        let options = DeliveryOptions::default();
        let verdict = Verdict::unopened(&OpenError("there is no key \"2025\"".into()), &options);
        let problem = "it cannot be opened: there is no key \"2025\"".into();
        assert_eq!(verdict, Verdict::Failed { problem, after: options.max_backoff });
    }
}
