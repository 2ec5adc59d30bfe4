//! How long a lane waits after an attempt that failed: exponential backoff with full jitter, so that lanes that failed together do
//! not come back together.

use std::time::Duration;

use super::options::DeliveryOptions;

/// What a destination asks for with `Retry-After` (RFC 9110 section 10.2.3) is honoured up to here: it must not park a lane for days.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The pause after attempt number `attempt`, from 1. `draw` is a random number, all of its values alike likely.
#[must_use]
pub(super) fn pause(options: &DeliveryOptions, attempt: u32, retry_after: Option<Duration>, draw: u64) -> Duration {
    let doublings = attempt.saturating_sub(1);
    let ceiling = doubled(options.first_backoff, doublings).min(options.max_backoff);
    share(ceiling, draw).max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER))
}

/// `first`, doubled that often; as long as can be where that is too long to say.
pub(super) fn doubled(first: Duration, doublings: u32) -> Duration {
    1_u32.checked_shl(doublings).and_then(|factor| first.checked_mul(factor)).unwrap_or(Duration::MAX)
}

/// The pause after so many `failures`, from 0: from the first to the longest one of `pauses`. Half of it is jitter.
pub(crate) fn growing_pause(pauses: (Duration, Duration), failures: u32, draw: u64) -> Duration {
    let whole = doubled(pauses.0, failures).min(pauses.1);
    whole / 2 + share(whole / 2, draw)
}

/// A random part of `whole`: from nothing to all of it.
pub(super) fn share(whole: Duration, draw: u64) -> Duration {
    // The upper 64 bits of the product of two numbers below 2^64: below the first, and uniform. Longer than 584 years is not met.
    let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    let part = (u128::from(nanos) * u128::from(draw)) >> 64;
    Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
}

/// A random number. Where there are no random bytes it is the largest: rather too late than all at once.
pub(crate) fn draw() -> u64 {
    let mut bytes = [0; 8];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(attempt: u32) -> Duration {
        let pause = pause(&DeliveryOptions::default(), attempt, None, u64::MAX);
        // The largest draw is a hair below all of it.
        Duration::from_millis(u64::try_from((pause + Duration::from_nanos(600)).as_millis()).unwrap())
    }

    #[test]
    fn the_longest_pause_doubles_from_the_first_to_the_cap() {
        let longest: Vec<_> = [1, 2, 3, 8, 9, 10].into_iter().map(|attempt| longest(attempt).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 128, 256, 300]);
    }

    #[test]
    fn jitter_is_full_from_nothing_to_the_longest_pause() {
        let options = DeliveryOptions::default();
        assert_eq!(pause(&options, 4, None, 0), Duration::ZERO);
        assert_eq!(pause(&options, 4, None, 1 << 63), Duration::from_secs(4));
    }

    #[test]
    fn attempts_without_number_end_at_the_cap() {
        for attempt in [31, 32, 33, 63, 64, 65, u32::MAX] {
            assert_eq!(longest(attempt).as_secs(), 300, "{attempt}");
        }
        let endless = DeliveryOptions { max_backoff: Duration::MAX, ..DeliveryOptions::default() };
        assert!(pause(&endless, u32::MAX, None, u64::MAX) > Duration::from_secs(1 << 30));
    }

    #[test]
    fn retry_after_is_the_least_and_at_most_an_hour() {
        let options = DeliveryOptions::default();
        let after = |seconds, draw| pause(&options, 3, Some(Duration::from_secs(seconds)), draw).as_secs();
        assert_eq!(after(120, u64::MAX), 120);
        assert_eq!(after(1, 1 << 63), 2);
        assert_eq!(after(86_400, 0), 3600);
    }

    #[test]
    fn draws_differ() {
        assert_ne!(draw(), draw());
    }
}
