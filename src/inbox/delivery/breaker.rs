//! A circuit breaker for each destination: one that is down costs a probe now and then, not an attempt for each lane.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::growing_pause;

/// Attempts in a row, of whichever lanes, that found it unwell, after which a destination counts as down.
const FAILURES: u32 = 5;
/// The pause before the first probe, and the longest one. Half of each is jitter.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A destination that asks for time with `Retry-After` (RFC 9110 section 10.2.3) gets as much as that, for all lanes. The lane that was
/// told so may wait for longer.
const LONGEST_REST: Duration = Duration::from_secs(5 * 60);

/// What is thought of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is up.
    Closed,
    /// It is down, and left alone for a while.
    Open,
    /// It was down; one attempt shows whether it is still.
    HalfOpen,
}

impl BreakerState {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// What may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowance {
    /// As many lanes as there is room for.
    All,
    /// One lane, to probe with. How it ends has to be told.
    Probe,
    /// Nothing, until then; `None` = until the probe that is under way has ended.
    Nothing(Option<Instant>),
}

/// A destination came up or went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Up,
    Down,
}

#[derive(Debug, Default)]
pub(super) struct Breaker {
    position: Position,
    /// Until when the destination asked to be left alone.
    rests_until: Option<Instant>,
}

#[derive(Debug)]
enum Position {
    Closed { failures: u32 },
    Open { until: Instant, probes: u32 },
    HalfOpen { probes: u32 },
}

impl Default for Position {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    pub(super) const fn state(&self) -> BreakerState {
        match self.position {
            Position::Closed { .. } => BreakerState::Closed,
            Position::Open { .. } => BreakerState::Open,
            Position::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// What may be begun now. [`Allowance::Probe`] is given once.
    pub(super) fn allowance(&mut self, now: Instant) -> Allowance {
        let rest = self.rest(now);
        match self.position {
            Position::HalfOpen { .. } => Allowance::Nothing(None),
            Position::Open { until, .. } if now < until => Allowance::Nothing(rest.max(Some(until))),
            _ if rest.is_some() => Allowance::Nothing(rest),
            Position::Closed { .. } => Allowance::All,
            Position::Open { probes, .. } => {
                self.position = Position::HalfOpen { probes };
                Allowance::Probe
            }
        }
    }

    /// Whether a lane may begin its next attempt.
    pub(super) fn admits(&self, now: Instant, is_probe: bool) -> bool {
        match self.position {
            _ if self.rest(now).is_some() => false,
            Position::Closed { .. } => true,
            Position::Open { .. } => false,
            Position::HalfOpen { .. } => is_probe,
        }
    }

    /// Until when it is left alone, since it asked for that.
    fn rest(&self, now: Instant) -> Option<Instant> {
        self.rests_until.filter(|until| now < *until)
    }

    /// The destination answered, be it that it refuses an entry.
    pub(super) const fn succeeded(&mut self) -> Option<Change> {
        let was_closed = matches!(self.position, Position::Closed { .. });
        self.position = Position::Closed { failures: 0 };
        if was_closed { None } else { Some(Change::Up) }
    }

    /// The destination answered that it does not take an entry for now. Whether it takes others is not known by that; but it is there.
    pub(super) const fn declined(&mut self, is_probe: bool) -> Option<Change> {
        if is_probe { self.succeeded() } else { None }
    }

    /// The destination is unwell, and wants nothing for that long. An answer to what was begun before takes nothing back.
    pub(super) fn rests(&mut self, now: Instant, retry_after: Duration) {
        self.rests_until = self.rests_until.max(Some(now + retry_after.min(LONGEST_REST)));
    }

    /// An attempt failed, and found the destination unwell.
    pub(super) fn failed(&mut self, now: Instant, is_probe: bool, draw: u64) -> Option<Change> {
        match self.position {
            Position::Closed { failures } if failures + 1 < FAILURES => {
                self.position = Position::Closed { failures: failures + 1 };
                None
            }
            Position::Closed { .. } => {
                self.position = Position::Open { until: now + pause(0, draw), probes: 0 };
                Some(Change::Down)
            }
            Position::HalfOpen { probes } if is_probe => {
                let probes = probes.saturating_add(1);
                self.position = Position::Open { until: now + pause(probes, draw), probes };
                None
            }
            // Begun before it was known: nothing new.
            Position::Open { .. } | Position::HalfOpen { .. } => None,
        }
    }

    /// A probe ended before it came to an attempt, or found nothing to attempt: the next may follow.
    pub(super) const fn unused(&mut self, now: Instant) {
        if let Position::HalfOpen { probes } = self.position {
            self.position = Position::Open { until: now, probes };
        }
    }
}

fn pause(probes: u32, draw: u64) -> Duration {
    growing_pause(PAUSES, probes, draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATEST: u64 = u64::MAX;

    fn down(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES {
            assert_eq!(breaker.failed(now, false, LATEST), None);
        }
        assert_eq!(breaker.failed(now, false, LATEST), Some(Change::Down));
        breaker
    }

    #[test]
    fn it_opens_at_the_fifth_failure_in_a_row() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 1..FAILURES {
                assert_eq!(breaker.failed(now, false, LATEST), None);
            }
            assert_eq!(breaker.succeeded(), None);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!(down(now).state(), BreakerState::Open);
    }

    #[test]
    fn while_it_is_open_nothing_is_begun_until_one_probe() {
        let now = Instant::now();
        let mut breaker = down(now);
        assert!(!breaker.admits(now, false) && !breaker.admits(now, true));
        let Allowance::Nothing(Some(until)) = breaker.allowance(now) else { panic!("open") };
        assert!((now + PAUSES.0 / 2..=now + PAUSES.0).contains(&until));
        assert_eq!(breaker.allowance(until), Allowance::Probe);
        assert_eq!(breaker.allowance(until), Allowance::Nothing(None));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.admits(until, true) && !breaker.admits(until, false));
    }

    #[test]
    fn probes_that_fail_come_at_growing_intervals_up_to_the_cap() {
        for (draw, share) in [(0, 2), (LATEST, 1)] {
            let mut now = Instant::now();
            let mut breaker = down(now);
            let mut intervals = Vec::new();
            for _ in 0..7 {
                if let Allowance::Nothing(Some(until)) = breaker.allowance(now) {
                    now = until;
                }
                assert_eq!(breaker.allowance(now), Allowance::Probe);
                assert_eq!(breaker.failed(now, true, draw), None);
                let Allowance::Nothing(Some(until)) = breaker.allowance(now) else { panic!("open") };
                intervals.push((until - now + Duration::from_micros(1)).as_secs());
            }
            assert_eq!(intervals, [2, 4, 8, 16, 30, 30, 30].map(|whole| whole / share));
        }
    }

    #[test]
    fn a_success_closes_it_and_the_next_outage_begins_anew() {
        let now = Instant::now();
        let mut breaker = down(now);
        assert_eq!(breaker.allowance(now + PAUSES.0), Allowance::Probe);
        assert_eq!(breaker.succeeded(), Some(Change::Up));
        assert_eq!(breaker.allowance(now), Allowance::All);
        for _ in 1..FAILURES {
            assert_eq!(breaker.failed(now, false, LATEST), None);
        }
        assert_eq!(breaker.failed(now, false, LATEST), Some(Change::Down));
    }

    #[test]
    fn what_says_nothing_of_the_destination_does_not_count_unless_it_is_asked_whether_it_is_there() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES {
            assert_eq!(breaker.failed(now, false, LATEST), None);
            assert_eq!((breaker.declined(false), breaker.state()), (None, BreakerState::Closed));
        }
        assert_eq!(breaker.failed(now, false, LATEST), Some(Change::Down), "the row goes on");
        assert_eq!((breaker.declined(false), breaker.state()), (None, BreakerState::Open));
        assert_eq!(breaker.allowance(now + PAUSES.0), Allowance::Probe);
        assert_eq!((breaker.declined(false), breaker.state()), (None, BreakerState::HalfOpen));
        assert_eq!((breaker.declined(true), breaker.state()), (Some(Change::Up), BreakerState::Closed));
    }

    #[test]
    fn a_destination_that_asks_for_time_gets_it_from_all_lanes_and_no_more_than_the_longest() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        for (asked, granted) in [(60, 60), (86_400, 300)] {
            let mut breaker = Breaker::default();
            breaker.rests(begin, Duration::from_secs(asked));
            // Neither asks for less afterwards, nor takes anything back.
            breaker.rests(begin, Duration::from_secs(5));
            breaker.succeeded();
            for seconds in [0, 5, granted - 1] {
                assert_eq!(breaker.allowance(at(seconds)), Allowance::Nothing(Some(at(granted))));
                assert!(!breaker.admits(at(seconds), false));
            }
            assert_eq!(breaker.allowance(at(granted)), Allowance::All);
            assert!(breaker.admits(at(granted), false));
        }
    }

    #[test]
    fn a_probe_is_not_made_while_the_destination_rests() {
        let now = Instant::now();
        let mut breaker = down(now);
        let rested = now + Duration::from_secs(60);
        breaker.rests(now, Duration::from_secs(60));
        assert_eq!(breaker.allowance(now + PAUSES.0), Allowance::Nothing(Some(rested)));
        assert_eq!(breaker.allowance(rested), Allowance::Probe);
        // One that was allowed, and has not begun when it is asked for time, does not begin.
        assert!(breaker.admits(rested, true));
        breaker.rests(rested, Duration::from_secs(60));
        assert!(!breaker.admits(rested, true));
        breaker.unused(rested);
        let again = rested + Duration::from_secs(60);
        assert_eq!(breaker.allowance(rested), Allowance::Nothing(Some(again)));
        assert_eq!(breaker.allowance(again), Allowance::Probe);
    }

    #[test]
    fn what_was_begun_before_does_not_lengthen_the_pause() {
        let now = Instant::now();
        let mut breaker = down(now);
        let until = breaker.allowance(now);
        assert_eq!(breaker.failed(now, false, LATEST), None);
        assert_eq!(breaker.allowance(now), until);
        assert_eq!(breaker.allowance(now + PAUSES.0), Allowance::Probe);
        assert_eq!(breaker.failed(now + PAUSES.0, false, LATEST), None);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }

    #[test]
    fn a_probe_that_tried_nothing_lets_the_next_one_follow() {
        let now = Instant::now();
        let mut breaker = down(now);
        let later = now + PAUSES.0;
        assert_eq!(breaker.allowance(later), Allowance::Probe);
        breaker.unused(later);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.allowance(later), Allowance::Probe);
        // It has no say once the state is known.
        breaker.succeeded();
        breaker.unused(later);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
