//! The report for programs.

use serde_json::{Value, json};

use super::report::{EnvironmentReport, Finding, Line, Report, Status, Subject};

/// `{status, refused, counts, environments: [{environment, lines}], server: [line]}`. A line is `{requirement, subject, title,
/// status, findings: [{status, found, to_do}]}`, where `requirement` is null for what no requirement is about. Statuses are `pass`,
/// `skipped`, `warn` and `fail`; a finding may be a `note` too: a fact that decides nothing. `refused` is true where a server would not
/// start: what it would say then stands in findings that fail, with the setting and where it was written.
pub(super) fn json(report: &Report, refused: bool) -> Value {
    let environments = report.environments.iter();
    let environments = environments.map(|of| json!({ "environment": of.name, "lines": lines(&of.lines) }));
    json!({
        "status": report.status().name(),
        "refused": refused,
        "counts": {
            "pass": report.count(Status::Pass),
            "skipped": report.count(Status::Skipped),
            "warn": report.count(Status::Warn),
            "fail": report.count(Status::Fail),
        },
        "environments": environments.collect::<Vec<_>>(),
        "server": lines(&report.server),
    })
}

/// `{status, address, server_name, lines: [line]}`, of a server that was looked at from outside; a line may be `skipped` too.
pub(super) fn live(address: &str, report: &EnvironmentReport) -> Value {
    json!({
        "status": report.status().name(),
        "address": address,
        "server_name": report.name,
        "lines": lines(&report.lines),
    })
}

fn lines(lines: &[Line]) -> Vec<Value> {
    lines.iter().map(line).collect()
}

fn line(line: &Line) -> Value {
    let requirement = match line.subject {
        Subject::Requirement(requirement) => Some(requirement.name()),
        Subject::Secrets | Subject::Backend | Subject::Inbox | Subject::Settings => None,
    };
    json!({
        "requirement": requirement,
        "subject": line.subject.name(),
        "title": line.subject.title(),
        "status": line.status().name(),
        "findings": line.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({ "status": finding.status.name(), "found": finding.found, "to_do": finding.to_do })
}
