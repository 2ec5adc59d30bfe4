//! The readiness report: what was found of each requirement, and what to do about it.

use crate::settings::Origin;
use crate::thales::Requirement;

/// What was found, environment by environment, and of what they share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) environments: Vec<EnvironmentReport>,
    /// What belongs to no environment alone.
    pub(super) server: Vec<Line>,
}

/// What was found of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EnvironmentReport {
    pub(super) name: String,
    /// One for each requirement, in their order; then what no requirement is about.
    pub(super) lines: Vec<Line>,
}

/// What was found of one subject; at least one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) subject: Subject,
    pub(super) findings: Vec<Finding>,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// One of Thales' requirements.
    Requirement(Requirement),
    /// Who may read keys and secrets.
    Secrets,
    /// What calls are handed to.
    Backend,
    /// Where notifications are kept.
    Inbox,
    /// Everything else that the configuration says.
    Settings,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// A fact that is told whatever stands beside it, and decides nothing; no line stands so.
    Note,
    /// As it should be.
    Pass,
    /// Not looked at, and why not.
    Skipped,
    /// It deserves a look: it may be meant.
    Warn,
    /// Not as Thales requires it, or not as a server can run.
    Fail,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) status: Status,
    pub(super) found: String,
    /// A sentence; empty where there is nothing to do.
    pub(super) to_do: String,
}

impl Report {
    /// How many lines stand so.
    pub(super) fn count(&self, status: Status) -> usize {
        self.lines().filter(|line| line.status() == status).count()
    }

    /// The worst of all lines that were looked at.
    pub(super) fn status(&self) -> Status {
        worst(self.lines().map(Line::status))
    }

    /// The first requirement that has a line which stands so.
    pub(super) fn first(&self, status: Status) -> Option<Requirement> {
        self.lines().filter(|line| line.status() == status).find_map(|line| match line.subject {
            Subject::Requirement(requirement) => Some(requirement),
            Subject::Secrets | Subject::Backend | Subject::Inbox | Subject::Settings => None,
        })
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.environments.iter().flat_map(|environment| &environment.lines).chain(&self.server)
    }
}

impl EnvironmentReport {
    /// Sorts findings into lines.
    pub(super) fn new(name: &str, findings: impl IntoIterator<Item = (Subject, Finding)>) -> Self {
        Self { name: name.to_owned(), lines: lines(findings) }
    }

    /// The worst of its lines that were looked at.
    pub(super) fn status(&self) -> Status {
        worst(self.lines.iter().map(Line::status))
    }
}

impl Line {
    /// The worst of its findings, notes aside; it is skipped where all of them are: what was looked at counts.
    pub(super) fn status(&self) -> Status {
        worst(self.findings.iter().map(|finding| finding.status))
    }
}

impl Subject {
    /// Its number or name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Requirement(requirement) => requirement.name(),
            Self::Secrets => "secrets",
            Self::Backend => "backend",
            Self::Inbox => "inbox",
            Self::Settings => "settings",
        }
    }

    /// What is asked, in a few words.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Requirement(requirement) => requirement.title(),
            Self::Secrets => "Keys and secrets are for their owner alone",
            Self::Backend => "The backend can be called",
            Self::Inbox => "Notifications are kept until they are delivered",
            Self::Settings => "The configuration can be served",
        }
    }
}

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Pass => "pass",
            Self::Skipped => "skipped",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Finding {
    pub(super) fn pass(found: impl Into<String>) -> Self {
        Self { status: Status::Pass, found: found.into(), to_do: String::new() }
    }

    pub(super) fn note(found: impl Into<String>) -> Self {
        Self { status: Status::Note, ..Self::pass(found) }
    }

    pub(super) fn skipped(found: impl Into<String>) -> Self {
        Self { status: Status::Skipped, found: found.into(), to_do: String::new() }
    }

    pub(super) fn warn(found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { status: Status::Warn, found: found.into(), to_do: to_do.into() }
    }

    pub(super) fn fail(found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { status: Status::Fail, found: found.into(), to_do: to_do.into() }
    }

    /// From a message "what is wrong; what to do", which is how those about certificates are written.
    pub(super) fn told(status: Status, message: &str) -> Self {
        let (found, to_do) = parts(message);
        Self { status, found: found.to_owned(), to_do: sentence(to_do) }
    }

    /// The same with another way out.
    pub(super) fn with_to_do(self, to_do: impl Into<String>) -> Self {
        Self { to_do: to_do.into(), ..self }
    }

    /// The same, with the setting that it is about, and where that was written.
    pub(super) fn about(self, key: &str, origin: &Origin) -> Self {
        let setting = if key.is_empty() { origin.to_string() } else { format!("{key} ({origin})") };
        Self { found: format!("{setting}: {}", self.found), ..self }
    }

    /// Under a requirement.
    pub(super) fn on(self, requirement: Requirement) -> (Subject, Self) {
        (Subject::Requirement(requirement), self)
    }
}

/// The worst of what was looked at, notes aside; skipped where nothing was.
fn worst(all: impl Iterator<Item = Status>) -> Status {
    let (skipped, looked_at): (Vec<_>, Vec<_>) =
        all.filter(|&status| status != Status::Note).partition(|&status| status == Status::Skipped);
    looked_at.into_iter().max().or_else(|| skipped.into_iter().max()).unwrap_or(Status::Pass)
}

/// Findings as lines, in the order of their subjects.
pub(super) fn lines(findings: impl IntoIterator<Item = (Subject, Finding)>) -> Vec<Line> {
    let mut lines = std::collections::BTreeMap::<Subject, Vec<Finding>>::new();
    for (subject, finding) in findings {
        let findings = lines.entry(subject).or_default();
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    lines.into_iter().map(|(subject, findings)| Line { subject, findings }).collect()
}

/// A name in a certificate may hold a semicolon too, behind a backslash (RFC 4514 section 2.4).
fn parts(message: &str) -> (&str, &str) {
    let separators = message.match_indices("; ").map(|(at, _)| at);
    let at = separators.into_iter().find(|&at| message.get(..at).is_some_and(|before| !before.ends_with('\\')));
    at.and_then(|at| Some((message.get(..at)?, message.get(at + 2..)?))).unwrap_or((message, ""))
}

/// With a capital, and a full stop.
pub(super) fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let Some(first) = chars.next() else { return String::new() };
    let end = if words.ends_with(['.', '?', ')']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_parted_into_what_is_wrong_and_what_to_do() {
        let finding = Finding::told(Status::Fail, r"CN=a\; b: it is old; renew it");
        assert_eq!(finding, Finding::fail(r"CN=a\; b: it is old", "Renew it."));
        assert_eq!(Finding::told(Status::Warn, "it is old"), Finding::warn("it is old", ""));
        assert_eq!(Finding::told(Status::Warn, "it is old; is it?").to_do, "Is it?");
    }

    #[test]
    fn a_line_is_skipped_only_where_nothing_of_it_was_looked_at() {
        let stands = |findings| Line { subject: Subject::Secrets, findings }.status();
        assert_eq!(stands(vec![Finding::skipped("a"), Finding::pass("b")]), Status::Pass);
        assert_eq!(stands(vec![Finding::skipped("a"), Finding::warn("b", "")]), Status::Warn);
        assert_eq!(stands(vec![Finding::fail("a", ""), Finding::skipped("b")]), Status::Fail);
        assert_eq!(stands(vec![Finding::skipped("a"), Finding::skipped("b")]), Status::Skipped);
    }

    #[test]
    fn a_report_is_skipped_only_where_none_of_its_lines_was_looked_at() {
        let skipped = || Finding::skipped("a").on(Requirement::O9);
        for (other, status) in [
            (Finding::pass("b"), Status::Pass),
            (Finding::warn("b", ""), Status::Warn),
            (Finding::skipped("b"), Status::Skipped),
        ] {
            let of_environment = EnvironmentReport::new("preprod", [skipped(), other.on(Requirement::O3)]);
            assert_eq!(of_environment.status(), status);
            assert_eq!(Report { environments: vec![of_environment], server: Vec::new() }.status(), status);
        }
    }

    #[test]
    fn a_note_decides_nothing() {
        let stands = |finding| Line { subject: Subject::Secrets, findings: vec![Finding::note("a"), finding] }.status();
        for (finding, status) in [
            (Finding::note("b"), Status::Pass),
            (Finding::pass("b"), Status::Pass),
            (Finding::skipped("b"), Status::Skipped),
            (Finding::warn("b", ""), Status::Warn),
        ] {
            assert_eq!(stands(finding), status);
        }
    }

    #[test]
    fn the_first_requirement_that_fails_is_found_behind_what_no_requirement_is_about() {
        let failing = [Finding::warn("a", "").on(Requirement::O3), Finding::fail("b", "").on(Requirement::O13)];
        let failing = lines(failing.into_iter().chain([(Subject::Backend, Finding::fail("c", ""))]));
        let report = Report { environments: Vec::new(), server: failing };
        assert_eq!(report.first(Status::Fail), Some(Requirement::O13));
        assert_eq!(report.first(Status::Warn), Some(Requirement::O3));
        assert_eq!(report.first(Status::Skipped), None);
    }

    #[test]
    fn a_line_stands_as_the_worst_of_its_findings_and_tells_nothing_twice() {
        let findings = [
            (Subject::Secrets, Finding::pass("a")),
            Finding::warn("b", "").on(Requirement::O3),
            Finding::fail("c", "").on(Requirement::O3),
            Finding::fail("c", "").on(Requirement::O3),
        ];
        let report = EnvironmentReport::new("preprod", findings);
        let told = report.lines.iter().map(|line| (line.subject.name(), line.status(), line.findings.len()));
        let told: Vec<_> = told.collect();
        assert_eq!(told, [("O3", Status::Fail, 2), ("secrets", Status::Pass, 1)]);
        let report = Report { environments: vec![report], server: Vec::new() };
        assert_eq!((report.status(), report.count(Status::Fail), report.count(Status::Pass)), (Status::Fail, 1, 1));
    }
}
