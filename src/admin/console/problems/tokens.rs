//! What verified clients show besides their certificate, and who vouches for it.

use super::{Problem, Severity, counted, times};
use crate::admin::console::look::Seen;
use crate::metrics::{RecentTrouble, TroubleKind};

/// Keys of an identity provider that are older than this, and cannot be fetched, wake somebody; as the alert has it.
const OLD: time::Duration = time::Duration::hours(12);

pub(super) fn problems(seen: &Seen, all: &mut Vec<Problem>) {
    all.extend(seen.troubles(TroubleKind::SecondKey).map(|one| second_key(one, seen)));
    all.extend(seen.troubles(TroubleKind::Token).map(|one| token(one, seen)));
    all.extend(seen.troubles(TroubleKind::Keys).filter_map(|one| keys(one, seen)));
}

fn second_key(one: &RecentTrouble, seen: &Seen) -> Problem {
    let (product, reason) = (&one.trouble.of, one.trouble.reason);
    let (times, within) = times(std::iter::once(one));
    let title = format!(
        "{} of {product} {} refused for the second key ({reason}) {within}",
        counted(times, "call"),
        if times == 1 { "was" } else { "were" },
    );
    let (meaning, to_do) = match reason {
        "missing" => ("The caller showed no API key and no token.", "Ask Thales to send the key that was agreed on."),
        "no_keys" => (
            "There are no keys of the identity provider to judge tokens by.",
            "See that its keys can be fetched from here: the URL, the name, the way through the firewall.",
        ),
        "issuer_id_missing" | "issuer_id_twice" | "issuer_id_unknown" => (
            "The issuer id of the call is not one of this environment.",
            "Compare the issuer ids in the configuration with what Thales has for you.",
        ),
        "expired" => (
            "The key or token has expired.",
            "Give Thales a new key; of a token, compare the clocks of this machine and of the identity provider.",
        ),
        _ => (
            "The key or token that the caller showed is not one that is in force.",
            "Compare what Thales holds with the configuration: a rotation that is half done, most often.",
        ),
    };
    let detail = format!("{meaning} Last {}.", seen.ago(one.last));
    let problem = Problem::new(Severity::Page, "IssuerHostWrongSecondKey", title, to_do).told(detail);
    problem.of(&one.trouble.environment).at("calls")
}

fn token(one: &RecentTrouble, seen: &Seen) -> Problem {
    let (times, within) = times(std::iter::once(one));
    let title = format!(
        "{} for an access token {} refused ({}) {within}",
        counted(times, "request"),
        if times == 1 { "was" } else { "were" },
        one.trouble.reason,
    );
    let to_do = match one.trouble.reason {
        "secret_expired" => "Give Thales a new client secret, and add it beside the expired one.",
        "invalid_client" => {
            "Compare the client id and secret that Thales has with the configuration: a rotation that is half done, most often."
        }
        _ => {
            "Without a token Thales cannot call: compare what it asks for with the configuration of the token endpoint."
        }
    };
    let problem = Problem::new(Severity::Page, "IssuerHostTokensRefused", title, to_do);
    problem.told(format!("Last {}.", seen.ago(one.last))).of(&one.trouble.environment).at("environments")
}

/// Nothing where they were fetched since.
fn keys(one: &RecentTrouble, seen: &Seen) -> Option<Problem> {
    let environment = &one.trouble.environment;
    let fetched = seen.health.keys_fetched.get(environment);
    // A fetch is told to the second.
    let failed = time::OffsetDateTime::from(one.last);
    let failed = failed.replace_nanosecond(0).unwrap_or(failed);
    if fetched.is_some_and(|fetched| time::OffsetDateTime::from(*fetched) >= failed) {
        return None;
    }
    let (severity, title) = match fetched {
        None => (Severity::Page, "there are no keys of the identity provider: all tokens are refused".to_owned()),
        Some(fetched) => {
            let old = seen.now - time::OffsetDateTime::from(*fetched) > OLD;
            let severity = if old { Severity::Page } else { Severity::Ticket };
            (
                severity,
                format!("the identity provider's keys cannot be fetched; those in use came {}", seen.ago(*fetched)),
            )
        }
    };
    let to_do = "See that the identity provider answers from here. Keys stay in use for a day after they are stale; then tokens are refused.";
    let detail = format!("{}, last {}: {}", counted(one.times, "failure"), seen.ago(one.last), one.words);
    let problem = Problem::new(severity, "IssuerHostJwksStale", title, to_do);
    Some(problem.told(detail).of(environment).at("environments"))
}
