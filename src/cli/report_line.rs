//! A line of a readiness report: one requirement, what was found, and what to do about it.

use serde::Serialize;

use super::color::{BAD, FAINT, GOOD, WARNING, styled};
use super::wrapping::wrapped;
use crate::thales::requirement::Requirement;

/// What was found of one requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) requirement: Requirement,
    pub(super) status: Status,
    /// What was found, in a sentence.
    pub(super) found: String,
    /// What to do about it; empty where there is nothing to do.
    pub(super) to_do: String,
}

/// How good it is; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// As it should be.
    Pass,
    /// Not looked at, and why not.
    Skipped,
    /// It works, and deserves a look.
    Warn,
    /// Not as it should be.
    Fail,
}

impl Line {
    pub(super) fn pass(requirement: Requirement, found: impl Into<String>) -> Self {
        Self { requirement, status: Status::Pass, found: found.into(), to_do: String::new() }
    }

    pub(super) fn skipped(requirement: Requirement, found: impl Into<String>) -> Self {
        Self { requirement, status: Status::Skipped, found: found.into(), to_do: String::new() }
    }

    pub(super) fn warn(requirement: Requirement, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { requirement, status: Status::Warn, found: found.into(), to_do: to_do.into() }
    }

    pub(super) fn fail(requirement: Requirement, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { requirement, status: Status::Fail, found: found.into(), to_do: to_do.into() }
    }

    /// For a terminal: `  pass  O2   ...`, and what to do below it.
    pub(super) fn to_text(&self) -> String {
        /// Where the words begin.
        const MARGIN: usize = 13;
        let (style, word) = match self.status {
            Status::Pass => (GOOD, "pass"),
            Status::Skipped => (FAINT, "skip"),
            Status::Warn => (WARNING, "warn"),
            Status::Fail => (BAD, "FAIL"),
        };
        // Styles take no columns: they are put in when the line has been broken.
        let text = wrapped(&format!("  {word}  {:<5}{}", self.requirement.name(), self.found), MARGIN);
        let mut text = text.replacen(word, &styled(style, word), 1);
        if !self.to_do.is_empty() {
            let to_do = wrapped(&format!("{:MARGIN$}To do: {}", "", self.to_do), MARGIN);
            text.push('\n');
            text.push_str(&to_do);
        }
        text
    }

    /// For programs.
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "requirement": self.requirement.name(),
            "status": self.status,
            "found": self.found,
            "to_do": self.to_do,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_a_terminal_and_says_its_status_in_a_word() {
        let line = Line::fail(Requirement::O2, "word ".repeat(60).trim_end(), "act ".repeat(60).trim_end());
        let text = anstream::adapter::strip_str(&line.to_text()).to_string();
        assert!(text.starts_with("  FAIL  O2   word word"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("             ")), "{text}");
        assert!(text.contains("\n             To do: act act"), "{text}");
        assert!(!Line::pass(Requirement::O2, "good").to_text().contains("To do"));
    }

    #[test]
    fn the_worst_status_is_the_greatest() {
        assert!(Status::Pass < Status::Skipped && Status::Skipped < Status::Warn && Status::Warn < Status::Fail);
        assert_eq!(Line::skipped(Requirement::O1, "x").to_json()["status"], "skipped");
    }
}
