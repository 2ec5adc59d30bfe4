//! `issuer-host explain metrics`: what `/metrics` tells, and what to do with it.

use serde_json::{Value, json};

use super::Format;
use crate::cli::wrapping::wrapped;
use crate::cli::{Error, say};
use crate::metrics::table::{ALL, Label, Metric, Values};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A name, or a part of one; without it, all metrics in a line each
    #[arg(value_name = "NAME", value_parser = name)]
    name: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  issuer-host explain metrics
  issuer-host explain metrics handshakes
  issuer-host explain metrics --format json";

pub(super) fn run(arguments: &Arguments, format: Format) -> Result<(), Error> {
    let chosen = chosen(arguments.name.as_deref());
    let text = match (format, &arguments.name) {
        (Format::Json, _) => serde_json::to_string_pretty(&chosen.into_iter().map(json).collect::<Vec<_>>())?,
        (Format::Markdown, None) => page(),
        (Format::Markdown, Some(_)) => chosen.into_iter().map(section).collect(),
        (Format::Text | Format::Toml, None) => overview(),
        (Format::Text | Format::Toml, Some(_)) => chosen.into_iter().map(told).collect::<Vec<_>>().join("\n\n"),
    };
    Ok(say(text.trim_end())?)
}

/// Reads a name as clap wants it: an error ends with exit code 2.
fn name(name: &str) -> Result<String, String> {
    if chosen(Some(name)).is_empty() {
        return Err("no metric has that in its name; all of them: issuer-host explain metrics".to_owned());
    }
    Ok(name.to_owned())
}

/// Those that are called so, with the ends of their series or without, or have it in their names.
fn chosen(name: Option<&str>) -> Vec<&'static Metric> {
    let Some(name) = name else { return ALL.to_vec() };
    let is_called_so = |row: &&Metric| row.name() == name || row.series_names().iter().any(|series| series == name);
    match ALL.iter().copied().find(is_called_so) {
        Some(row) => vec![row],
        None => ALL.iter().copied().filter(|row| row.name().contains(name) || queried(row).contains(name)).collect(),
    }
}

/// The name by which it is queried; of a histogram, that of its family.
fn queried(row: &Metric) -> String {
    match row.series_names().as_slice() {
        [only] => only.clone(),
        _ => row.name().to_owned(),
    }
}

fn overview() -> String {
    let line = |row: &&Metric| format!("  {:<10} {}\n", row.kind().name(), queried(row));
    format!(
        "What GET /metrics on the admin listener tells:\n\n{}\n`issuer-host explain metrics NAME` tells all of one.\n",
        ALL.iter().map(line).collect::<Vec<_>>().concat()
    )
}

/// One metric for a terminal.
fn told(row: &Metric) -> String {
    let mut lines =
        vec![format!("{}  {}", queried(row), kind(row)), wrapped(&format!("  {}.", row.help()), 2), String::new()];
    lines.extend(row.labels().iter().map(|label| wrapped(&format!("  {:<15}{}", label.name, values(label, '"')), 17)));
    lines.push(wrapped(&format!("  {:<15}{}", "to do", row.advice().replace('`', "")), 17));
    lines.join("\n")
}

/// `docs/metrics.md`.
fn page() -> String {
    let mut text = String::from(
        "# What is measured\n\n\
         Made by `issuer-host explain metrics --format markdown > docs/metrics.md`, from the table that the series are registered from; \
         a test compares them.\n\n\
         `GET /metrics` on the admin listener tells all of it in the OpenMetrics text format 1.0:\n\n\
         ```\ncurl -s http://127.0.0.1:9090/metrics\n```\n\n\
         No label comes from a caller: its values are one of a list that this page shows in full, or names from the configuration and \
         the catalogue. Of an environment that is gone from the configuration no expiry, epoch or state of a reload is told any more; \
         what was counted stays.\n\n\
         | Metric | Kind | Labels |\n|---|---|---|\n",
    );
    text.extend(ALL.iter().map(|row| {
        let labels: Vec<_> = row.labels().iter().map(|label| format!("`{}`", label.name)).collect();
        format!("| [`{0}`](#{0}) | {1} | {2} |\n", queried(row), row.kind().name(), labels.join(", "))
    }));
    text.push('\n');
    text.extend(ALL.iter().copied().map(section));
    text
}

/// One metric in Markdown.
fn section(row: &Metric) -> String {
    let labels = row.labels().iter().map(|label| format!("- `{}`: {}\n", label.name, values(label, '`')));
    let labels = labels.collect::<Vec<_>>().concat();
    let gap = if labels.is_empty() { "" } else { "\n" };
    let (name, kind, help, advice) = (queried(row), kind(row), row.help(), row.advice());
    format!("## {name}\n\n{kind}. {help}.\n\n{labels}{gap}**To do.** {advice}\n\n")
}

/// `Counter`, or `Gauge, in seconds`.
fn kind(row: &Metric) -> String {
    let kind = match row.kind() {
        crate::metrics::table::Kind::Counter => "Counter",
        crate::metrics::table::Kind::Gauge => "Gauge",
        crate::metrics::table::Kind::Histogram => "Histogram",
        crate::metrics::table::Kind::Info => "Info",
    };
    if row.unit().is_empty() { kind.to_owned() } else { format!("{kind}, in {}", row.unit()) }
}

fn values(label: &Label, quote: char) -> String {
    match label.values {
        Values::Closed(values) => {
            let named: Vec<_> =
                values.iter().filter(|value| !value.is_empty()).map(|value| format!("{quote}{value}{quote}")).collect();
            let empty = if values.contains(&"") { ", or empty" } else { "" };
            format!("{}{empty}", named.join(", "))
        }
        Values::Configured(which) => which.replace('`', &quote.to_string()),
    }
}

/// Stable names: `name` (of its series; of a histogram, of its family), `kind`, `unit`, `labels` (`name`, and `values` or
/// `configured`), `help`, `advice`.
fn json(row: &Metric) -> Value {
    let label = |label: &Label| match label.values {
        Values::Closed(values) => json!({ "name": label.name, "values": values }),
        Values::Configured(which) => json!({ "name": label.name, "configured": which }),
    };
    json!({
        "name": queried(row),
        "kind": row.kind().name(),
        "unit": row.unit(),
        "labels": row.labels().iter().map(label).collect::<Vec<_>>(),
        "help": row.help(),
        "advice": row.advice(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_for_readers_is_what_the_code_yields() {
        let written = include_str!("../../../docs/metrics.md");
        assert!(
            written.trim_end() == page().trim_end(),
            "run: issuer-host explain metrics --format markdown > docs/metrics.md"
        );
    }

    #[test]
    fn a_metric_is_told_on_lines_that_a_terminal_has() {
        for row in ALL {
            let text = told(row);
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        }
        assert!(overview().lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn a_metric_is_found_by_the_name_of_its_series_and_by_a_part_of_it() {
        let names = |name| chosen(Some(name)).iter().map(|row| row.name()).collect::<Vec<_>>();
        assert_eq!(names("issuer_host_requests_total"), ["issuer_host_requests"]);
        assert_eq!(names("issuer_host_requests"), ["issuer_host_requests"]);
        assert_eq!(names("issuer_host_request_duration_seconds_bucket"), ["issuer_host_request_duration_seconds"]);
        assert!(names("token").len() == 1 && names("request").len() > 3 && names("reqests").is_empty());
        assert_eq!(names("handshakes_total"), ["issuer_host_handshakes"]);
        assert!(name("reqests").is_err() && name("requests").is_ok());
    }
}
