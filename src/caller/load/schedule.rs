//! When each call of a load begins.
//!
//! With a rate the model is open: call number n is due at n / rate, whatever became of those before it. A call that begins late because all
//! connections still waited for answers is charged from when it was due, so that a server that stalls is seen to stall (no
//! coordinated omission). Without a rate the next call begins when the last one has ended, and is charged from then.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// The calls of a load, in the order of their begin. All connections take theirs from here.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Calls in a second over all connections; `None` = as many as are answered.
    rate: Option<f64>,
    /// How many calls there are; `None` = as many as there is time for.
    count: Option<u64>,
    /// How long calls begin; `None` = until all have begun.
    duration: Option<Duration>,
    taken: AtomicU64,
    begun: OnceLock<Instant>,
    /// Ends it early.
    stop: CancellationToken,
}

impl Schedule {
    pub(super) fn new(
        rate: Option<f64>,
        count: Option<u64>,
        duration: Option<Duration>,
        stop: CancellationToken,
    ) -> Self {
        Self { rate, count, duration, taken: AtomicU64::new(0), begun: OnceLock::new(), stop }
    }

    /// The first call may begin.
    pub(super) fn begin(&self) {
        let _ = self.begun.set(Instant::now());
    }

    /// When it began.
    pub(super) fn begun(&self) -> Option<Instant> {
        self.begun.get().copied()
    }

    /// Waits for the next call; its time is charged from the instant that this returns. `None` = there is none any more.
    pub(super) async fn next(&self) -> Option<Instant> {
        if self.stop.is_cancelled() {
            return None;
        }
        let (begun, now) = (*self.begun.get()?, Instant::now());
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        if self.count.is_some_and(|count| number >= count) {
            return None;
        }
        let due = self.rate.map(|rate| begun + offset(number, rate));
        if self.duration.is_some_and(|duration| due.unwrap_or(now) >= begun + duration) {
            return None;
        }
        match due {
            Some(due) if due > now => tokio::select! {
                // The clock of the runtime ticks in milliseconds: how late it wakes is not the server's fault.
                () = sleep_until(due) => Some(Instant::now()),
                () = self.stop.cancelled() => None,
            },
            Some(due) => Some(due),
            None => Some(now),
        }
    }

    /// Waits a little after a failure, where no rate says when the next call is due.
    pub(super) async fn recover(&self) {
        if self.rate.is_none() {
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }
}

/// Between a failure and the next call of its lane, where no rate says when that is: a server that is in trouble, or refuses, is not run down.
const PAUSE: Duration = Duration::from_millis(10);

/// When call `number` is due, from the begin.
#[allow(clippy::cast_precision_loss, reason = "2^53 calls are more than anybody makes")]
fn offset(number: u64, rate: f64) -> Duration {
    Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(Duration::MAX / 4)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn schedule(rate: Option<f64>, count: Option<u64>, duration: Option<Duration>) -> Schedule {
        let schedule = Schedule::new(rate, count, duration, CancellationToken::new());
        schedule.begin();
        schedule
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_behind_a_late_answer_is_charged_from_when_it_was_due() {
        let schedule = schedule(Some(10.0), None, None);
        let begun = schedule.begun().unwrap();
        assert_eq!(schedule.next().await, Some(begun));
        // The answer to the first call takes 350 ms; calls were due at 100, 200 and 300.
        sleep(Duration::from_millis(350)).await;
        for due in [100, 200, 300] {
            assert_eq!(schedule.next().await, Some(begun + Duration::from_millis(due)));
            assert_eq!(begun.elapsed(), Duration::from_millis(350), "it has not waited");
        }
        // The next one is not due yet, and is waited for.
        assert_eq!(schedule.next().await, Some(begun + Duration::from_millis(400)));
        assert_eq!(begun.elapsed(), Duration::from_millis(400));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_a_call_is_charged_from_its_own_begin() {
        let schedule = schedule(None, None, None);
        sleep(Duration::from_millis(350)).await;
        assert_eq!(schedule.next().await, Some(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_as_many_calls_as_were_asked_for() {
        let by_count = schedule(None, Some(3), None);
        for _ in 0..3 {
            assert!(by_count.next().await.is_some());
        }
        assert_eq!(by_count.next().await, None);

        let by_time = schedule(Some(10.0), None, Some(Duration::from_secs(1)));
        let mut calls = 0;
        while by_time.next().await.is_some() {
            calls += 1;
        }
        assert_eq!(calls, 10, "at 0, 100, ... 900 ms");

        let closed = schedule(None, None, Some(Duration::from_secs(1)));
        assert!(closed.next().await.is_some());
        advance(Duration::from_secs(1)).await;
        assert_eq!(closed.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_call_is_told_of_the_end() {
        let stop = CancellationToken::new();
        let schedule = Schedule::new(Some(0.001), None, None, stop.clone());
        schedule.begin();
        assert!(schedule.next().await.is_some());
        let (next, ()) = tokio::join!(schedule.next(), async { stop.cancel() });
        assert_eq!(next, None);
        assert!(schedule.begun().unwrap().elapsed() < Duration::from_secs(1), "it has not waited for the next call");
    }
}
