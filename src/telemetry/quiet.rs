//! What a stranger, or a backend that is down, can cause must not become a flood of lines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

/// Lets one line a second pass for each reason, so that no reason hides another one, and none of one environment that of another.
/// Reasons are names of a closed list, of which there are a few dozen, and environments those of the configuration: what is remembered of
/// them stays small.
#[derive(Debug, Default)]
pub(crate) struct OncePerSecond(RwLock<Vec<Known>>);

#[derive(Debug)]
struct Known {
    environment: Box<str>,
    reason: &'static str,
    lines: Lines,
}

impl OncePerSecond {
    /// `Some` when the caller may speak, with the number of lines of that reason that were not said since the last one.
    pub(crate) fn turn(&self, reason: &'static str) -> Option<u64> {
        self.turn_in(None, reason)
    }

    /// The same for what happens to an environment; `None` where it is not known to which.
    pub(crate) fn turn_in(&self, environment: Option<&str>, reason: &'static str) -> Option<u64> {
        let environment = environment.unwrap_or_default();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(lines) = of(&known, environment, reason) {
            return lines.turn();
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have been faster.
        if let Some(lines) = of(&known, environment, reason) {
            return lines.turn();
        }
        let lines = Lines::default();
        let turn = lines.turn();
        known.push(Known { environment: environment.into(), reason, lines });
        turn
    }
}

fn of<'k>(known: &'k [Known], environment: &str, reason: &str) -> Option<&'k Lines> {
    let is_it = |known: &&Known| known.reason == reason && *known.environment == *environment;
    known.iter().find(is_it).map(|known| &known.lines)
}

/// Lines of one reason.
#[derive(Debug)]
struct Lines {
    since: Instant,
    /// The second, counted from `since`, before which nothing more is said.
    quiet_until: AtomicU64,
    unsaid: AtomicU64,
}

impl Default for Lines {
    fn default() -> Self {
        Self { since: Instant::now(), quiet_until: AtomicU64::new(0), unsaid: AtomicU64::new(0) }
    }
}

impl Lines {
    fn turn(&self) -> Option<u64> {
        let now = self.since.elapsed().as_secs();
        let quiet_until = self.quiet_until.load(Ordering::Relaxed);
        let mine = now >= quiet_until
            && self.quiet_until.compare_exchange(quiet_until, now + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            return Some(self.unsaid.swap(0, Ordering::Relaxed));
        }
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, OncePerSecond};

    #[test]
    fn what_comes_again_in_the_same_second_is_counted_and_not_said() {
        let mut lines = Lines::default();
        assert_eq!(lines.turn(), Some(0));
        // The second that is quiet is made to last.
        *lines.quiet_until.get_mut() = u64::MAX;
        assert_eq!((lines.turn(), lines.turn()), (None, None));
        *lines.quiet_until.get_mut() = 0;
        assert_eq!(lines.turn(), Some(2));
    }

    #[test]
    fn a_flood_of_one_reason_hides_no_other_one() {
        let mut lines = OncePerSecond::default();
        assert_eq!(lines.turn("expired"), Some(0));
        *lines.0.get_mut().unwrap()[0].lines.quiet_until.get_mut() = u64::MAX;
        assert_eq!((lines.turn("expired"), lines.turn("revoked")), (None, Some(0)));
        assert_eq!(lines.turn("expired"), None, "control: it is quiet still");
    }

    #[test]
    fn a_flood_in_one_environment_hides_nothing_of_another_one() {
        let mut lines = OncePerSecond::default();
        assert_eq!(lines.turn_in(Some("test"), "expired"), Some(0));
        *lines.0.get_mut().unwrap()[0].lines.quiet_until.get_mut() = u64::MAX;
        let turns = [Some("test"), Some("live"), None].map(|environment| lines.turn_in(environment, "expired"));
        assert_eq!(turns, [None, Some(0), Some(0)]);
        assert_eq!(lines.turn_in(Some("test"), "expired"), None, "control: it is quiet still");
    }
}
