//! Slows down who guesses: wrong secrets use up an allowance, right ones cost nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::options::GuessLimit;

/// The allowance of one client.
pub(super) struct Throttle {
    state: Mutex<State>,
}

struct State {
    clock: Elapsed,
    last: Option<SystemTime>,
    allowance: RateLimiter<NotKeyed, InMemoryState, Elapsed, StateInformationMiddleware>,
    period: Duration,
    /// On the clock above.
    blocked_until: Duration,
}

impl Throttle {
    pub(super) fn new(limit: GuessLimit) -> Self {
        let clock = Elapsed::default();
        // governor knows no quota of zero time.
        let period = limit.period.max(Duration::from_nanos(1));
        let quota =
            Quota::with_period(period).map_or(Quota::per_second(limit.burst), |quota| quota.allow_burst(limit.burst));
        let allowance = RateLimiter::direct_with_clock(quota, clock.clone()).with_middleware();
        Self { state: Mutex::new(State { clock, last: None, allowance, period, blocked_until: Duration::ZERO }) }
    }

    /// Makes a `guess`, one at a time, unless too many were wrong.
    ///
    /// # Errors
    /// The whole seconds to wait, when none is allowed. Then `guess` was not called.
    pub(super) fn attempt<T, E>(
        &self,
        now: SystemTime,
        guess: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<T, E>, u32> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = state.elapsed(now);
        if elapsed < state.blocked_until {
            let wait = state.blocked_until.saturating_sub(elapsed);
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return Err(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        let guessed = guess();
        if guessed.is_err() && !state.allowance.check().is_ok_and(|left| left.remaining_burst_capacity() > 0) {
            state.blocked_until = elapsed.saturating_add(state.period);
        }
        Ok(guessed)
    }
}

impl State {
    /// Moves the clock on to `now`. A wall clock that was set back does not move it.
    fn elapsed(&mut self, now: SystemTime) -> Duration {
        /// Enough to fill every allowance up, and far from what the clock can hold.
        const LONGEST_STEP: Duration = Duration::from_secs(24 * 60 * 60);
        let step = self.last.and_then(|last| now.duration_since(last).ok()).unwrap_or_default();
        self.last = Some(now);
        self.clock.advance(step.min(LONGEST_STEP))
    }
}

/// The time since the first attempt, as the attempts themselves tell it.
#[derive(Clone, Debug, Default)]
struct Elapsed(Arc<AtomicU64>);

impl Elapsed {
    fn advance(&self, by: Duration) -> Duration {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        // Under the lock of the throttle, so nobody else moves it.
        let nanoseconds = self.0.load(Ordering::Relaxed).saturating_add(by);
        self.0.store(nanoseconds, Ordering::Relaxed);
        Duration::from_nanos(nanoseconds)
    }
}

impl Clock for Elapsed {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.load(Ordering::Relaxed).into()
    }
}
