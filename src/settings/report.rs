//! Every problem of a configuration at once.

use std::fmt::{self, Write as _};

use super::origin::{Origin, Origins};
use super::parts::EnvironmentParts;

/// One problem: which setting, where it was written, what is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The setting, with dots between tables; empty when the file as a whole is meant.
    pub key: String,
    /// Where it was written.
    pub origin: Origin,
    /// What is wrong, as one or two sentences.
    pub problem: String,
    /// What to do about it, as one or two sentences.
    pub remedy: String,
}

/// The outcome of reading a configuration that cannot be used as it is. Later checks of things that settings only name
/// (certificates, say) [`add`](Self::add) to it, so that an operator sees everything at once.
#[derive(Clone, Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
    origins: Origins,
    environments: Vec<EnvironmentParts>,
    warnings: Vec<String>,
}

impl Report {
    pub(super) fn new(origins: Origins, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| reading_order(&finding.origin));
        Self { findings, origins, environments: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn with_environments(mut self, environments: Vec<EnvironmentParts>) -> Self {
        self.environments = environments;
        self
    }

    pub(crate) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }

    /// Adds a problem of the setting `key`; its origin is looked up.
    pub fn add(&mut self, key: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) {
        let key = key.into();
        let origin = self.origins.of(&key);
        self.findings.push(Finding { key, origin, problem: problem.into(), remedy: remedy.into() });
        self.findings.sort_by_key(|finding| reading_order(&finding.origin));
    }

    /// The problems, in the order in which an operator would meet them: file by line, then variables by name, then
    /// the rest.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// What could be read of each environment: what it names can be checked too.
    #[must_use]
    pub fn environments(&self) -> &[EnvironmentParts] {
        &self.environments
    }

    /// What is allowed but deserves a look.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where each setting was written.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.origins
    }
}

fn reading_order(origin: &Origin) -> (u8, usize, String) {
    match origin {
        Origin::File { line, .. } => (0, line.unwrap_or(0), String::new()),
        Origin::Variable(name) => (1, 0, name.to_string()),
        Origin::Default => (2, 0, String::new()),
        Origin::Unset => (3, 0, String::new()),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.findings.len() {
            0 => return f.write_str("no problems in the configuration"),
            1 => f.write_str("1 problem in the configuration")?,
            count => write!(f, "{count} problems in the configuration")?,
        }
        for (number, finding) in (1..).zip(&self.findings) {
            write!(f, "\n\n{number}. {finding}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Paths and values are quoted as they were written, and a terminal is to obey none of them.
        if self.key.is_empty() {
            write!(f, "{}", Escaped(&self.origin.to_string()))?;
        } else {
            write!(f, "{} ({})", Escaped(&self.key), Escaped(&self.origin.to_string()))?;
        }
        write!(f, "\n   {}", Escaped(&self.problem))?;
        if !self.remedy.is_empty() {
            write!(f, "\n   To do: {}", Escaped(&self.remedy))?;
        }
        Ok(())
    }
}

/// A text whose control characters stand there as escapes, but for line ends.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if c.is_control() && c != '\n' { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
        })
    }
}

impl std::error::Error for Report {}

#[cfg(test)]
mod tests {
    use super::super::origin::Shape;
    use super::*;

    #[test]
    fn a_name_or_a_path_with_a_control_character_in_it_does_nothing_to_the_terminal_that_it_is_told_on() {
        let mut origins = Origins::default();
        origins.set("inbox.url", Shape::Value, Origin::Variable("ISSUER_HOST__L\u{1b}[2JG".into()));
        let mut report = Report::new(origins, Vec::new());
        report.add("inbox.url", "There is no file ../\u{1b}[2Jkey.pem.\nLook: \u{9b} \u{e4}", "Put \r there.");
        let text = report.to_string();
        for told in
            [r"(variable ISSUER_HOST__L\u{1b}[2JG)", "../\\u{1b}[2Jkey.pem.\nLook: \\u{9b} \u{e4}", r"Put \r there."]
        {
            assert!(text.contains(told), "{text:?}");
        }
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }

    #[test]
    fn a_later_check_that_knows_only_the_key_still_names_the_origin() {
        let mut origins = Origins::default();
        origins.set("environments.p.private_key_file", Shape::Value, Origin::Variable("KEY_FILE".into()));
        let mut report = Report::new(origins, Vec::new());
        assert!(report.is_empty());
        report.add(
            "environments.p.private_key",
            "It does not match the certificate.",
            "Give the key of this certificate.",
        );
        insta::assert_snapshot!(report, @r"
        1 problem in the configuration

        1. environments.p.private_key (variable KEY_FILE)
           It does not match the certificate.
           To do: Give the key of this certificate.
        ");
    }
}
