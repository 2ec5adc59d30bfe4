//! What was found, for people.

use anstyle::Style;

use super::step::{Step, Verdict};
use crate::cli::color::{BAD, FAINT, GOOD, WARNING, styled};
use crate::cli::wrapping::wrapped;

/// Where what was found begins: behind two blanks, the verdict, and the title.
const MARGIN: usize = 25;

/// A step as lines of at most 100 columns.
pub(super) fn lines(step: &Step) -> String {
    let (mark, style) = mark(step.verdict);
    let about = step.requirement.map(|requirement| format!(" ({requirement})")).unwrap_or_default();
    let title = step.part.title();
    let first = wrapped(&format!("  {mark:<4}  {title:<15}  {}{about}", step.found), MARGIN);
    // The style comes last: it takes no column.
    let first = first.replacen(mark, &styled(style, mark), 1);
    let indented = |text: &str| wrapped(&format!("{:MARGIN$}{text}", ""), MARGIN + 2);
    let mut lines = vec![first];
    lines.extend(step.details.iter().map(|detail| indented(detail)));
    if !step.to_do.is_empty() {
        lines.push(indented(&format!("> {}", step.to_do)));
    }
    lines.join("\n")
}

/// The last line.
pub(super) fn conclusion(steps: &[Step], authority: &str) -> String {
    let count = |verdict| steps.iter().filter(|step| step.verdict == verdict).count();
    let failures = count(Verdict::Failure);
    let warnings = count(Verdict::Warning);
    if failures > 0 {
        let word = if failures == 1 { "step" } else { "steps" };
        styled(BAD, &format!("{failures} {word} failed: see what to do behind the >."))
    } else if warnings > 0 {
        styled(WARNING, &format!("Nothing failed at {authority}; look at the warnings."))
    } else {
        styled(GOOD, &format!("{authority} can be called from here."))
    }
}

const fn mark(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Good => ("pass", GOOD),
        Verdict::Warning => ("WARN", WARNING),
        Verdict::Failure => ("FAIL", BAD),
        Verdict::NotLookedAt => ("-", FAINT),
    }
}

#[cfg(test)]
mod tests {
    use super::super::step::Part;
    use super::*;
    use crate::thales::Requirement;

    #[test]
    fn a_step_stays_within_a_hundred_columns_and_says_everything() {
        let words = ["word"; 40].join(" ");
        let step = Step::failure(Part::ClientCertificate, words.clone(), words.clone()).about(Requirement::I1);
        let text = anstream::adapter::strip_str(&lines(&step.with_details([words]))).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert_eq!(text.matches("word").count(), 120);
        assert!(text.starts_with("  FAIL  admission        word") && text.contains("(I1)"), "{text}");
    }
}
