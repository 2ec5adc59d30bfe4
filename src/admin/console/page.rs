//! The page and its regions, rendered. Everything that is shown goes through askama, which escapes it; what is marked `safe` in a
//! template is a region that was rendered so.

use std::collections::BTreeMap;

use askama::Template;
use serde::Serialize;

use super::calls::{CallsView, calls};
use super::endings::{Mark, marks};
use super::environments::{EnvironmentView, environments};
use super::inbox::{InboxView, inbox};
use super::look::Seen;
use super::moment::span;
use super::problems::{Problem, problems};
use super::refusals::{RefusalView, refusals};

/// The parts of the page that change by themselves, as HTML; the names are the ids of their elements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Regions {
    pub(super) overview: String,
    pub(super) problems: String,
    pub(super) environments: String,
    pub(super) calls: String,
    pub(super) refusals: String,
    pub(super) inbox: String,
}

/// The whole page.
#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    regions: Regions,
    /// Whether who looks has signed in with a browser, and can sign out.
    session: bool,
}

/// Where somebody shows the token.
#[derive(Template)]
#[template(path = "login.html")]
struct Login;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewRegion {
    version: &'static str,
    readiness: &'static str,
    uptime: String,
    connections: usize,
    limit: usize,
    handshakes: usize,
}

#[derive(Template)]
#[template(path = "problems.html")]
struct ProblemsRegion {
    /// Each with what tells its element from the others, whatever its words become.
    problems: Vec<(String, Problem)>,
    environments: usize,
}

#[derive(Template)]
#[template(path = "environments.html")]
struct EnvironmentsRegion {
    environments: Vec<EnvironmentView>,
    marks: Vec<Mark>,
}

#[derive(Template)]
#[template(path = "calls.html")]
struct CallsRegion {
    calls: Vec<CallsView>,
}

#[derive(Template)]
#[template(path = "refusals.html")]
struct RefusalsRegion {
    refusals: Vec<RefusalView>,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxRegion {
    inbox: Option<InboxView>,
}

impl Regions {
    /// # Errors
    /// A template does not render, which is a defect.
    pub(super) fn render(seen: &Seen) -> Result<Self, askama::Error> {
        let status = &seen.status;
        let overview = OverviewRegion {
            version: status.version,
            readiness: seen.readiness,
            uptime: span(status.uptime_seconds),
            connections: status.connections,
            limit: status.connections_limit,
            handshakes: status.handshakes_in_flight,
        };
        Ok(Self {
            overview: overview.render()?,
            problems: ProblemsRegion { problems: identified(problems(seen)), environments: status.environments.len() }
                .render()?,
            environments: EnvironmentsRegion { environments: environments(seen), marks: marks() }.render()?,
            calls: CallsRegion { calls: calls(seen) }.render()?,
            refusals: RefusalsRegion { refusals: refusals(seen) }.render()?,
            inbox: InboxRegion { inbox: inbox(seen) }.render()?,
        })
    }
}

/// The first of an alert and an environment is the first of it at the next look too.
fn identified(problems: Vec<Problem>) -> Vec<(String, Problem)> {
    let mut seen = BTreeMap::<_, usize>::new();
    let identify = |problem: Problem| {
        let count = seen.entry((problem.runbook.clone(), problem.environment.clone())).or_default();
        *count += 1;
        let alert = problem.runbook.rsplit('/').next().unwrap_or_default().trim_end_matches(".md");
        let environment = problem.environment.as_deref().unwrap_or_default();
        (format!("problem-{alert}-{environment}-{count}"), problem)
    };
    problems.into_iter().map(identify).collect()
}

/// # Errors
/// A template does not render, which is a defect.
pub(super) fn page(seen: &Seen, session: bool) -> Result<String, askama::Error> {
    Page { regions: Regions::render(seen)?, session }.render()
}

/// # Errors
/// A template does not render, which is a defect.
pub(super) fn login() -> Result<String, askama::Error> {
    Login.render()
}
