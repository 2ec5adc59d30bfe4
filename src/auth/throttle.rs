//! Slows down who guesses: wrong secrets use up an allowance, right ones cost nothing.
//!
//! A caller has an allowance for each id that it gives, whether there is a client of that id or not. So none uses up the guesses
//! of another, and being slowed down tells nothing of which ids there are.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::GuessLimit;

/// Most ids of one caller that have an allowance of their own; the caller's further ones share one. Thales uses one or two.
pub(super) const MOST_IDS: usize = 64;
/// Most callers that are kept apart: with their ids 4096 allowances, about half a megabyte. Each has a certificate of its own that was
/// verified, so that there are many only where the client CA issues many.
const MOST_CALLERS: usize = 64;

/// A SHA-256.
type Digest = [u8; 32];

/// The allowances of all who guess at one place.
#[derive(Debug)]
pub(crate) struct Throttle {
    limit: GuessLimit,
    allowances: Mutex<Allowances>,
}

#[derive(Debug, Default)]
struct Allowances {
    clock: Clock,
    /// By the callers' certificates.
    callers: HashMap<Digest, Caller>,
}

#[derive(Debug, Default)]
struct Caller {
    /// By the client ids that it gave.
    ids: HashMap<Digest, Allowance>,
    /// Of all ids that are not among these.
    others: Allowance,
}

/// What is left of one allowance, told by when it is whole again: on the endpoint's clock.
#[derive(Clone, Copy, Debug, Default)]
struct Allowance {
    whole: Duration,
}

impl Throttle {
    pub(crate) fn new(limit: GuessLimit) -> Self {
        Self { limit, allowances: Mutex::default() }
    }

    /// Makes a `guess` at the secret of one of `ids`, one at a time, unless too many by this `caller` were wrong.
    ///
    /// # Errors
    /// The whole seconds to wait, when none is allowed. Then `guess` was not called.
    pub(crate) fn attempt<T, E>(
        &self,
        caller: &Digest,
        ids: &[Digest],
        now: SystemTime,
        guess: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<T, E>, u32> {
        let mut allowances = self.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        let now = allowances.clock.advance(now);
        let wait =
            allowances.callers.get_mut(caller).map(|caller| caller.wait(ids, now, self.limit)).unwrap_or_default();
        if !wait.is_zero() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return Err(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        let guessed = guess();
        if guessed.is_err() {
            let caller = allowances.caller(caller, now);
            for id in ids {
                caller.allowance(id, now).spend(now, self.limit);
            }
        }
        Ok(guessed)
    }
}

impl Allowances {
    /// The caller with this certificate. Among too many, those whose allowances are whole give way, else whose is soonest.
    fn caller(&mut self, caller: &Digest, now: Duration) -> &mut Caller {
        if self.callers.len() >= MOST_CALLERS && !self.callers.contains_key(caller) {
            self.callers.retain(|_, caller| caller.whole() > now);
            if self.callers.len() >= MOST_CALLERS {
                let stalest = self.callers.iter().min_by_key(|(_, caller)| caller.whole()).map(|(digest, _)| *digest);
                stalest.and_then(|stalest| self.callers.remove(&stalest));
            }
        }
        self.callers.entry(*caller).or_default()
    }
}

impl Caller {
    /// How long a guess at any of `ids` has to wait.
    fn wait(&mut self, ids: &[Digest], now: Duration, limit: GuessLimit) -> Duration {
        ids.iter().map(|id| self.allowance(id, now).wait(now, limit)).max().unwrap_or_default()
    }

    /// The allowance of an id. Only one that is whole gives way to another, so that no guesses at many ids give back those at one.
    fn allowance(&mut self, id: &Digest, now: Duration) -> &mut Allowance {
        if self.ids.len() >= MOST_IDS && !self.ids.contains_key(id) {
            self.ids.retain(|_, allowance| allowance.whole > now);
            if self.ids.len() >= MOST_IDS {
                return &mut self.others;
            }
        }
        self.ids.entry(*id).or_default()
    }

    fn whole(&self) -> Duration {
        self.ids.values().chain([&self.others]).map(|allowance| allowance.whole).max().unwrap_or_default()
    }
}

impl Allowance {
    fn wait(self, now: Duration, limit: GuessLimit) -> Duration {
        // One guess has to be left.
        let rest = limit.period.saturating_mul(limit.burst.get() - 1);
        self.whole.saturating_sub(now).saturating_sub(rest)
    }

    fn spend(&mut self, now: Duration, limit: GuessLimit) {
        self.whole = self.whole.max(now).saturating_add(limit.period);
    }
}

/// The time since the first attempt, as the attempts themselves tell it. A wall clock that is set back does not move it.
#[derive(Debug, Default)]
struct Clock {
    elapsed: Duration,
    last: Option<SystemTime>,
}

impl Clock {
    fn advance(&mut self, now: SystemTime) -> Duration {
        let step = self.last.and_then(|last| now.duration_since(last).ok()).unwrap_or_default();
        self.last = Some(now);
        self.elapsed = self.elapsed.saturating_add(step);
        self.elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        digest
    }

    /// What one guess comes to at a second.
    fn guess(throttle: &Throttle, caller: usize, id: usize, second: u64, right: bool) -> Result<Result<(), ()>, u32> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        throttle.attempt(&digest(caller), &[digest(id)], now, || if right { Ok(()) } else { Err(()) })
    }

    fn kept(throttle: &Throttle) -> usize {
        throttle.allowances.lock().unwrap().callers.values().map(|caller| caller.ids.len()).sum()
    }

    #[test]
    fn what_is_kept_of_guesses_is_bounded_and_whoever_guesses_on_stays_slowed_down() {
        let throttle = Throttle::new(GuessLimit::default());
        // Who is right is not kept at all.
        assert_eq!((guess(&throttle, 0, 0, 0, true), kept(&throttle)), (Ok(Ok(())), 0));
        for caller in 0..MOST_CALLERS {
            for id in 0..2 * MOST_IDS {
                let _ = guess(&throttle, caller, id, 0, false);
            }
        }
        assert_eq!(kept(&throttle), MOST_CALLERS * MOST_IDS);
        // One guesses on. All the others are whole again in the end, and go for the sake of a new one.
        for _ in 0..10 {
            assert_eq!(guess(&throttle, 1, 1, 100, false), Ok(Err(())));
        }
        assert_eq!(guess(&throttle, 2 * MOST_CALLERS, 1, 100, false), Ok(Err(())));
        assert_eq!(throttle.allowances.lock().unwrap().callers.len(), 2);
        assert_eq!(guess(&throttle, 1, 1, 100, true), Err(1));
    }

    #[test]
    fn among_too_many_callers_the_stalest_goes() {
        let throttle = Throttle::new(GuessLimit::default());
        // The second has the least to wait for; everybody else is slowed down.
        for caller in 0..MOST_CALLERS {
            for _ in 0..if caller == 2 { 9 } else { 10 } {
                assert_eq!(guess(&throttle, caller, 1, 0, false), Ok(Err(())));
            }
        }
        assert_eq!(guess(&throttle, MOST_CALLERS, 1, 0, false), Ok(Err(())));
        for caller in (0..MOST_CALLERS).filter(|caller| *caller != 2) {
            assert_eq!(guess(&throttle, caller, 1, 0, true), Err(1), "{caller}");
        }
        assert!(!throttle.allowances.lock().unwrap().callers.contains_key(&digest(2)));
    }
}
