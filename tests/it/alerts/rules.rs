//! `deploy/prometheus/rules.yaml`, read, and what holds for every alert in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode as _, Yaml};

use super::promtool;

/// One rule. An alert may have two: one that pages, and one that is a ticket.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) alert: String,
    pub(super) expr: String,
    /// How long it must hold, as Prometheus writes durations.
    pub(super) wait: String,
    pub(super) severity: String,
    /// The path of the page that its annotation names.
    pub(super) runbook: String,
    pub(super) summary: String,
    pub(super) description: String,
}

/// A file or directory of this repository.
pub(super) fn place(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(super) fn path() -> PathBuf {
    place("deploy/prometheus/rules.yaml")
}

/// Every rule, in the order of the file.
pub(super) fn all() -> Vec<Rule> {
    let text = fs::read_to_string(path()).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let groups = documents[0]["groups"].as_vec().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_vec().unwrap());
    let word = |yaml: &Yaml<'_>| yaml.as_str().unwrap().to_owned();
    rules
        .map(|rule| Rule {
            alert: word(&rule["alert"]),
            expr: word(&rule["expr"]),
            wait: word(&rule["for"]),
            severity: word(&rule["labels"]["severity"]),
            runbook: word(&rule["annotations"]["runbook"]),
            summary: word(&rule["annotations"]["summary"]),
            description: word(&rule["annotations"]["description"]),
        })
        .collect()
}

/// The names of all alerts.
pub(super) fn names() -> BTreeSet<String> {
    all().into_iter().map(|rule| rule.alert).collect()
}

#[test]
fn each_alert_says_how_urgent_it_is_and_what_to_do() {
    let rules = all();
    for rule in &rules {
        let Rule { alert, wait, severity, runbook, summary, description, .. } = rule;
        assert!(alert.starts_with("IssuerHost"), "{alert}");
        assert!(["page", "ticket"].contains(&severity.as_str()), "{alert}: {severity}");
        assert!(wait.ends_with(['m', 'h']), "{alert}: for {wait}");
        assert_eq!(*runbook, format!("docs/runbook/{alert}.md"));
        assert!(description.ends_with('.') && !summary.ends_with('.'), "{alert}: {summary}: {description}");
    }
    // Of the two rules of an alert one pages; a third would be a mistake.
    for name in names() {
        let severities = rules.iter().filter(|rule| rule.alert == name).map(|rule| rule.severity.as_str());
        let severities: Vec<_> = severities.collect();
        assert!(matches!(severities[..], ["page" | "ticket"] | ["page", "ticket"]), "{name}: {severities:?}");
    }
}

#[test]
#[ignore = "needs promtool: scripts/test.sh installs it and runs it"]
fn promtool_takes_the_rules_and_the_example_that_loads_them() {
    let rules = path();
    promtool::succeeds(&["check", "rules", rules.to_str().unwrap()]);
    promtool::succeeds(&["check", "config", place("deploy/prometheus/prometheus.yaml").to_str().unwrap()]);
    let broken = tempfile::NamedTempFile::new().unwrap();
    fs::write(broken.path(), fs::read_to_string(&rules).unwrap().replacen("absent(", "absent((", 1)).unwrap();
    assert!(promtool::run(&["check", "rules", broken.path().to_str().unwrap()]).is_err(), "control");
}
