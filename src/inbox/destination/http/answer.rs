//! What the answer of a backend means for an entry.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Limited};
use tower::BoxError;

use super::super::{Attempt, is_unwell};

/// Most bytes of an answer that are read for the sake of its connection. Nobody looks at them.
const MOST_DISCARDED: usize = 64 * 1024;
/// How long that may take; what trickles in costs more than a new connection.
pub(super) const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// What came of the attempt that `response` answers.
pub(super) fn judged<B>(response: &Response<B>, now: SystemTime) -> Attempt {
    let status = response.status().as_u16();
    let problem = || format!("the backend answered {status}");
    match status {
        200..=299 => Attempt::Delivered,
        400 | 410 | 413 | 415 | 422 => Attempt::Refused { problem: problem() },
        _ => Attempt::Failed {
            problem: problem(),
            retry_after: retry_after(response.headers(), now),
            down: is_unwell(status),
        },
    }
}

/// Reads the body to its end, so that the connection can be used again. One that is too long or too slow costs its connection.
pub(super) async fn discard<B: Body<Error: Into<BoxError>>>(response: Response<B>) {
    let body = Limited::new(response.into_body(), MOST_DISCARDED).collect();
    // What was answered counts, whatever becomes of the body.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, body).await;
}

/// RFC 9110 section 10.2.3: seconds, or a date. One in the past is now.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<&str>) -> Attempt {
        let mut response = Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header(RETRY_AFTER, value);
        }
        // 1994-11-06 08:49:07 UTC
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_747);
        judged(&response.body(()).unwrap(), now)
    }

    #[test]
    fn every_status_has_its_consequence() {
        for status in 100..1000 {
            let attempt = answered(status, None);
            let problem = format!("the backend answered {status}");
            let expected = match status {
                200..300 => Attempt::Delivered,
                400 | 410 | 413 | 415 | 422 => Attempt::Refused { problem },
                429 | 500 | 502..=504 => Attempt::Failed { problem, retry_after: None, down: true },
                _ => Attempt::Failed { problem, retry_after: None, down: false },
            };
            assert_eq!(attempt, expected);
        }
    }

    #[test]
    fn a_backend_says_when_it_wants_to_be_asked_again() {
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("99999999999999999999999", None),
            ("soon", None),
        ] {
            for status in [503, 429, 307] {
                let Attempt::Failed { retry_after, .. } = answered(status, Some(value)) else { panic!("{status}") };
                assert_eq!(retry_after, expected.map(Duration::from_secs), "{value:?}");
            }
        }
    }
}
