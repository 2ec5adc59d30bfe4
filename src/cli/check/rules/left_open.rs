//! What nothing was found of: a line all the same, which says where to look.

use super::Findings;
use crate::cli::check::report::{Finding, Status, Subject};
use crate::thales::Requirement;

/// What nothing is said of while the configuration is wrong.
pub(super) const UNREADABLE: &str = "the configuration has to be put right first";

/// The findings of an environment, with one more for each requirement on its server (O1 to O14) that none is about.
pub(in crate::cli::check) fn completed(mut findings: Findings) -> Findings {
    let is_open = |asked: &Requirement| findings.iter().all(|(of, _)| *of != Subject::Requirement(*asked));
    let open = Requirement::ALL.into_iter().filter(|requirement| requirement.is_outbound()).filter(is_open);
    let skipped: Vec<_> = open.map(|requirement| skipped(requirement, &findings)).collect();
    findings.extend(skipped);
    findings
}

fn skipped(requirement: Requirement, findings: &[(Subject, Finding)]) -> (Subject, Finding) {
    let fails =
        |subject: Subject| findings.iter().any(|(of, finding)| *of == subject && finding.status == Status::Fail);
    // What the requirement is told from stands first.
    let place = told_from(requirement).iter().map(|&other| Subject::Requirement(other)).chain([Subject::Settings]);
    // What is no matter of files hangs on the whole configuration.
    let any = || findings.iter().find(|(_, finding)| finding.status == Status::Fail).map(|&(subject, _)| subject);
    let found = place.into_iter().find(|&subject| fails(subject));
    let cause = match found.or_else(|| any().filter(|_| told_from(requirement).is_empty())) {
        Some(subject) => format!("what fails has to be put right first (see {})", subject.name()),
        None => UNREADABLE.to_owned(),
    };
    Finding::skipped(format!("{} is open: {cause}", question(requirement))).on(requirement)
}

/// The requirements that tell what is wrong with the files of this one.
const fn told_from(requirement: Requirement) -> &'static [Requirement] {
    use Requirement::{O5, O6, O7, O8, O9, O10};
    match requirement {
        O5 | O6 => &[O5, O6],
        O7 => &[O5, O6, O8, O9],
        O8 | O9 | O10 => &[O8, O9],
        _ => &[],
    }
}

const fn question(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::O3 | Requirement::O4 => "where it listens",
        Requirement::O5 => "whom client_ca admits",
        Requirement::O6 => "whether client_ca holds CAs alone",
        Requirement::O7 => "whether a client CA is one of the server's own chain",
        Requirement::O8 => "whether the server's chain is complete",
        Requirement::O9 => "whether Thales knows the server's CA",
        Requirement::O10 => "whether Thales was told of the server's CA",
        Requirement::O11 => "what it has in common with other environments",
        Requirement::O12 => "which customer it is set up for",
        Requirement::O13 => "what callers have to show beside their certificate",
        Requirement::O14 => "which calls it takes",
        _ => "this",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::report::EnvironmentReport;

    #[test]
    fn each_requirement_has_a_line_that_names_what_fails() {
        let fails = |subject| (subject, Finding::fail("wrong", ""));
        for (findings, of, words) in [
            (vec![fails(Subject::Requirement(Requirement::O6))], "O5", "(see O6)"),
            (vec![fails(Subject::Requirement(Requirement::O9))], "O7", "(see O9)"),
            (vec![fails(Subject::Requirement(Requirement::O8))], "O10", "(see O8)"),
            (vec![fails(Subject::Settings)], "O14", "(see settings)"),
            (vec![fails(Subject::Backend)], "O9", UNREADABLE),
            (vec![fails(Subject::Backend)], "O14", "(see backend)"),
        ] {
            let report = EnvironmentReport::new("preprod", completed(findings));
            let numbers = report.lines.iter().map(|line| line.subject.name()).filter(|name| name.starts_with('O'));
            let all: Vec<_> = (1..=14).map(|number| format!("O{number}")).collect();
            assert_eq!(numbers.collect::<Vec<_>>(), all);
            let line = report.lines.iter().find(|line| line.subject.name() == of).unwrap();
            assert_eq!((line.status(), line.findings.len()), (Status::Skipped, 1));
            assert!(line.findings[0].found.contains(words), "{line:?}");
        }
        let found = vec![Finding::pass("fine").on(Requirement::O1)];
        assert_eq!(completed(found).iter().filter(|(_, finding)| finding.status == Status::Pass).count(), 1);
    }
}
