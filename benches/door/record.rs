//! Rows of the table, as they are computed, printed and kept.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::median::median;

/// What one row tells: the figures of several servers, or of one under several conditions.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Of every figure in the row; less is better.
    pub(crate) unit: String,
    /// The first one is compared with each of the others.
    pub(crate) servers: Vec<Figures>,
    /// Servers that cannot be in it, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) left_out: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The first server's figure divided by this one's: below 1, the first needs less. The median of the rounds' ratios, since what
    /// disturbs the machine disturbs all servers of a round alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    /// In the order in which they were taken.
    pub(crate) rounds: Vec<f64>,
    #[serde(flatten)]
    pub(crate) details: Details,
}

/// What helps to judge a figure.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Details {
    /// The cipher suite that the server chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suite: Option<String>,
    /// Operations a second, by the wall clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<f64>,
    /// Share of the wall clock that the server was computing, 0 to 1 per core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_busy: Option<f64>,
    /// The same of the load generator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_busy: Option<f64>,
    /// Threads of the server that ended while it was measured, so that what they used is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) threads_ended: Option<usize>,
    /// Anything else, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// The rounds of one server.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) rounds: Vec<f64>,
    pub(crate) details: Details,
}

impl Row {
    pub(crate) fn new(name: &str, unit: &str, measured: Vec<Measured>) -> Self {
        let firsts = measured.first().map(|first| first.rounds.clone()).unwrap_or_default();
        let servers = measured.into_iter().map(|measured| Figures::new(measured, &firsts)).collect();
        Self { name: name.to_owned(), unit: unit.to_owned(), servers, left_out: BTreeMap::new() }
    }

    pub(crate) fn server(&self, name: &str) -> Option<&Figures> {
        self.servers.iter().find(|figures| figures.name == name)
    }

    /// Prints a line for each server, and adds the row to `file`, a JSON document on a line of its own.
    pub(crate) fn publish(&self, file: Option<&Path>) -> Result<(), Error> {
        for figures in &self.servers {
            println!("{}", self.line(figures));
        }
        for (server, reason) in &self.left_out {
            println!("{:<34} {server:<16} NOT MEASURED: {reason}", self.name);
        }
        let Some(file) = file else { return Ok(()) };
        let mut row = serde_json::to_string(self)?;
        row.push('\n');
        Ok(OpenOptions::new().create(true).append(true).open(file)?.write_all(row.as_bytes())?)
    }

    fn line(&self, figures: &Figures) -> String {
        let [median, low, high] = [figures.median, figures.low, figures.high].map(shown);
        let ratio = figures.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        format!(
            "{name:<34} {server:<16} {median:>9} {unit}  ({low} to {high})  ratio {ratio:>5}  {details}",
            name = self.name,
            server = figures.name,
            unit = self.unit,
            details = figures.details.words().join("  "),
        )
    }
}

impl Details {
    /// In the order in which they are told.
    pub(crate) fn words(&self) -> Vec<String> {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let words = [
            self.rate.map(|rate| format!("{rate:.0} op/s")),
            self.server_busy.map(|busy| format!("server {}", percent(busy))),
            self.client_busy.map(|busy| format!("client {}", percent(busy))),
            self.threads_ended.map(|ended| format!("{ended} threads ended")),
            self.suite.clone(),
            self.note.clone(),
        ];
        words.into_iter().flatten().collect()
    }
}

impl Figures {
    fn new(measured: Measured, firsts: &[f64]) -> Self {
        let Measured { name, rounds, details } = measured;
        let ratio = median(firsts.iter().zip(&rounds).map(|(first, this)| first / this));
        Self {
            name,
            median: median(rounds.iter().copied()),
            low: rounds.iter().copied().fold(f64::INFINITY, f64::min),
            high: rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            // Of work too little to be seen there is none.
            ratio: ratio.is_finite().then_some(ratio),
            rounds,
            details,
        }
    }
}

/// A figure with as many digits as mean something.
pub(crate) fn shown(figure: f64) -> String {
    if figure >= 1000.0 { format!("{figure:.0}") } else { format!("{figure:.1}") }
}
