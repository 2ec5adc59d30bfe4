//! What is wrong now: the first thing that the console shows, and that `/status` tells. There is one list, made here. How bad something
//! is, is what the alert says that it belongs to (`deploy/prometheus/rules.yaml`).

mod calls;
mod door;
mod inbox;
mod material;
mod tokens;

use serde::Serialize;

use super::look::Seen;
use crate::metrics::{RECENT, RecentTrouble, TroubleKind};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Thales' calls fail or soon will: somebody has to look now.
    Page,
    /// Somebody should look at it within days.
    Ticket,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    pub(super) severity: Severity,
    /// `null` = it is that of the whole server.
    pub(super) environment: Option<String>,
    pub(super) title: String,
    /// As the server words it: may have several lines, or none.
    pub(super) detail: String,
    pub(super) to_do: String,
    /// The path of a page.
    pub(super) runbook: String,
    /// The id of the part of the page that shows more.
    #[serde(skip)]
    pub(super) place: &'static str,
    /// Whether it is still to come.
    #[serde(skip)]
    to_come: bool,
}

impl Problem {
    /// One of the alert `alert`.
    fn new(severity: Severity, alert: &str, title: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self {
            severity,
            environment: None,
            title: title.into(),
            detail: String::new(),
            to_do: to_do.into(),
            runbook: format!("docs/runbook/{alert}.md"),
            place: "overview",
            to_come: false,
        }
    }

    fn told(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// Of an environment, which the title names too.
    fn of(self, environment: &str) -> Self {
        Self { environment: Some(environment.to_owned()), title: format!("{environment}: {}", self.title), ..self }
    }

    fn at(self, place: &'static str) -> Self {
        Self { place, ..self }
    }

    fn coming(self, to_come: bool) -> Self {
        Self { to_come, ..self }
    }

    /// In words.
    pub(super) fn severity_name(&self) -> &'static str {
        match self.severity {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
        }
    }

    /// The name of a style.
    pub(super) fn style(&self) -> &'static str {
        match self.severity {
            Severity::Page => "critical",
            Severity::Ticket => "warning",
        }
    }

    /// What that part is called.
    pub(super) fn place_name(&self) -> &'static str {
        match self.place {
            "environments" => "the environments",
            "refusals" => "who was refused",
            "calls" => "the calls",
            "inbox" => "the inbox",
            other => other,
        }
    }
}

/// All that is wrong: what pages first, and of what is as bad, what fails now before what will.
pub(super) fn problems(seen: &Seen) -> Vec<Problem> {
    let mut all = Vec::new();
    door::problems(seen, &mut all);
    material::problems(seen, &mut all);
    inbox::problems(seen, &mut all);
    tokens::problems(seen, &mut all);
    calls::problems(seen, &mut all);
    all.sort_by_key(|problem| (problem.severity, problem.to_come));
    all
}

impl Seen {
    /// What failed of late of that kind.
    fn troubles(&self, kind: TroubleKind) -> impl Iterator<Item = &RecentTrouble> {
        self.health.troubles.iter().filter(move |one| one.trouble.kind == kind)
    }

    /// The same, all together: how often, and when last, in words.
    fn trouble(&self, kind: TroubleKind) -> Option<(u64, String)> {
        let times = self.troubles(kind).map(|one| one.times).sum();
        let last = self.troubles(kind).map(|one| one.last).max()?;
        Some((times, self.ago(last)))
    }

    /// `5 minutes ago`.
    fn ago(&self, time: std::time::SystemTime) -> String {
        super::moment::Moment::of(time.into(), self.now).relative
    }
}

/// `within the last 15 minutes`.
fn lately() -> String {
    format!("within the last {} minutes", RECENT.as_secs() / 60)
}

/// The same, where something happens seldom.
const HOURLY: &str = "within the last hour";

/// How many times, and within what time: of late, or where it was not of late, within the hour.
fn times<'a>(troubles: impl Iterator<Item = &'a RecentTrouble> + Clone) -> (u64, String) {
    match troubles.clone().map(|one| one.times).sum() {
        0 => (troubles.map(|one| one.hourly).sum(), HOURLY.to_owned()),
        times => (times, lately()),
    }
}

/// `1 call`, `2 calls`.
fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests;
