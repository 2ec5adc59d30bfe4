//! From many events to few triggers: a change is several events, and a busy directory is thousands.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{self, Instant};

/// Silence that ends a burst: a rotation is a handful of file operations, done in far less.
const QUIET: Duration = Duration::from_millis(100);

/// The longest that a burst is waited out, so that one that never ends does not keep a change from being told.
const LONGEST_BURST: Duration = Duration::from_millis(400);

/// Time between two triggers. With [`LONGEST_BURST`] a change is told within 800 ms, at most five times in two seconds.
const BETWEEN_TRIGGERS: Duration = Duration::from_millis(400);

/// Waits for an event, then until the burst that it began is over. What happens after this returned is the next burst's.
///
/// Dropping it before the first event loses nothing; after it, the burst.
pub(super) async fn rest_of_burst(events: &Notify, last_trigger: Option<Instant>) {
    let began = Instant::now();
    let mut until = began + QUIET;
    while time::timeout_at(until, events.notified()).await.is_ok() {
        until = (Instant::now() + QUIET).min(began + LONGEST_BURST);
        if until <= Instant::now() {
            break;
        }
    }
    if let Some(last) = last_trigger {
        time::sleep_until(last + BETWEEN_TRIGGERS).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Events at that interval, for ever.
    fn every(interval: Duration) -> Arc<Notify> {
        let events = Arc::new(Notify::new());
        let source = Arc::downgrade(&events);
        tokio::spawn(async move {
            while let Some(events) = source.upgrade() {
                events.notify_one();
                drop(events);
                time::sleep(interval).await;
            }
        });
        events
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_ends_after_a_tenth_of_a_second_of_quiet() {
        let began = Instant::now();
        rest_of_burst(&Notify::new(), None).await;
        assert_eq!(began.elapsed(), QUIET);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_without_end_is_waited_out_no_longer_than_its_limit() {
        let events = every(Duration::from_millis(7));
        let began = Instant::now();
        rest_of_burst(&events, None).await;
        assert!((LONGEST_BURST - QUIET..=LONGEST_BURST).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn triggers_keep_their_distance_and_a_change_is_told_within_a_second() {
        let events = every(Duration::from_micros(500));
        let began = Instant::now();
        let mut last = None;
        for _ in 0..5 {
            events.notified().await;
            let first_event = Instant::now();
            rest_of_burst(&events, last).await;
            assert!(last.is_none_or(|last: Instant| last.elapsed() >= BETWEEN_TRIGGERS));
            assert!(first_event.elapsed() < Duration::from_secs(1));
            last = Some(Instant::now());
        }
        assert!(began.elapsed() >= 4 * BETWEEN_TRIGGERS);
    }
}
