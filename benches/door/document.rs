//! The tables of `docs/performance.md`, between their markers.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::Error;
use crate::record::{Figures, Row, shown};
use crate::results::{Machine, Results};
use crate::targets::{TARGETS, Target, Verdict};

#[derive(Args)]
pub(crate) struct Document {
    /// What was kept of a run.
    pub(crate) results: PathBuf,
    /// The document.
    pub(crate) page: PathBuf,
    /// Write nothing; fail when the document says something else.
    #[arg(long)]
    pub(crate) check: bool,
}

/// What stands before a table, with its name in between, and what stands behind it.
const BEGIN: (&str, &str) = ("<!-- made: ", " -->");
const END: &str = "<!-- /made -->";

/// Writes the tables of `results` into the document, or only looks whether they stand there.
///
/// # Errors
/// When a marker names no table, one that was begun does not end, or the document says something else than the results.
pub(crate) fn document(document: &Document) -> Result<(), Error> {
    let results = Results::read(&document.results)?;
    let file = &document.page;
    let before = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let after = filled(&before, &results)?;
    if !document.check {
        return Ok(fs::write(file, after)?);
    }
    if before == after {
        return Ok(());
    }
    Err(format!("{} does not say what {} does", file.display(), document.results.display()).into())
}

fn filled(text: &str, results: &Results) -> Result<String, Error> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(BEGIN.0) {
        let (name, behind) = behind.split_once(BEGIN.1).ok_or("a marker does not end")?;
        let (_, behind) = behind.split_once(END).ok_or_else(|| format!("there is no {END} for {name}"))?;
        let table = table(name, results)?.join("\n");
        filled.push_str(&[before, BEGIN.0, name, BEGIN.1, "\n\n", &table, "\n\n", END].concat());
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The lines of a table.
fn table(name: &str, results: &Results) -> Result<Vec<String>, Error> {
    match name {
        "run" => Ok(run(results)),
        "targets" => Ok(targets(results)),
        _ => {
            let table = TABLES.iter().find(|(table, _)| *table == name);
            let (_, prefixes) = table.ok_or_else(|| format!("there is no table {name}"))?;
            let is_in = |row: &&Row| prefixes.iter().any(|prefix| row.name.starts_with(prefix));
            Ok(rows(results.rows.iter().filter(is_in)))
        }
    }
}

/// The tables of rows, and how the names of their rows begin.
const TABLES: [(&str, &[&str]); 8] = [
    ("handshakes", &["handshake-"]),
    ("requests", &["kept-alive-", "forwarded-"]),
    ("memory", &["idle-"]),
    ("workers", &["two-workers-"]),
    ("latency", &["latency-"]),
    ("starts", &["start"]),
    ("growth", &["growth-"]),
    ("instructions", &["instructions-"]),
];

fn run(results: &Results) -> Vec<String> {
    let Machine { cpu, cores, memory_mib, kernel, load } = &results.machine;
    let memory = memory_mib.div_ceil(1024);
    let mut lines = vec![
        format!("{}, {cores} cores of {cpu}, {memory} GiB, {kernel}; load average at the end {load}.", results.date),
        String::new(),
        "| Server | Version |".to_owned(),
        "|---|---|".to_owned(),
    ];
    lines.extend(results.versions.iter().map(|(server, version)| format!("| {server} | {version} |")));
    for left_out in &results.left_out {
        lines.extend([String::new(), format!("**Not measured**: {left_out}")]);
    }
    lines
}

fn targets(results: &Results) -> Vec<String> {
    let mut lines = vec!["| | Beside | At most | Measured | |".to_owned(), "|---|---|---|---|---|".to_owned()];
    lines.extend(TARGETS.iter().map(|target| {
        let (measured, verdict) = match target.verdict(results) {
            Verdict::Met(figure) => (target.shown(figure), "met"),
            Verdict::Missed(figure) => (target.shown(figure), "**missed**"),
            Verdict::Unknown => ("-".to_owned(), "not measured"),
        };
        let Target { what, at_most, .. } = target;
        format!("| {what} | {} | {} | {measured} | {verdict} |", target.other(), target.shown(*at_most))
    }));
    lines
}

fn rows<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<String> {
    let mut lines =
        vec!["| Row | Server | Median | Low to high | Ratio | |".to_owned(), "|---|---|---|---|---|---|".to_owned()];
    for row in rows {
        for (number, figures) in row.servers.iter().enumerate() {
            let name = if number == 0 { format!("`{}`, {}", row.name, row.unit) } else { String::new() };
            lines.push(line(&name, figures));
        }
        let left_out = row.left_out.iter();
        lines.extend(left_out.map(|(server, reason)| format!("| | {server} | | | | not measured: {reason} |")));
    }
    lines
}

fn line(name: &str, figures: &Figures) -> String {
    let [median, low, high] = [figures.median, figures.low, figures.high].map(shown);
    // A single round has no spread.
    let spread = if figures.rounds.len() > 1 { format!("{low} to {high}") } else { String::new() };
    let ratio = figures.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    let details = figures.details.words().join(", ");
    format!("| {name} | {} | {median} | {spread} | {ratio} | {details} |", figures.name)
}
