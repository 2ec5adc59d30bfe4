//! What time it is, for an engine that has no clock of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::inbox::entry::Millis;

/// A wall clock. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// One that stands at `now` until somebody [advances](Self::advance) it; its clones go with it.
    #[must_use]
    pub fn standing_at(now: Millis) -> Self {
        Self(Some(Arc::new(AtomicI64::new(now))))
    }

    /// Puts a standing clock forward. The clock of the machine goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Some(standing) = &self.0 {
            standing.fetch_add(millis(by), Ordering::SeqCst);
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Some(standing) => standing.load(Ordering::SeqCst),
            None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
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
    fn a_length_without_end_can_still_be_added_to_the_time() {
        assert!(Clock::system().now().checked_add(millis(Duration::MAX)).is_some());
    }
}
