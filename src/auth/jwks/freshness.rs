//! How long keys are good, by the headers that they came with (RFC 9111 section 4.2).

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderName};

/// Where the headers say nothing.
const DEFAULT: Duration = Duration::from_secs(5 * 60);
/// Whatever they say: more often would be a burden on the identity provider.
const SHORTEST: Duration = Duration::from_secs(60);
/// Whatever they say: a key that was withdrawn must not live longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The time until the keys are stale: `max-age`, else `expires`, less the age that a cache on the way gave them.
pub(super) fn lifetime(headers: &HeaderMap, now: SystemTime) -> Duration {
    let lifetime = match directives(headers) {
        Some(Directive::NotKept) => SHORTEST,
        Some(Directive::MaxAge(seconds)) => aged(Duration::from_secs(seconds), headers),
        None => expires(headers, now).map_or(DEFAULT, |lifetime| aged(lifetime, headers)),
    };
    lifetime.clamp(SHORTEST, LONGEST)
}

enum Directive {
    NotKept,
    MaxAge(u64),
}

fn directives(headers: &HeaderMap) -> Option<Directive> {
    let mut found = None;
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    for directive in values.flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Some(Directive::NotKept);
        }
        if name.eq_ignore_ascii_case("max-age") {
            // A number that is none is a time that has passed.
            found = Some(Directive::MaxAge(value.trim().trim_matches('"').parse().unwrap_or(0)));
        }
    }
    found
}

fn expires(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let expires = headers.get(EXPIRES)?;
    // One that cannot be read stands for a time that has passed (RFC 9111 section 5.3).
    let Some(expires) = date(expires) else { return Some(Duration::ZERO) };
    let sent = headers.get(DATE).and_then(date).unwrap_or(now);
    Some(expires.duration_since(sent).unwrap_or_default())
}

fn aged(lifetime: Duration, headers: &HeaderMap) -> Duration {
    let age = text(headers, &AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    lifetime.saturating_sub(Duration::from_secs(age))
}

fn date(value: &http::HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_good_as_long_as_their_headers_say_within_bounds() {
        let now = httpdate::parse_http_date("Sun, 22 Nov 2026 08:00:00 GMT").unwrap();
        for (headers, seconds) in [
            (&[][..], 300),
            (&[("cache-control", "max-age=600")], 600),
            (&[("cache-control", "public, Max-Age=\"600\"")], 600),
            (&[("cache-control", "public"), ("cache-control", "max-age=600")], 600),
            (&[("cache-control", "max-age=600"), ("age", "100")], 500),
            (&[("cache-control", "max-age=600"), ("age", "1000")], 60),
            (&[("cache-control", "max-age=600, no-store")], 60),
            (&[("cache-control", "no-cache")], 60),
            (&[("cache-control", "max-age=5")], 60),
            (&[("cache-control", "max-age=much")], 60),
            (&[("cache-control", "max-age=99999999999")], 86_400),
            (&[("cache-control", "max-age=600"), ("expires", "Sun, 22 Nov 2026 09:00:00 GMT")], 600),
            (&[("expires", "Sun, 22 Nov 2026 09:00:00 GMT")], 3_600),
            (&[("expires", "Sun, 22 Nov 2026 09:00:00 GMT"), ("date", "Sun, 22 Nov 2026 08:50:00 GMT")], 600),
            (&[("expires", "Sun, 22 Nov 2026 07:00:00 GMT")], 60),
            (&[("expires", "0")], 60),
            (&[("cache-control", "public")], 300),
        ] {
            let map = headers.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
            assert_eq!(lifetime(&map.collect(), now), Duration::from_secs(seconds), "{headers:?}");
        }
    }
}
