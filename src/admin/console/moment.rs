//! Times as people read them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// A time, three ways: for programs, for people, and from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// RFC 3339.
    pub(super) iso: String,
    /// `2026-12-16 10:00 UTC`.
    pub(super) shown: String,
    /// `in 23 days`, `5 minutes ago`. To the minute at most: what changes each second would be read out each second.
    pub(super) relative: String,
}

impl Moment {
    /// As seen at `now`.
    pub(super) fn of(time: OffsetDateTime, now: OffsetDateTime) -> Self {
        let whole = time.replace_nanosecond(0).unwrap_or(time);
        Self {
            iso: whole.format(&Rfc3339).unwrap_or_default(),
            shown: whole.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC")).unwrap_or_default(),
            relative: relative((time - now).whole_seconds()),
        }
    }

    /// From RFC 3339 text; what is none stays as it is.
    pub(super) fn parse(text: &str, now: OffsetDateTime) -> Self {
        match seconds_until(text, now) {
            Some(seconds) => Self::of(now + time::Duration::seconds(seconds), now),
            None => Self { iso: text.to_owned(), shown: text.to_owned(), relative: String::new() },
        }
    }
}

/// Seconds from `now` to a time in RFC 3339, negative when it has passed; nothing when it is none.
pub(super) fn seconds_until(text: &str, now: OffsetDateTime) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some((time - now).whole_seconds() + i64::from((time - now).subsec_nanoseconds() > 0))
}

/// `3 d 4 h`, `12 min`.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => "under a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

fn relative(seconds: i64) -> String {
    let (amount, unit) = match seconds.abs() {
        ..MINUTE => return if seconds < 0 { "just now".to_owned() } else { "now".to_owned() },
        length @ ..HOUR => (length / MINUTE, "minute"),
        length if length < 2 * DAY => (length / HOUR, "hour"),
        length => (length / DAY, "day"),
    };
    let plural = if amount == 1 { "" } else { "s" };
    if seconds < 0 { format!("{amount} {unit}{plural} ago") } else { format!("in {amount} {unit}{plural}") }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 10:00:00.4 UTC);

    #[test]
    fn a_time_is_told_in_the_words_of_people() {
        for (text, words) in [
            ("2026-11-23T10:00:30Z", "now"),
            ("2026-11-23T09:59:30Z", "just now"),
            ("2026-11-23T09:58:59Z", "1 minute ago"),
            ("2026-11-23T12:00:01Z", "in 2 hours"),
            ("2026-11-25T10:00:01Z", "in 2 days"),
            ("2026-10-23T10:00:00Z", "31 days ago"),
        ] {
            assert_eq!(Moment::parse(text, NOW).relative, words, "{text}");
        }
        let told = Moment::parse("2026-12-16T11:05:09+01:00", NOW);
        assert_eq!((told.iso.as_str(), told.shown.as_str()), ("2026-12-16T10:05:09Z", "2026-12-16 10:05 UTC"));
    }

    #[test]
    fn what_is_no_time_is_told_as_it_is() {
        let told = Moment::parse("", NOW);
        assert!(told.shown.is_empty() && told.relative.is_empty());
    }

    #[test]
    fn a_span_has_two_units_at_most() {
        for (seconds, words) in [(59, "under a minute"), (720, "12 min"), (7_260, "2 h 1 min"), (274_000, "3 d 4 h")] {
            assert_eq!(span(seconds), words);
        }
    }
}
