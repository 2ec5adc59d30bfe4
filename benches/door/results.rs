//! A whole run, as it is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::record::Row;

#[derive(Args)]
pub(crate) struct Keep {
    /// The rows, a line of JSON for each.
    #[arg(long)]
    pub(crate) rows: PathBuf,
    /// When the run began, in UTC.
    #[arg(long)]
    pub(crate) date: String,
    /// `SERVER=VERSION`.
    #[arg(long = "version-of", value_parser = pair)]
    pub(crate) versions: Vec<(String, String)>,
    /// What was not measured, and why.
    #[arg(long = "left-out")]
    pub(crate) left_out: Vec<String>,
    /// Where it is kept.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

/// What `benches/results/*.json` holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Results {
    /// When it began, in UTC.
    pub(crate) date: String,
    pub(crate) machine: Machine,
    /// What each server was.
    pub(crate) versions: BTreeMap<String, String>,
    /// What was not measured, and why.
    pub(crate) left_out: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// Processes that ran or waited for a core in the minute before the end; the benchmark itself has two.
    pub(crate) load: String,
}

impl Results {
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()).into())
    }

    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

impl Machine {
    fn this() -> Result<Self, Error> {
        let cpus = fs::read_to_string("/proc/cpuinfo")?;
        let memory = fs::read_to_string("/proc/meminfo")?;
        let kibibytes: u64 = value(&memory, "MemTotal").trim_end_matches("kB").trim().parse()?;
        let load = fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            cpu: value(&cpus, "model name").to_owned(),
            // Of the machine: this process itself may be held to fewer.
            cores: cpus.lines().filter(|line| line.starts_with("processor")).count(),
            memory_mib: kibibytes / 1024,
            kernel: format!("Linux {}", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim()),
            load: load.split_whitespace().next().unwrap_or_default().to_owned(),
        })
    }
}

/// What stands behind `name:` at the beginning of a line.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| key.trim() == name).map_or("", |(_, value)| value.trim())
}

/// Puts the rows of a run together with where and when it was.
///
/// # Errors
/// When a file cannot be read, is not what it should be, or cannot be written.
pub(crate) fn keep(keep: &Keep) -> Result<(), Error> {
    let rows = fs::read_to_string(&keep.rows).map_err(|error| format!("{}: {error}", keep.rows.display()))?;
    let results = Results {
        date: keep.date.clone(),
        machine: Machine::this()?,
        versions: keep.versions.iter().cloned().collect(),
        left_out: keep.left_out.clone(),
        rows: rows.lines().map(serde_json::from_str).collect::<Result<_, _>>()?,
    };
    let mut text = serde_json::to_string_pretty(&results)?;
    text.push('\n');
    Ok(fs::write(&keep.out, text)?)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
