//! Connections that are closed instead of being used again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::server_is_the_wrong_one;

/// Since when connections are trusted. A server that shuts down, or is no longer the primary, is that for all of its connections:
/// those that were made before it said so are closed, and new ones find the server that serves now.
#[derive(Clone, Debug, Default)]
pub(super) struct Distrust(Arc<Mutex<Option<Instant>>>);

impl Distrust {
    /// Hears what a connection was told.
    pub(super) fn learn(&self, error: &sqlx::Error) {
        if server_is_the_wrong_one(error) {
            self.begin(Instant::now());
        }
    }

    /// Whether a connection of this age is to be closed.
    pub(super) fn covers(&self, age: Duration) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() <= age)
    }

    fn begin(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_were_made_before_are_closed_and_later_ones_are_not() {
        let distrust = Distrust::default();
        assert!(!distrust.covers(Duration::from_secs(3600)), "nothing was said");
        distrust.learn(&sqlx::Error::PoolTimedOut);
        assert!(!distrust.covers(Duration::from_secs(3600)), "says nothing about the server");
        let a_second_ago = Instant::now().checked_sub(Duration::from_secs(1));
        distrust.begin(a_second_ago.expect("this machine has been up for a second"));
        assert!(distrust.covers(Duration::from_secs(3600)));
        assert!(!distrust.covers(Duration::ZERO));
    }
}
