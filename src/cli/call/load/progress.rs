//! How a load goes, once a second, for whoever looks on.

use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::summary::micros;
use crate::caller::load::Recent;
use crate::cli::color::{BAD, FAINT, styled};
use crate::cli::complain;

const SECOND: Duration = Duration::from_secs(1);

/// Lines on standard error, where that is a terminal.
pub(super) struct Progress {
    begun: Instant,
    last: Instant,
    /// `None` = nobody looks on.
    seconds: Option<Interval>,
}

impl Progress {
    pub(super) fn begin() -> Self {
        let begun = Instant::now();
        let seconds = std::io::stderr().is_terminal().then(|| {
            let mut seconds = interval_at(begun + SECOND, SECOND);
            seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
            seconds
        });
        Self { begun, last: begun, seconds }
    }

    /// Waits for the next line's time; for ever where nobody looks on.
    pub(super) async fn is_due(&mut self) {
        match &mut self.seconds {
            Some(seconds) => {
                seconds.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    pub(super) fn say(&mut self, recent: &Recent) {
        let now = Instant::now();
        complain(line(now - self.begun, now - self.last, recent));
        self.last = now;
    }
}

#[allow(clippy::cast_precision_loss, reason = "nobody makes 2^53 calls in a second")]
fn line(since_begin: Duration, since_last: Duration, recent: &Recent) -> String {
    let rate = recent.calls.count() as f64 / since_last.as_secs_f64();
    let failed = format!("{} failed", recent.failed);
    let failed = styled(if recent.failed == 0 { FAINT } else { BAD }, &failed);
    let (p50, p99) = (micros(recent.calls.at(0.5)), micros(recent.calls.at(0.99)));
    format!("{:>5} s {rate:>9.0}/s   p50 {p50:>9} us   p99 {p99:>9} us   {failed}", since_begin.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::load::Latencies;

    #[test]
    fn a_line_tells_rate_times_and_failures() {
        let mut calls = Latencies::new().unwrap();
        for _ in 0..500 {
            calls.record(Duration::from_micros(250));
        }
        let text = line(Duration::from_secs(3), Duration::from_millis(500), &Recent { calls, failed: 2 });
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(text, "    3 s      1000/s   p50     250.1 us   p99     250.1 us   2 failed");
    }
}
