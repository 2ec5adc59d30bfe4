//! `issuer-host explain requirement`: what Thales requires, by number.

use serde_json::{Value, json};

use super::Format;
use crate::cli::names::Names;
use crate::cli::wrapping::wrapped;
use crate::cli::{Error, say};
use crate::thales::Requirement;
use crate::thales::requirement::Meaning;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Its number: O1 to O14 where Thales calls, I1 to I10 where Thales is called; without one, all of them in a line each
    #[arg(value_parser = Names::new(Requirement::ALL.map(Requirement::name), requirement), value_name = "NUMBER", hide_possible_values = true)]
    number: Option<Requirement>,
}

const EXAMPLES: &str = "\
Examples:
  issuer-host explain requirement
  issuer-host explain requirement O6
  issuer-host explain requirement --format json";

pub(super) fn run(arguments: &Arguments, format: Format) -> Result<(), Error> {
    let chosen = arguments.number.map_or_else(|| Requirement::ALL.to_vec(), |number| vec![number]);
    let text = match (format, arguments.number) {
        (Format::Json, _) => serde_json::to_string_pretty(&chosen.into_iter().map(json).collect::<Vec<_>>())?,
        (Format::Markdown, None) => page(),
        (Format::Markdown, Some(number)) => section(number),
        (Format::Text | Format::Toml, None) => overview(),
        (Format::Text | Format::Toml, Some(number)) => told(number),
    };
    Ok(say(text.trim_end())?)
}

/// Reads a number as clap wants it: an error ends with exit code 2.
fn requirement(number: &str) -> Result<Requirement, String> {
    Requirement::from_name(number).map_err(|error| error.to_string())
}

fn overview() -> String {
    let line = |requirement: &Requirement| format!("  {:<5}{}\n", requirement.name(), requirement.title());
    let listed = |outbound| {
        let requirements = Requirement::ALL.iter().filter(|requirement| requirement.is_outbound() == outbound);
        requirements.map(line).collect::<Vec<_>>().concat()
    };
    format!(
        "Where Thales calls ISSUER_HOST:\n\n{}\nWhere Thales is called:\n\n{}\n\
         `issuer-host explain requirement NUMBER` tells all of one.\n",
        listed(true),
        listed(false)
    )
}

/// One requirement for a terminal.
fn told(requirement: Requirement) -> String {
    let Meaning { asks, families, answer, .. } = requirement.meaning();
    let mut lines =
        vec![format!("{requirement}  {}", requirement.title()), wrapped(&format!("  {asks}"), 2), String::new()];
    let families = families.named().map(|(name, text)| (name, text.unwrap_or("Thales says nothing of it.")));
    let commands = commands(requirement);
    let rows = families.into_iter().chain([("here", answer), ("commands", &commands)]);
    lines.extend(rows.map(|(name, text)| wrapped(&format!("  {name:<23}{text}"), 25)));
    lines.join("\n")
}

/// `docs/requirements.md`.
fn page() -> String {
    let mut text = String::from(
        "# What Thales requires, and what answers it\n\n\
         Made by `issuer-host explain requirement --format markdown > docs/requirements.md`; a test compares them.\n\n\
         Messages and comments name requirements by number: O1 to O14 are those on the direction in which Thales calls a \
         customer, I1 to I10 on that in which Thales is called. `issuer-host check` shows how a configuration stands to them.\n\n\
         | | Requirement |\n|---|---|\n",
    );
    text.extend(Requirement::ALL.map(|requirement| format!("| {requirement} | {} |\n", requirement.title())));
    text.push('\n');
    text.extend(Requirement::ALL.map(section));
    text
}

/// One requirement in Markdown. What stands in angle brackets is no HTML.
fn section(requirement: Requirement) -> String {
    let Meaning { asks, families, answer, .. } = requirement.meaning();
    let families = families.named().map(|(name, said)| {
        let said = said.unwrap_or("-").replace('<', "\\<");
        format!("- **{name}:** {said}\n")
    });
    format!(
        "## {requirement}: {}\n\n{asks}\n\n{}\n**Here.** {answer}\n\n**Commands.** {}\n\n",
        requirement.title(),
        families.concat(),
        commands(requirement)
    )
}

fn commands(requirement: Requirement) -> String {
    let commands = requirement.meaning().commands;
    commands.iter().map(|command| format!("`issuer-host {command}`")).collect::<Vec<_>>().join(", ")
}

/// Stable names: `requirement`, `title`, `direction` (`outbound` = Thales calls), `asks`, `families`, `answer`, `commands`.
fn json(requirement: Requirement) -> Value {
    let Meaning { asks, families, answer, commands } = requirement.meaning();
    json!({
        "requirement": requirement.name(),
        "title": requirement.title(),
        "direction": if requirement.is_outbound() { "outbound" } else { "inbound" },
        "asks": asks,
        "families": {
            "xpay": families.xpay,
            "ecom": families.ecom,
            "merchant_tokenization": families.merchant,
        },
        "answer": answer,
        "commands": commands,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_for_readers_is_what_the_code_yields() {
        let written = include_str!("../../../docs/requirements.md");
        assert!(
            written.trim_end() == page().trim_end(),
            "run: issuer-host explain requirement --format markdown > docs/requirements.md"
        );
    }

    #[test]
    fn a_requirement_is_told_on_lines_that_a_terminal_has() {
        for requirement in Requirement::ALL {
            let text = told(requirement);
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
            assert!(text.contains(requirement.title()), "{text}");
        }
        assert!(overview().lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn a_number_that_nothing_has_is_refused_with_those_that_there_are() {
        assert_eq!(requirement("o6"), Ok(Requirement::O6));
        assert!(requirement("O15").unwrap_err().contains("O1 to O14"));
    }
}
