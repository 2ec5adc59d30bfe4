//! What happens when the system hands over no connection: a count, a line, and a pause.

use std::io;
use std::time::Duration;

use tracing::warn;

use crate::metrics::Metrics;
use crate::telemetry::events;

/// First pause after an error that another accept would meet again (no file descriptor left, say), and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// The errors of one loop that accepts.
#[derive(Debug)]
pub(crate) struct AcceptErrors {
    /// Whose connections are not accepted, in the log.
    listener: &'static str,
    metrics: Metrics,
    pause: Duration,
}

impl AcceptErrors {
    /// None so far. `listener` says in the log whose connections are not accepted.
    pub(crate) fn new(listener: &'static str, metrics: Metrics) -> Self {
        Self { listener, metrics, pause: BACKOFF.0 }
    }

    /// A connection was accepted.
    pub(crate) fn over(&mut self) {
        self.pause = BACKOFF.0;
    }

    /// Tells of `error`, and how long to wait before the next accept; nothing of one that is of one connection alone.
    pub(crate) fn met(&mut self, error: &io::Error) -> Option<Duration> {
        if is_of_one_connection(error) {
            return None;
        }
        self.metrics.accept_failed();
        let (listener, pause) = (self.listener, self.pause);
        // Once per pause at most, so that no flood of connections becomes a flood of lines.
        warn!(event = events::ACCEPT_FAILED, listener, %error, retry_in_ms = pause.as_millis(), "cannot accept; trying again");
        self.pause = (pause * 2).min(BACKOFF.1);
        Some(pause)
    }
}

/// Errors of a connection that died in the queue; the next accept is not affected by them (accept(2), "Error handling").
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_second_and_begin_anew_after_an_accept() {
        let mut errors = AcceptErrors::new("test", Metrics::new());
        let none_left = io::Error::from_raw_os_error(24);
        let pauses: Vec<_> = (0..10).map(|_| errors.met(&none_left).unwrap().as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        errors.over();
        assert_eq!(errors.met(&none_left), Some(BACKOFF.0));
    }

    #[test]
    fn a_connection_that_died_in_the_queue_is_no_reason_to_wait() {
        let metrics = Metrics::new();
        let mut errors = AcceptErrors::new("test", metrics.clone());
        assert_eq!(errors.met(&io::ErrorKind::ConnectionAborted.into()), None);
        assert!(metrics.encode().contains("issuer_host_accept_errors_total 0"));
        assert!(errors.met(&io::Error::from_raw_os_error(24)).is_some(), "control");
        assert!(metrics.encode().contains("issuer_host_accept_errors_total 1"), "control");
    }
}
