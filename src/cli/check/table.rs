//! The report for people: what is as it should be in a line each, everything else with what to do.

use super::report::{EnvironmentReport, Line, Report, Status};
use crate::cli::color::{BAD, FAINT, GOOD, HEADING, WARNING, styled};
use crate::cli::wrapping::wrapped;

/// Columns before what was found: subject and status.
const MARGIN: usize = 17;

/// The report; `refused` where a server would not start.
pub(super) fn table(report: &Report, refused: bool) -> String {
    let mut text = String::new();
    for EnvironmentReport { name, lines } in &report.environments {
        text.push_str(&part(&format!("environment {name}"), lines));
    }
    if !report.server.is_empty() {
        text.push_str(&part("server", &report.server));
    }
    text + &conclusion(report, refused)
}

/// What was seen of a running server; `unseen` = what nobody can tell from outside.
pub(super) fn live(heading: &str, lines: &[Line], unseen: &str) -> String {
    let count = |status| lines.iter().filter(|line| line.status() == status).count();
    let rest = [(Status::Fail, "failed"), (Status::Warn, "to be looked at"), (Status::Skipped, "skipped")];
    let rest = rest.map(|(status, words)| (count(status), words));
    let rest = rest.iter().filter(|(n, _)| *n > 0).map(|(n, words)| format!("{n} {words}"));
    let passed = format!("{} of {} lines pass", count(Status::Pass), lines.len());
    let sums: Vec<String> = [passed].into_iter().chain(rest).collect();
    let conclusion = format!("{}. {unseen}", sums.join(", "));
    format!("{}{}\n", part(heading, lines), wrapped(&conclusion, 0))
}

fn part(heading: &str, lines: &[Line]) -> String {
    let lines: String = lines.iter().map(told).collect();
    format!("{}\n{lines}\n", styled(HEADING, heading))
}

fn told(line: &Line) -> String {
    let status = line.status();
    let mut paragraphs = Vec::new();
    if status > Status::Skipped {
        paragraphs.push((line.subject.title().to_owned(), MARGIN));
    }
    for finding in &line.findings {
        // What is as it should be is of no interest beside what is not.
        if finding.status == Status::Pass && status > Status::Skipped {
            continue;
        }
        paragraphs.push((finding.found.clone(), MARGIN));
        if !finding.to_do.is_empty() {
            paragraphs.push((format!("To do: {}", finding.to_do), MARGIN + 2));
        }
    }
    let paragraph = |(words, margin): (String, usize)| {
        // What stands in a line of its own is to be copied as it is.
        let (words, setting) = words.split_once('\n').unwrap_or((&words, ""));
        let setting = if setting.is_empty() { String::new() } else { format!("\n{:margin$}{setting}", "") };
        wrapped(&format!("{:MARGIN$}{words}", ""), margin) + &setting
    };
    let text = paragraphs.into_iter().map(paragraph).collect::<Vec<_>>().join("\n");
    // The styles are put in last: they take no columns.
    let (style, word) = match status {
        Status::Pass | Status::Note => (GOOD, "pass"),
        Status::Skipped => (FAINT, "skip"),
        Status::Warn => (WARNING, "warn"),
        Status::Fail => (BAD, "FAIL"),
    };
    format!("  {:<9}{}  {}\n", line.subject.name(), styled(style, word), text.trim_start())
}

fn conclusion(report: &Report, refused: bool) -> String {
    let (warn, fail) = (report.count(Status::Warn), report.count(Status::Fail));
    let (style, words) = match (refused, fail, warn) {
        (true, ..) => (BAD, "A server does not start with this configuration.".to_owned()),
        (false, 0, 0) => (GOOD, "The configuration is good.".to_owned()),
        (false, 0, warn) => {
            (WARNING, format!("The configuration can be served; look at the {}.", counted(warn, "warning")))
        }
        (false, fail, 0) => (BAD, format!("The configuration can be served, but {}.", failing(fail))),
        (false, fail, warn) => {
            let look = format!("look at the {} as well", counted(warn, "warning"));
            (BAD, format!("The configuration can be served, but {}; {look}.", failing(fail)))
        }
    };
    let first = report.first(Status::Fail).or_else(|| report.first(Status::Warn));
    let more = first.map(|first| format!("`issuer-host explain requirement {first}` tells what {first} asks for."));
    let more = more.map(|more| format!("\n{}", styled(FAINT, &more))).unwrap_or_default();
    format!("{}{more}\n", styled(style, &words))
}

fn failing(count: usize) -> String {
    if count == 1 { "1 line fails".to_owned() } else { format!("{count} lines fail") }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { what.to_owned() } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::super::report::{Finding, Subject, lines};
    use super::*;
    use crate::thales::Requirement;

    #[test]
    fn what_is_wrong_is_told_with_what_to_do_and_in_a_hundred_columns() {
        let long = "word ".repeat(40);
        let findings = [
            Finding::pass(long.trim()).on(Requirement::O1),
            Finding::pass("fine").on(Requirement::O10),
            Finding::fail(long.trim(), long.trim()).on(Requirement::O10),
            Finding::note("89 days").on(Requirement::O10),
            (Subject::Settings, Finding::warn("look", "")),
        ];
        let report = Report { environments: Vec::new(), server: lines(findings) };
        let text = anstream::adapter::strip_str(&table(&report, false)).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(!text.contains("fine"), "{text}");
        for words in
            ["  O10      FAIL  Thales is told", "                 To do: word", "89 days", "settings", "1 line fails"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn the_last_line_names_the_first_requirement_that_fails_or_else_deserves_a_look() {
        let warned = || Finding::warn("look", "").on(Requirement::O3);
        let failed = || Finding::fail("wrong", "").on(Requirement::O13);
        let last = |findings: Vec<(Subject, Finding)>| {
            let report = Report { environments: Vec::new(), server: lines(findings) };
            let text = anstream::adapter::strip_str(&table(&report, false)).to_string();
            text.lines().last().unwrap_or_default().to_owned()
        };
        assert_eq!(last(vec![warned(), failed()]), "`issuer-host explain requirement O13` tells what O13 asks for.");
        assert_eq!(last(vec![warned()]), "`issuer-host explain requirement O3` tells what O3 asks for.");
        assert!(!last(vec![(Subject::Backend, Finding::fail("wrong", ""))]).contains("explain"), "it has no number");
        assert!(!last(vec![Finding::pass("fine").on(Requirement::O3)]).contains("explain"));
    }
}
