//! The last hour of an operation, minute by minute: what the console shows. Bounded, and without a lock on a request's way but once a
//! minute.

use std::array;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::histogram::{BOUNDS, BUCKETS};
use super::requests::STATUS_CLASSES;

/// How many minutes are kept, the one that runs included.
pub const MINUTES: usize = 60;

/// What happened in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecentMinute {
    /// Requests by the class of their answer's status: 2xx, 3xx, 4xx, 5xx, and none, since the caller went before.
    pub by_class: [u64; STATUS_CLASSES.len()],
    /// Requests by how long they took; the last are beyond every bound.
    durations: [u64; BUCKETS],
}

impl RecentMinute {
    /// All requests of the minute.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.by_class.iter().sum()
    }

    /// Those that were answered with 5xx.
    #[must_use]
    pub fn server_errors(&self) -> u64 {
        let [_, _, _, errors, _] = self.by_class;
        errors
    }

    /// What 99 of 100 requests took at the most: the upper bound of a bucket of `issuer_host_request_duration_seconds`. `None` where
    /// there were none. What took longer than a minute is told as a minute.
    #[must_use]
    pub fn p99(&self) -> Option<Duration> {
        let total: u64 = self.durations.iter().sum();
        let wanted = (total > 0).then(|| total - total / 100)?;
        let mut seen = 0;
        let bucket = self.durations.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        BOUNDS.get(bucket).or(BOUNDS.last()).map(|micros| Duration::from_micros(*micros))
    }

    /// Both minutes together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (own, more) in self.by_class.iter_mut().zip(other.by_class) {
            *own += more;
        }
        for (own, more) in self.durations.iter_mut().zip(other.durations) {
            *own += more;
        }
        self
    }
}

/// What happened to an operation of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentOperation {
    /// The environment.
    pub environment: String,
    /// The product; empty where that is not known.
    pub product: &'static str,
    /// The operation; `unknown` for calls of none, empty where calls are not told apart.
    pub operation: String,
    /// The last [`MINUTES`], oldest first; the last one still runs.
    pub minutes: Vec<RecentMinute>,
}

impl RecentOperation {
    /// The last `minutes` together, the one that runs included.
    #[must_use]
    pub fn last(&self, minutes: usize) -> RecentMinute {
        self.minutes.iter().rev().take(minutes).fold(RecentMinute::default(), RecentMinute::and)
    }
}

/// The minutes of one operation, in a ring.
#[derive(Debug)]
pub(super) struct Recent {
    slots: [Slot; MINUTES],
    /// Held by whoever begins a minute.
    turning: Mutex<()>,
}

#[derive(Debug, Default)]
struct Slot {
    /// Since 1970, and one: 0 = it was never used.
    minute: AtomicU64,
    by_class: [AtomicU32; STATUS_CLASSES.len()],
    durations: [AtomicU32; BUCKETS],
}

impl Default for Recent {
    fn default() -> Self {
        Self { slots: array::from_fn(|_| Slot::default()), turning: Mutex::default() }
    }
}

impl Recent {
    /// A request ended at `now`, with a status of `class`, after a time that falls into `bucket`.
    pub(super) fn count(&self, now: SystemTime, class: usize, bucket: usize) {
        let minute = minute(now);
        let Some(slot) = self.slots.get(place(minute)) else { return };
        if slot.minute.load(Ordering::Acquire) != minute {
            self.turn(slot, minute);
        }
        for count in [slot.by_class.get(class), slot.durations.get(bucket)].into_iter().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The first request of a minute wipes what was an hour before.
    fn turn(&self, slot: &Slot, minute: u64) {
        let _turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.minute.load(Ordering::Acquire) == minute {
            return;
        }
        for count in slot.by_class.iter().chain(&slot.durations) {
            count.store(0, Ordering::Relaxed);
        }
        slot.minute.store(minute, Ordering::Release);
    }

    /// The last minutes, oldest first; that of `now` is the last.
    pub(super) fn minutes(&self, now: SystemTime) -> Vec<RecentMinute> {
        let last = minute(now);
        let first = last.saturating_sub(MINUTES as u64 - 1);
        (first..=last).map(|minute| self.minute(minute)).collect()
    }

    fn minute(&self, minute: u64) -> RecentMinute {
        let slot = self.slots.get(place(minute)).filter(|slot| slot.minute.load(Ordering::Acquire) == minute);
        slot.map_or_else(RecentMinute::default, |slot| RecentMinute {
            by_class: array::from_fn(|class| read(slot.by_class.get(class))),
            durations: array::from_fn(|bucket| read(slot.durations.get(bucket))),
        })
    }
}

fn read(count: Option<&AtomicU32>) -> u64 {
    count.map_or(0, |count| count.load(Ordering::Relaxed).into())
}

/// Minutes since 1970, and one.
fn minute(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 60 + 1
}

fn place(minute: u64) -> usize {
    usize::try_from(minute % MINUTES as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::histogram::bucket;

    const OK: usize = 0;
    const FAILED: usize = 3;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_020 + seconds)
    }

    fn of(minutes: Vec<RecentMinute>) -> RecentOperation {
        RecentOperation { environment: "preprod".into(), product: "d1", operation: "notify".into(), minutes }
    }

    #[test]
    fn a_request_is_told_of_for_an_hour_and_then_no_more() {
        let recent = Recent::default();
        recent.count(at(0), OK, bucket(Duration::from_millis(3)));
        recent.count(at(59), FAILED, bucket(Duration::from_millis(3)));
        recent.count(at(60), OK, bucket(Duration::from_millis(3)));
        let minutes = recent.minutes(at(60));
        assert_eq!(minutes.len(), MINUTES);
        let newest: Vec<_> = minutes.iter().rev().take(3).map(|minute| minute.by_class).collect();
        assert_eq!(newest, [[1, 0, 0, 0, 0], [1, 0, 0, 1, 0], [0; 5]]);
        assert_eq!(of(recent.minutes(at(59 * 60))).last(MINUTES).requests(), 3, "control: still there");
        assert_eq!(of(recent.minutes(at(60 * 60))).last(MINUTES).requests(), 1);
        assert_eq!(of(recent.minutes(at(61 * 60))).last(MINUTES).requests(), 0);
        recent.count(at(60 * 60), OK, 0);
        assert_eq!(
            of(recent.minutes(at(60 * 60))).last(1).by_class,
            [1, 0, 0, 0, 0],
            "what was an hour before is wiped"
        );
    }

    #[test]
    fn p99_is_the_bound_that_all_but_one_of_a_hundred_do_not_exceed() {
        let recent = Recent::default();
        assert_eq!(recent.minutes(at(0))[MINUTES - 1].p99(), None);
        for _ in 0..99 {
            recent.count(at(0), OK, bucket(Duration::from_millis(4)));
        }
        recent.count(at(0), OK, bucket(Duration::from_secs(4)));
        assert_eq!(of(recent.minutes(at(0))).last(1).p99(), Some(Duration::from_millis(5)));
        recent.count(at(0), OK, bucket(Duration::from_secs(4)));
        assert_eq!(of(recent.minutes(at(0))).last(1).p99(), Some(Duration::from_secs(5)));
        let slow = Recent::default();
        slow.count(at(0), OK, bucket(Duration::from_secs(100)));
        assert_eq!(of(slow.minutes(at(0))).last(1).p99(), Some(Duration::from_secs(60)));
    }

    #[test]
    fn requests_that_end_at_once_when_a_minute_begins_are_all_counted() {
        let recent = Recent::default();
        recent.count(at(0), OK, 0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| recent.count(at(60 * 60), OK, 0)));
            }
        });
        assert_eq!(of(recent.minutes(at(60 * 60))).last(MINUTES).by_class, [4000, 0, 0, 0, 0]);
    }
}
