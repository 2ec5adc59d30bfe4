//! The lines of the table, and what was hoped for.

use std::fs;
use std::thread;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Error;
use crate::median::median;

/// What was measured, printed as it comes; and what was hoped for, printed at the end.
pub(crate) struct Report {
    targets: Vec<String>,
}

impl Report {
    /// Prints when and where.
    pub(crate) fn begin() -> Result<Self, Error> {
        let now = OffsetDateTime::now_utc().replace_nanosecond(0)?.format(&Rfc3339)?;
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        let cores = thread::available_parallelism()?;
        println!(
            "{now}  {} {}, {cores} cores, {}",
            std::env::consts::OS,
            std::env::consts::ARCH,
            model.trim_start_matches([' ', '\t', ':'])
        );
        println!("CPU of the server's thread alone; medians (lowest to highest) of interleaved rounds.");
        println!();
        Ok(Self { targets: Vec::new() })
    }

    /// Hoped for: `value` at most `most`.
    pub(crate) fn at_most(&mut self, label: &str, what: &str, value: f64, most: f64) {
        self.target(label, what, value, "at most", most, value <= most);
    }

    /// Hoped for: `value` at least `least`.
    pub(crate) fn at_least(&mut self, label: &str, what: &str, value: f64, least: f64) {
        self.target(label, what, value, "at least", least, value >= least);
    }

    fn target(&mut self, label: &str, what: &str, value: f64, bound: &str, limit: f64, met: bool) {
        let verdict = if met { "met" } else { "MISSED" };
        self.targets.push(format!("{label:<26} {what:<46} {value:>7.2}  {bound:<8} {limit:>6.2}  {verdict}"));
    }

    /// Prints what was hoped for.
    pub(crate) fn end(self) {
        if !self.targets.is_empty() {
            println!();
            println!("Targets");
        }
        for target in self.targets {
            println!("{target}");
        }
    }
}

/// A line: the median of `samples`, and its part of another line's by the median over the rounds.
pub(crate) fn row(label: &str, name: &str, unit: &str, samples: &[f64], of: Option<(&str, &[f64])>) {
    let ratio = of.map_or_else(String::new, |(other, base)| format!("  {:.2} of {other}", ratio(samples, base)));
    println!(
        "{label:<26} {name:<24} {middle:>9.2} {unit:<13} ({low:.2} to {high:.2}){ratio}",
        middle = median(samples.iter().copied()),
        low = samples.iter().copied().fold(f64::INFINITY, f64::min),
        high = samples.iter().copied().fold(0.0, f64::max),
    );
}

/// A line that is no median.
pub(crate) fn line(label: &str, name: &str, text: &str) {
    println!("{label:<26} {name:<24} {text}");
}

/// The median over the rounds of one figure's part of another: what disturbs a round disturbs both.
pub(crate) fn ratio(samples: &[f64], base: &[f64]) -> f64 {
    median(samples.iter().zip(base).map(|(sample, base)| sample / base))
}

/// The median over the rounds of what one figure is above another.
pub(crate) fn difference(samples: &[f64], base: &[f64]) -> f64 {
    median(samples.iter().zip(base).map(|(sample, base)| sample - base))
}
