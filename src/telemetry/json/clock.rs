//! The time of a line, in RFC 3339 with microseconds. Lines that come fast share their second, which is most of the work.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

/// `YYYY-MM-DDThh:mm:ss`, of the years that have four digits.
type Second = [u8; 19];

thread_local! {
    /// The second that was written last, counted from the Unix epoch.
    static LAST: Cell<(u64, Second)> = const { Cell::new((u64::MAX, [0; 19])) };
}

/// Appends `now`.
pub(super) fn push(line: &mut String, now: SystemTime) {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let second = LAST.with(|last| match last.get() {
        (at, second) if at == since.as_secs() => second,
        _ => {
            let second = written(since.as_secs());
            last.set((since.as_secs(), second));
            second
        }
    });
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let [date @ .., _, _, _, _, _, _, _, _] = &mut text;
    *date = second;
    put(&mut text, 20, 6, since.subsec_micros());
    line.push_str(str::from_utf8(&text).unwrap_or_default());
}

fn written(second: u64) -> Second {
    let date = i64::try_from(second).ok().and_then(|second| OffsetDateTime::from_unix_timestamp(second).ok());
    let date = date.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let mut text = *b"0000-00-00T00:00:00";
    put(&mut text, 0, 4, u32::try_from(date.year()).unwrap_or(0));
    let parts = [u8::from(date.month()), date.day(), date.hour(), date.minute(), date.second()];
    for (part, at) in parts.into_iter().zip([5, 8, 11, 14, 17]) {
        put(&mut text, at, 2, u32::from(part));
    }
    text
}

/// Writes `number` in decimal into so many places from `at` on.
fn put(text: &mut [u8], at: usize, places: usize, mut number: u32) {
    let places = text.get_mut(at..at + places).unwrap_or_default();
    for place in places.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    #[test]
    fn a_time_is_written_as_a_library_reads_it_in_any_order() {
        // The epoch, a leap day, the ends of a day, a year and the age of 32-bit clocks, and one again that was written before.
        for second in [0, 951_782_400, 86_399, 1_798_761_599, 2_147_483_648, 0, 253_402_300_799] {
            for micros in [0, 7, 120_000, 999_999] {
                let now = Duration::from_secs(second) + Duration::from_micros(micros);
                let mut line = "at ".to_owned();
                push(&mut line, SystemTime::UNIX_EPOCH + now);
                let read = OffsetDateTime::parse(line.strip_prefix("at ").unwrap(), &Rfc3339).unwrap();
                assert_eq!(read.unix_timestamp_nanos(), i128::try_from(now.as_nanos()).unwrap(), "{line}");
                assert_eq!(line.len(), "at YYYY-MM-DDThh:mm:ss.mmmmmmZ".len());
            }
        }
    }
}
