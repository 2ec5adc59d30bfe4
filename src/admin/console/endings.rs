//! What an environment is made of, and when each of it ends: the timeline.

use time::OffsetDateTime;

use super::moment::{DAY, Moment, seconds_until};
use crate::admin::{CertificateStatus, EnvironmentStatus, RevocationListStatus, SecondKeyStatus};

/// A certificate or key of one's own is renewed within days.
const SOON: i64 = 30 * DAY;
/// A CA takes longer: it has to be exchanged with Thales first.
const SOON_FOR_CA: i64 = 90 * DAY;
/// A revocation list is renewed at a pace of its own: what is left of it when that is late, as a part of its life.
const LAST_PART: i64 = 4;
/// What is at the right end of the timeline, in days: longer lives look alike.
const HORIZON: f64 = 3650.0;
/// Marks of the timeline, in days.
const MARKS: [(f64, &str); 5] = [(7.0, "7 d"), (30.0, "30 d"), (90.0, "90 d"), (365.0, "1 y"), (1095.0, "3 y")];

/// How near an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// It has passed.
    Ended,
    /// A successor is due.
    Soon,
    /// Nothing has to be done.
    Far,
}

impl Urgency {
    /// In words, which are the name of a style as well.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Soon => "soon",
            Self::Far => "far",
        }
    }
}

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ClientCa,
    ServerCertificate,
    Intermediate,
    Endorsed,
    RevocationList,
    /// What a backend is shown.
    BackendClient,
    ApiKey,
    ClientSecret,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ClientCa => "Client CA",
            Self::ServerCertificate => "Server certificate",
            Self::Intermediate => "Intermediate",
            Self::Endorsed => "Endorsed chain",
            Self::RevocationList => "Revocation list",
            Self::BackendClient => "Shown to the backend",
            Self::ApiKey => "API key",
            Self::ClientSecret => "Client secret",
        }
    }

    pub(super) fn in_a_sentence(self) -> &'static str {
        match self {
            Self::ClientCa => "a Client CA",
            Self::ServerCertificate => "the server certificate",
            Self::Intermediate => "an intermediate of the server's chain",
            Self::Endorsed => "the endorsed chain",
            Self::RevocationList => "a revocation list",
            Self::BackendClient => "a certificate that a backend is shown",
            Self::ApiKey => "an API key",
            Self::ClientSecret => "a client secret",
        }
    }

    /// What to do before it ends, or because it has ended.
    pub(super) fn to_do(self) -> &'static str {
        match self {
            Self::ClientCa => {
                "Put the new Thales Client CA into client_ca beside this one; both are trusted until you take one out."
            }
            Self::ServerCertificate => "Put a new certificate and its key into certificate_chain and private_key.",
            Self::Intermediate => "Put the new chain into certificate_chain: the certificate, then its intermediates.",
            Self::Endorsed => "Give Thales the new chain, and put it into endorsed_chain.",
            Self::RevocationList => {
                "Put the CA's newest list into crl. Once it has ended, all clients that it covers are refused."
            }
            Self::BackendClient => {
                "Renew it, and put chain and key into client_certificate and client_key of the backend."
            }
            Self::ApiKey => {
                "Give Thales a new key, add it beside this one, and take this one out when Thales has changed over."
            }
            Self::ClientSecret => {
                "Give Thales a new secret, add it beside this one, and take this one out when Thales has changed over."
            }
        }
    }
}

/// Something that ends.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) kind: Kind,
    /// Subject, issuer, or the name of a key.
    pub(super) name: String,
    /// Hexadecimal; empty for a key.
    pub(super) sha256: String,
    /// Where it was read; empty for what stands in the configuration itself, or is a key.
    pub(super) file: String,
    pub(super) ends: Moment,
    pub(super) urgency: Urgency,
    /// Seconds until then.
    pub(super) left: i64,
    /// How far the end is along the timeline: `0%` = now or before, `100%` = in ten years or later.
    pub(super) reach: String,
}

impl Ending {
    pub(super) fn kind_name(&self) -> &'static str {
        self.kind.name()
    }

    pub(super) fn style(&self) -> &'static str {
        self.urgency.name()
    }
}

/// A mark of the timeline.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) at: String,
    pub(super) label: &'static str,
}

/// The marks of every timeline.
pub(super) fn marks() -> Vec<Mark> {
    MARKS.iter().map(|(days, label)| Mark { at: percent(*days), label }).collect()
}

/// All that ends in an environment, first what ends first.
pub(super) fn endings(environment: &EnvironmentStatus, now: OffsetDateTime) -> Vec<Ending> {
    let certificate =
        |kind, status: &CertificateStatus, soon| ending(kind, named(status), &status.not_after, soon, now);
    let anchors = environment.anchors.iter().filter_map(|anchor| certificate(Kind::ClientCa, anchor, SOON_FOR_CA));
    let served = environment.server_chain.iter().enumerate().filter_map(|(place, status)| match place {
        0 => certificate(Kind::ServerCertificate, status, SOON),
        _ => certificate(Kind::Intermediate, status, SOON_FOR_CA),
    });
    let endorsed = environment.endorsed_chain.iter().filter_map(|one| certificate(Kind::Endorsed, one, SOON_FOR_CA));
    let mut shown: Vec<_> = environment.backends.iter().flat_map(|backend| &backend.client_certificate).collect();
    shown.sort_by_key(|status| &status.sha256);
    // Most often all backends are shown the same ones.
    shown.dedup_by_key(|status| &status.sha256);
    let shown = shown.into_iter().filter_map(|status| certificate(Kind::BackendClient, status, SOON));
    let lists = environment.crls.iter().filter_map(|list| revocation_list(list, now));
    let keys = environment.api_keys.iter().filter_map(|key| second_key(Kind::ApiKey, key, now));
    let secrets = environment.client_secrets.iter().filter_map(|key| second_key(Kind::ClientSecret, key, now));
    let mut all: Vec<_> =
        anchors.chain(served).chain(endorsed).chain(shown).chain(lists).chain(keys).chain(secrets).collect();
    all.sort_by_key(|(left, _)| *left);
    all.into_iter().map(|(_, ending)| ending).collect()
}

fn named(status: &CertificateStatus) -> Named {
    Named { name: status.subject.clone(), sha256: status.sha256.clone(), file: status.file.clone().unwrap_or_default() }
}

fn revocation_list(list: &RevocationListStatus, now: OffsetDateTime) -> Option<(i64, Ending)> {
    let life = seconds_until(&list.next_update, now)? - seconds_until(&list.this_update, now)?;
    let (name, sha256, file) = (list.issuer.clone(), list.sha256.clone(), list.file.clone().unwrap_or_default());
    let named = Named { name, sha256, file };
    ending(Kind::RevocationList, named, &list.next_update, (life / LAST_PART).min(SOON), now)
}

fn second_key(kind: Kind, key: &SecondKeyStatus, now: OffsetDateTime) -> Option<(i64, Ending)> {
    let named = Named { name: key.name.clone(), ..Named::default() };
    ending(kind, named, key.expires.as_ref()?, SOON, now)
}

/// What something is called, and where it is.
#[derive(Default)]
struct Named {
    name: String,
    sha256: String,
    file: String,
}

/// With the seconds that are left of it.
fn ending(
    kind: Kind,
    Named { name, sha256, file }: Named,
    ends: &str,
    soon: i64,
    now: OffsetDateTime,
) -> Option<(i64, Ending)> {
    let left = seconds_until(ends, now)?;
    let urgency = match left {
        ..=0 => Urgency::Ended,
        left if left < soon => Urgency::Soon,
        _ => Urgency::Far,
    };
    #[expect(clippy::cast_precision_loss, reason = "a place on a line of some hundred pixels")]
    let days = left.max(0) as f64 / DAY as f64;
    let (ends, reach) = (Moment::parse(ends, now), percent(days));
    Some((left, Ending { kind, name, sha256, file, ends, urgency, left, reach }))
}

/// Days on a logarithmic line: the next week has as much room as the years that follow the next.
fn percent(days: f64) -> String {
    let reach = (1.0 + days).ln() / (1.0 + HORIZON).ln();
    format!("{:.1}%", (reach * 100.0).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::console::testing::{NOW, environment};

    #[test]
    fn what_ends_first_stands_first() {
        let endings = endings(&environment("preprod"), NOW);
        let told: Vec<_> =
            endings.iter().map(|one| (one.kind.name(), one.urgency, one.ends.relative.as_str())).collect();
        assert_eq!(
            told,
            [
                ("API key", Urgency::Ended, "25 hours ago"),
                ("Revocation list", Urgency::Far, "in 20 hours"),
                ("Server certificate", Urgency::Soon, "in 20 days"),
                ("Client CA", Urgency::Soon, "in 89 days"),
                ("Intermediate", Urgency::Far, "in 2000 days"),
            ]
        );
    }

    #[test]
    fn a_revocation_list_is_late_when_a_quarter_of_its_life_is_left() {
        let mut environment = environment("preprod");
        environment.crls[0].next_update = "2026-11-23T14:59:00Z".into();
        let late = |environment: &_| {
            endings(environment, NOW).iter().find(|one| one.kind == Kind::RevocationList).unwrap().urgency
        };
        assert_eq!(late(&environment), Urgency::Soon);
        environment.crls[0].this_update = "2026-11-23T09:00:00Z".into();
        assert_eq!(late(&environment), Urgency::Far, "control: a list that lives for six hours");
    }

    #[test]
    fn the_timeline_begins_now_and_ends_in_ten_years() {
        assert_eq!(
            (percent(0.0).as_str(), percent(3650.0).as_str(), percent(1e9).as_str()),
            ("0.0%", "100.0%", "100.0%")
        );
        let marks = marks();
        assert!(marks.windows(2).all(|two| two[0].at.len() <= two[1].at.len() && two[0].at < two[1].at), "{marks:?}");
    }
}
