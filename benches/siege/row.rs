//! The table.

use std::fmt;
use std::fs;
use std::process::Command;

use crate::attacks::Attack;
use crate::gauges::Return;
use crate::honest::{Tally, percentiles};
use crate::program::Error;

/// What became of an attack.
pub(crate) enum Row {
    Laid(Box<Laid>),
    /// Why it was not made.
    NotRun(&'static str, String),
    /// The program, or this one, broke.
    Broken(&'static str, String),
}

pub(crate) struct Laid {
    pub(crate) name: &'static str,
    /// What was tried.
    pub(crate) tried: String,
    /// What the program did with it, by its metrics.
    pub(crate) did: String,
    pub(crate) calm: Tally,
    pub(crate) attacked: Tally,
    /// Whether honest calls may fail: there was no descriptor left to accept a newcomer with, nor for another connection to the backend.
    pub(crate) may_fail: bool,
    pub(crate) resident_before: u64,
    pub(crate) resident_peak: u64,
    pub(crate) back: Return,
    /// What else went wrong.
    pub(crate) wrong: Vec<String>,
}

/// Of what machine and what day the figures are.
pub(crate) fn run(quick: bool) -> Result<String, Error> {
    let date = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output()?;
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kibibytes: u64 = memory.split_whitespace().nth(1).ok_or("no MemTotal")?.parse()?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let quick = if quick { " `--quick`: the numbers mean little." } else { "" };
    Ok(format!(
        "{}, {cores} cores, {} GiB, load average at the beginning {load}.{quick}\n",
        String::from_utf8(date.stdout)?.trim(),
        kibibytes.div_ceil(1 << 20),
    ))
}

pub(crate) fn head() -> String {
    "| Attack | Tried | What the server did | Honest calls: served, failed | Kept connections, ms p50 / p99: calm | attacked \
     | New connections, ms p50 / p99: calm | attacked | RSS before, peak, after (MiB) | Gauges back |\n|---|---|---|---|---|---|---|---|---|---|"
        .to_owned()
}

impl Row {
    pub(crate) fn broken(attack: &Attack, error: &Error) -> Self {
        Self::Broken(attack.name, error.to_string())
    }

    /// Whether all went as it should.
    pub(crate) fn is_well(&self) -> bool {
        match self {
            Self::Laid(laid) => laid.faults().is_empty(),
            // Loudly told, and no fault of the program.
            Self::NotRun(..) => true,
            Self::Broken(..) => false,
        }
    }
}

impl Laid {
    fn faults(&self) -> Vec<String> {
        let mut faults = self.wrong.clone();
        let mut failed = vec![&self.calm.kept_failures, &self.calm.new_failures];
        if !self.may_fail {
            failed.extend([&self.attacked.kept_failures, &self.attacked.new_failures]);
        }
        let mut failed: Vec<_> = failed.into_iter().flatten().cloned().collect();
        let count = failed.len();
        failed.sort();
        failed.dedup();
        if count > 0 {
            faults.push(format!("{count} honest calls failed: {}", failed.join("; ")));
        }
        if self.back.after.is_none() {
            faults.push(format!("still held: {}", self.back.held));
        }
        faults
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Laid(laid) => laid.fmt(f),
            Self::NotRun(name, why) => write!(f, "| {name} | **NOT RUN: {why}** | | | | | | | | |"),
            Self::Broken(name, why) => write!(f, "| {name} | **BROKEN: {}** | | | | | | | | |", why.replace('\n', " ")),
        }
    }
}

impl fmt::Display for Laid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, tried, did, calm, attacked, back, .. } = self;
        let served = attacked.kept.len() + attacked.new.len();
        let failed = attacked.kept_failures.len() + attacked.new_failures.len();
        let kept = attacked.kept_failures.len();
        let by_nature = if self.may_fail && failed > 0 {
            format!(" by nature: {} newcomers, and {kept} that needed another connection to the backend", failed - kept)
        } else {
            String::new()
        };
        let after =
            back.after.map_or_else(|| "**no**".to_owned(), |after| format!("after {:.1} s", after.as_secs_f64()));
        let mebibytes = |bytes: u64| bytes >> 20;
        write!(
            f,
            "| {name} | {tried} | {did} | {served}, {failed}{by_nature} | {} | {} | {} | {} | {}, {}, {} | {after} |",
            percentiles(&calm.kept),
            percentiles(&attacked.kept),
            percentiles(&calm.new),
            percentiles(&attacked.new),
            mebibytes(self.resident_before),
            mebibytes(self.resident_peak),
            mebibytes(back.resident),
        )?;
        let faults = self.faults();
        if faults.is_empty() { Ok(()) } else { write!(f, "\n| | **FAILED: {}** | | | | | | | | |", faults.join(". ")) }
    }
}
