//! Certificates and second keys that come near their end while the server runs: a line at each step on the way, for whoever has no
//! monitoring.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use rustls_pki_types::UnixTime;

use crate::app::measure;
use crate::app::serving::Serving;
use crate::metrics::{CertificateKind, SecondKeyKind};
use crate::pki::minute;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What is left when a line is due; the last one tells that it is over.
const STEPS: [Duration; 4] = [DAY.saturating_mul(30), DAY.saturating_mul(7), DAY, Duration::ZERO];

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ending {
    /// `None` = it is of all.
    environment: Option<String>,
    /// What it is called in a line.
    what: String,
    to_do: &'static str,
    ends: UnixTime,
    /// Whether a line told of it when it was read.
    is_told: bool,
}

/// What has been said of each.
#[derive(Debug, Default)]
pub(super) struct Endings(HashMap<Ending, usize>);

impl Endings {
    /// The lines that are due at `now`, each with its environment; what is not among `all` any more is forgotten.
    pub(super) fn due(&mut self, all: impl Iterator<Item = Ending>, now: UnixTime) -> Vec<(Option<String>, String)> {
        let mut lines = Vec::new();
        let mut present = HashMap::new();
        for ending in all {
            let left = Duration::from_secs(ending.ends.as_secs().saturating_sub(now.as_secs()));
            let step = STEPS.iter().filter(|step| left <= **step).count();
            let said = self.0.get(&ending).copied().unwrap_or(if ending.is_told { step } else { 0 });
            if step > said && !present.contains_key(&ending) {
                lines.push((ending.environment.clone(), ending.line(left)));
            }
            present.insert(ending, step.max(said));
        }
        self.0 = present;
        lines
    }
}

impl Ending {
    fn line(&self, left: Duration) -> String {
        let Self { what, to_do, ends, .. } = self;
        let ends = minute(*ends);
        let hours = left.as_secs() / 3600;
        match hours {
            _ if left.is_zero() => format!("{what} expired at {ends}; {to_do}"),
            0..48 => format!("{what} expires at {ends}, in {hours} h; {to_do}"),
            _ => format!("{what} expires at {ends}, in {} days; {to_do}", hours / 24),
        }
    }
}

/// Everything that ends and is in force.
pub(super) fn of(serving: &Serving) -> impl Iterator<Item = Ending> {
    let admin = serving.admin.certificate_ends().map(|ends| Ending {
        environment: None,
        what: "certificate_chain of [admin.tls]".to_owned(),
        to_do: "renew it: browsers, scrapers and health checks refuse it afterwards",
        ends,
        is_told: false,
    });
    let of_environments = serving.members.iter().flat_map(|member| {
        let epoch = member.environment.tls.current();
        let certificates =
            measure::certificates(&epoch, member.sources(), &member.options).map(|(kind, file, facts)| {
                let (key, to_do) = of_certificate(kind);
                let file = if file.is_empty() { String::new() } else { format!(" ({file})") };
                let is_told = matches!(kind, CertificateKind::ServerChain | CertificateKind::EndorsedChain);
                (format!("{key}{file}: {}", facts.subject), to_do, facts.not_after, is_told)
            });
        let keys = measure::keys(&member.options).map(|(kind, name, ends)| {
            let kind = match kind {
                SecondKeyKind::ApiKey => "API key",
                SecondKeyKind::ClientSecret => "client secret",
            };
            let ends = UnixTime::since_unix_epoch(ends.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
            (format!("{kind} {name}"), "Thales has to use the next one before", ends, false)
        });
        let ending = |(what, to_do, ends, is_told)| {
            let environment = Some(member.name().to_owned());
            Ending { environment, what, to_do, ends, is_told }
        };
        certificates.chain(keys).map(ending).collect::<Vec<_>>()
    });
    of_environments.chain(admin)
}

fn of_certificate(kind: CertificateKind) -> (&'static str, &'static str) {
    match kind {
        CertificateKind::ClientCa => ("client_ca", "ask Thales for the next one, and put it beside this one"),
        CertificateKind::ServerChain => {
            ("certificate_chain", "renew it, and tell Thales first when its CA changes (O10)")
        }
        CertificateKind::EndorsedChain => ("endorsed_chain", "tell Thales before the next one comes into use (O10)"),
        CertificateKind::BackendClient => ("client_certificate", "renew it: without, the backend refuses this server"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls_pki_types::UnixTime;

    use super::{DAY, Ending, Endings};

    fn ending(is_told: bool) -> Ending {
        let ends = UnixTime::since_unix_epoch(DAY * 20_000);
        let what = "client_ca (ca.pem): CN=Root".to_owned();
        Ending { environment: Some("preprod".to_owned()), what, to_do: "renew it", ends, is_told }
    }

    /// So long before its end.
    fn before(ending: &Ending, left: Duration) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(ending.ends.as_secs()) - left)
    }

    /// The lines that are due with so much left.
    fn lines(endings: &mut Endings, ending: &Ending, left: Duration) -> Vec<String> {
        let due = endings.due([ending.clone()].into_iter(), before(ending, left));
        due.into_iter().map(|(environment, line)| format!("{}: {line}", environment.unwrap())).collect()
    }

    #[test]
    fn each_step_towards_the_end_is_told_once() {
        let (mut endings, ending) = (Endings::default(), ending(false));
        let mut told = Vec::new();
        for hours in (0..=31 * 24).rev() {
            told.extend(lines(&mut endings, &ending, Duration::from_secs(hours * 3600)));
        }
        let start = "preprod: client_ca (ca.pem): CN=Root expire";
        assert_eq!(
            told,
            [
                format!("{start}s at 2024-10-04 00:00 UTC, in 30 days; renew it"),
                format!("{start}s at 2024-10-04 00:00 UTC, in 7 days; renew it"),
                format!("{start}s at 2024-10-04 00:00 UTC, in 24 h; renew it"),
                format!("{start}d at 2024-10-04 00:00 UTC; renew it"),
            ]
        );
    }

    #[test]
    fn what_was_told_when_it_was_read_is_told_at_the_next_step_alone() {
        let (mut endings, ending) = (Endings::default(), ending(true));
        assert_eq!(lines(&mut endings, &ending, DAY * 20), [""; 0]);
        assert_eq!(lines(&mut endings, &ending, DAY * 8), [""; 0], "no step");
        assert_eq!(lines(&mut endings, &ending, DAY * 6).len(), 1);
        assert_eq!(lines(&mut endings, &ending, DAY * 5), [""; 0], "it is told already");
    }

    #[test]
    fn what_went_and_came_back_is_news_and_what_stands_in_two_files_is_told_of_once() {
        let (mut endings, ending) = (Endings::default(), ending(false));
        let twice = [ending.clone(), ending.clone()];
        assert_eq!(endings.due(twice.into_iter(), before(&ending, DAY * 2)).len(), 1);
        assert_eq!(endings.due(std::iter::empty(), before(&ending, DAY * 2)).len(), 0);
        assert_eq!(lines(&mut endings, &ending, DAY * 2).len(), 1);
    }
}
