//! How long certificates have to live (O10: Thales wants to know before a CA changes).

use rustls_pki_types::UnixTime;

use crate::cli::check::report::Finding;
use crate::pki::CertificateFacts;
use crate::pki::facts::minute;

const DAY: u64 = 24 * 60 * 60;
/// A certificate of one's own is renewed by one's own CA within days.
const SOON_FOR_LEAF: u64 = 30 * DAY;
/// A CA takes longer: it has to be exchanged with Thales first.
const SOON_FOR_CA: u64 = 90 * DAY;

/// Until when, and how many days that is: `until 2027-02-20 10:00 UTC (89 days)`.
pub(in crate::cli::check) fn until(facts: &CertificateFacts, now: UnixTime) -> String {
    let days = facts.not_after.as_secs().saturating_sub(now.as_secs()) / DAY;
    format!("until {} ({days} days)", minute(facts.not_after))
}

/// Whether a certificate that has not ended yet ends so soon that its successor is due.
pub(in crate::cli::check) fn ends_soon(facts: &CertificateFacts, now: UnixTime) -> bool {
    let threshold = if facts.is_ca { SOON_FOR_CA } else { SOON_FOR_LEAF };
    facts.not_after.as_secs().saturating_sub(now.as_secs()) < threshold
}

/// How long a certificate is good: as [`ending`] tells it, or else a note.
pub(super) fn life(called: &str, facts: &CertificateFacts, now: UnixTime, to_do: &str) -> Finding {
    let good = || Finding::note(format!("{called} {} is good {}", facts.subject, until(facts, now)));
    ending(called, facts, now, to_do).unwrap_or_else(good)
}

/// What is to be said of a certificate that ends soon, or has ended; `called` says what it is, `to_do` what to do before.
pub(super) fn ending(called: &str, facts: &CertificateFacts, now: UnixTime, to_do: &str) -> Option<Finding> {
    if facts.not_after < now {
        let found = format!("{called} {} expired at {}", facts.subject, minute(facts.not_after));
        return Some(Finding::fail(found, to_do));
    }
    ends_soon(facts, now)
        .then(|| Finding::warn(format!("{called} {} is good {}", facts.subject, until(facts, now)), to_do))
}
