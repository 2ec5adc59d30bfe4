//! Moments: date, time and zone.

use std::time::SystemTime;

use config::ValueKind;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::typed::{Parsed, Raw, shown, text, wrong};

/// A moment as RFC 3339 writes it, such as `2027-01-31T00:00:00Z`.
pub(super) fn moment(raw: &Raw<'_>) -> Parsed<SystemTime> {
    const REMEDY: &str = "Write date, time and zone, such as \"2027-01-31T00:00:00Z\".";
    if let ValueKind::I64(number) = raw.kind {
        return wrong(format!("{number} is a number, but a moment is expected."), REMEDY);
    }
    let text = text(raw)?;
    match OffsetDateTime::parse(&text, &Rfc3339) {
        Ok(moment) => Ok(moment.into()),
        Err(_) => wrong(format!("{} is not a moment.", shown(&text)), REMEDY),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::typed::tests::parse;
    use super::*;

    #[test]
    fn a_moment_has_a_date_a_time_and_a_zone() {
        let at = Ok(UNIX_EPOCH + Duration::from_secs(1_801_353_600));
        assert_eq!(parse("2027-01-31T00:00:00Z", moment), at);
        assert_eq!(parse(" 2027-01-31 01:00:00+01:00 ", moment), at);
        for bad in ["2027-01-31", "2027-01-31T00:00:00", "31.01.2027", "2027-02-30T00:00:00Z", "soon"] {
            assert!(parse(bad, moment).unwrap_err().contains("is not a moment"), "{bad}");
        }
        assert!(parse(1_801_353_600, moment).unwrap_err().contains("is a number"));
    }
}
