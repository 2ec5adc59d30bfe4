//! When a call is made again, and after how long.

use std::fmt;
use std::time::{Duration, SystemTime};

use ::http::StatusCode;
use ::http::header::{HeaderMap, RETRY_AFTER};

use super::Product;

/// Which answers make a call come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryRule {
    /// What Thales publishes of merchant tokenization: 429, 500 and 503 come again, anything else does not.
    Cof,
    /// Nothing is published: what a status means (RFC 9110), 408, 429 and those from 500 on but 501 and 505.
    Ours,
}

impl RetryRule {
    /// The rule for a product.
    #[must_use]
    pub const fn of(product: Product) -> Self {
        match product {
            Product::Cof => Self::Cof,
            Product::Tsh | Product::TshAuxiliary | Product::Tsp | Product::D1 | Product::D1Ecom | Product::Transit => {
                Self::Ours
            }
        }
    }

    /// Whether a call comes again after this status.
    #[must_use]
    pub fn applies(self, status: StatusCode) -> bool {
        match self {
            Self::Cof => matches!(status.as_u16(), 429 | 500 | 503),
            Self::Ours => match status.as_u16() {
                408 | 429 => true,
                501 | 505 => false,
                other => other >= 500,
            },
        }
    }
}

impl fmt::Display for RetryRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cof => "429, 500 and 503 come again, as Thales says; 400, 401 and 404 never",
            Self::Ours => "Thales says nothing of it; here 408, 429 and those from 500 on (but 501 and 505) come again",
        })
    }
}

/// How long is waited before a call is made again. Thales speaks of exponential backoff, and of no figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait; each later one is twice as long.
    pub first: Duration,
    /// How long all of it may take, from the first call on.
    pub all: Duration,
}

impl Backoff {
    /// No single wait is longer, unless the server asks for it.
    const LONGEST: Duration = Duration::from_secs(60);

    /// The wait after `attempts` calls, the last of which ended `elapsed` after the first began: our own figure, or the server's
    /// `Retry-After` where that is longer; none, or a date gone by, is no leave to call without a pause. `None` = it would take longer
    /// than it may.
    #[must_use]
    pub fn wait(&self, attempts: u32, elapsed: Duration, retry_after: Option<Duration>) -> Option<Duration> {
        let doublings = attempts.saturating_sub(1).min(31);
        let own = self.first.saturating_mul(1_u32 << doublings).min(Self::LONGEST.max(self.first));
        let wait = retry_after.map_or(own, |asked| asked.max(own));
        (elapsed.saturating_add(wait) <= self.all).then_some(wait)
    }
}

/// How long the server asks to wait: `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3).
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok().map(|date| date.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn cof_comes_again_after_three_statuses_only() {
        for status in 100..600 {
            let applies = RetryRule::of(Product::Cof).applies(StatusCode::from_u16(status).unwrap());
            assert_eq!(applies, [429, 500, 503].contains(&status), "{status}");
        }
    }

    #[test]
    fn elsewhere_what_is_for_good_does_not_come_again() {
        let rule = RetryRule::of(Product::D1);
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(rule.applies(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [200, 204, 302, 400, 401, 403, 404, 405, 413, 421, 501, 505] {
            assert!(!rule.applies(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }

    #[test]
    fn each_wait_is_twice_the_last_up_to_a_minute() {
        let backoff = Backoff { first: SECOND, all: 3600 * SECOND };
        let waits: Vec<_> = (1..9).map(|attempts| backoff.wait(attempts, SECOND, None).unwrap().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.wait(u32::MAX, SECOND, None), Some(60 * SECOND));
    }

    #[test]
    fn the_longer_wait_counts_and_the_end_is_the_end() {
        let backoff = Backoff { first: SECOND, all: 10 * SECOND };
        assert_eq!(backoff.wait(1, SECOND, Some(5 * SECOND)), Some(5 * SECOND));
        assert_eq!(backoff.wait(1, 6 * SECOND, Some(5 * SECOND)), None);
        assert_eq!(backoff.wait(1, SECOND, Some(Duration::ZERO)), Some(SECOND), "no hot loop");
        assert_eq!(backoff.wait(3, SECOND, Some(2 * SECOND)), Some(4 * SECOND));
        assert_eq!(backoff.wait(4, SECOND, None), Some(8 * SECOND));
        assert_eq!(backoff.wait(4, 3 * SECOND, None), None);
    }

    #[test]
    fn a_server_asks_in_seconds_or_with_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let asked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(asked("5"), Some(5 * SECOND));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:44 GMT"), Some(7 * SECOND));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:30 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
