//! What time it is, for an engine that has no clock of its own.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::inbox::entry::Millis;

/// The clock of this process, which everybody in it shares.
static SYSTEM: LazyLock<Clock> =
    LazyLock::new(|| Clock::running_from(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)));

/// A wall clock. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Hand);

#[derive(Clone, Debug)]
enum Hand {
    Running { from: Millis, since: Instant },
    Standing(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine, as it was when the process asked first, and steadily on from there: one that is put back must not
    /// leave lanes waiting for a time that has been already.
    #[must_use]
    pub fn system() -> Self {
        SYSTEM.clone()
    }

    /// One that shows `from` now, and goes on by itself.
    fn running_from(from: Millis) -> Self {
        Self(Hand::Running { from, since: Instant::now() })
    }

    /// One that stands at `now` until somebody [advances](Self::advance) it; its clones go with it.
    #[must_use]
    pub fn standing_at(now: Millis) -> Self {
        Self(Hand::Standing(Arc::new(AtomicI64::new(now))))
    }

    /// Puts a standing clock forward. The clock of the machine goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Hand::Standing(standing) = &self.0 {
            standing.fetch_add(millis(by), Ordering::SeqCst);
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Hand::Standing(standing) => standing.load(Ordering::SeqCst),
            Hand::Running { from, since } => from.saturating_add(millis(since.elapsed())),
        }
    }
}

/// A length of time in milliseconds; what is too long for them is as long as can be.
#[must_use]
pub fn millis(duration: Duration) -> Millis {
    // A quarter of the range: two of them can be added to any time.
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX).min(Millis::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_only_when_it_is_put_forward() {
        let clock = Clock::standing_at(1_000);
        let clone = clock.clone();
        assert_eq!(clone.now(), 1_000);
        clock.advance(Duration::from_secs(2));
        assert_eq!(clone.now(), 3_000);
    }

    #[test]
    fn a_clock_that_runs_goes_on_from_where_it_began_whatever_the_machine_shows() {
        let clock = Clock::running_from(1_000);
        let begun = Instant::now();
        let shown = clock.now();
        while begun.elapsed() < Duration::from_millis(3) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!((1_000..1_000_000).contains(&shown), "by the machine, decades have passed: {shown}");
        assert!(clock.now() >= shown + 2);
    }

    #[test]
    fn the_clock_of_the_machine_is_anchored_once() {
        let anchor = |clock: Clock| match clock.0 {
            Hand::Running { from, since } => (from, since),
            Hand::Standing(_) => unreachable!("it runs"),
        };
        let first = anchor(Clock::system());
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(anchor(Clock::system()), first);
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap();
        assert!((machine - Clock::system().now()).abs() < 60_000, "it shows what the machine does");
    }

    #[test]
    fn a_length_without_end_can_still_be_added_to_the_time() {
        assert!(Clock::system().now().checked_add(millis(Duration::MAX)).is_some());
    }
}
