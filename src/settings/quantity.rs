//! Durations and sizes, with their units.

use std::ops::RangeInclusive;
use std::time::Duration;

use config::ValueKind;

use super::typed::{Parsed, Raw, raw_shown, shown, text, what, wrong};

/// A duration with its unit, such as `30s` or `5m`, within `range`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&Raw<'_>) -> Parsed<Duration> {
    move |raw| duration_that(raw, |duration| range.contains(&duration), &format!("{}.", durations(&range)))
}

/// As [`duration`], or `0s`, which is `None`.
pub(super) fn duration_or_off(range: RangeInclusive<Duration>) -> impl Fn(&Raw<'_>) -> Parsed<Option<Duration>> {
    move |raw| {
        let allowed = |duration: Duration| duration.is_zero() || range.contains(&duration);
        let duration = duration_that(raw, allowed, &format!("{}; \"0s\" turns it off.", durations(&range)))?;
        Ok((!duration.is_zero()).then_some(duration))
    }
}

fn durations(range: &RangeInclusive<Duration>) -> String {
    let (least, most) = (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
    let examples = [(30, "\"30s\""), (300, "\"5m\"")].into_iter();
    let within = examples.filter(|(seconds, _)| range.contains(&Duration::from_secs(*seconds)));
    let examples: Vec<&str> = within.map(|(_, example)| example).collect();
    format!("Write a duration from \"{least}\" to \"{most}\", such as {}", examples.join(" or "))
}

fn duration_that(raw: &Raw<'_>, allowed: impl Fn(Duration) -> bool, remedy: &str) -> Parsed<Duration> {
    if let ValueKind::I64(number) = raw.kind {
        let problem = format!("{number} has no unit.");
        return wrong(problem, format!("Write the unit, for example \"{number}s\" for seconds."));
    }
    let text = text(raw)?;
    match humantime::parse_duration(&text) {
        Ok(duration) if allowed(duration) => Ok(duration),
        Ok(_) => wrong(format!("{} is not within range.", shown(&text)), remedy),
        Err(_) if text.parse::<u64>().is_ok() => wrong(format!("{} has no unit.", shown(&text)), remedy),
        Err(_) => wrong(format!("{} is not a duration.", shown(&text)), remedy),
    }
}

/// A size in bytes, as an integer of bytes or as text with a unit, such as `64 KiB`, within `range`.
pub(super) fn size(range: RangeInclusive<u64>) -> impl Fn(&Raw<'_>) -> Parsed<u64> {
    move |raw| {
        let (least, most) = (format_size(*range.start()), format_size(*range.end()));
        let example = format_size((64 << 10).clamp(*range.start(), *range.end()));
        let remedy =
            format!("Write a size from \"{least}\" to \"{most}\", such as \"{example}\", or a number of bytes.");
        let bytes = match raw.kind {
            ValueKind::I64(bytes) => u64::try_from(*bytes).ok(),
            ValueKind::String(text) => match parse_size(text) {
                Some(bytes) => Some(bytes),
                None => return wrong(format!("{} is not a size.", shown(text)), remedy),
            },
            other => return wrong(format!("It is {}, but a size is expected.", what(other)), remedy),
        };
        match bytes {
            Some(bytes) if range.contains(&bytes) => Ok(bytes),
            _ => wrong(format!("{} is not within range.", raw_shown(raw)), remedy),
        }
    }
}

/// Units of sizes; without one, bytes are meant. Case does not matter: nobody counts bits here.
const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
];

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

/// A size with the largest unit that divides it.
pub(crate) fn format_size(bytes: u64) -> String {
    let binary = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match binary.iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{} {unit}", bytes / factor),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::typed::tests::parse;
    use super::*;

    #[test]
    fn sizes_are_bytes_or_carry_a_unit() {
        let any = || size(0..=u64::MAX);
        assert_eq!(parse(4096, any()), Ok(4096));
        assert_eq!(parse("4096", any()), Ok(4096));
        assert_eq!(parse("1 MiB", any()), Ok(1 << 20));
        assert_eq!(parse("64KiB", any()), Ok(64 << 10));
        assert_eq!(parse("2 kB", any()), Ok(2000));
        for bad in ["", "MiB", "-1", "1.5 MiB", "1 parsec", "99999999999 GiB"] {
            assert!(parse(bad, any()).is_err(), "{bad}");
        }
        assert!(parse(-1, any()).is_err());
    }

    #[test]
    fn durations_need_a_unit_and_stay_within_their_range() {
        let some = || duration(Duration::from_secs(1)..=Duration::from_secs(3600));
        assert_eq!(parse("5m", some()), Ok(Duration::from_secs(300)));
        assert_eq!(parse("1m 30s", some()), Ok(Duration::from_secs(90)));
        assert!(parse(5, some()).unwrap_err().contains("\"5s\""));
        assert!(parse("5", some()).unwrap_err().contains("no unit"));
        // `M` is a month: the range catches the slip.
        assert!(parse("5M", some()).unwrap_err().contains("range"));
        assert!(parse("99999999999999999999y", some()).is_err());
    }

    #[test]
    fn a_duration_that_may_be_off_is_off_at_zero_and_else_within_its_range() {
        let some = || duration_or_off(Duration::from_secs(1)..=Duration::from_secs(3600));
        assert_eq!(parse("0s", some()), Ok(None));
        assert_eq!(parse("30s", some()), Ok(Some(Duration::from_secs(30))));
        for bad in ["10ms", "2h"] {
            assert!(
                parse(bad, some()).unwrap_err().contains("\"1s\" to \"1h\", such as \"30s\" or \"5m\"; \"0s\""),
                "{bad}"
            );
        }
    }
}
