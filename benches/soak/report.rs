//! The report.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use crate::counts::Counts;
use crate::program::Error;
use crate::program::metrics::Metrics;
use crate::samples::{self, Sample};
use crate::slope::Slope;

const MEBIBYTE: f64 = 1_048_576.0;
/// Below this it is CI's form.
const LONG: Duration = Duration::from_secs(15 * 60);

/// How fast what the program takes may grow, by the hour.
#[derive(Clone, Copy)]
struct Bounds {
    /// In MiB.
    resident: f64,
    descriptors: f64,
}

/// Of a long run: 16 MiB in an hour are 25 bytes for each of some 700,000 calls, less than anything that could be kept of one.
/// 20 descriptors are fewer than one for each of hundreds of reloads, rotations and flaps.
const OF_LONG: Bounds = Bounds { resident: 16.0, descriptors: 20.0 };
/// Of a short run: caches and the allocator's arenas still fill after a minute, which alone makes a slope of a hundred MiB in an hour. What
/// is beyond is 8 MiB in two minutes, or 200 bytes for each of 40,000 calls: somebody keeps calls. Descriptors come and go by the dozen with
/// the backends' flaps, of which there are ten.
const OF_SHORT: Bounds = Bounds { resident: 256.0, descriptors: 600.0 };

pub(crate) struct Report {
    time: Duration,
    counted: BTreeMap<&'static str, u64>,
    wrong: BTreeMap<String, u64>,
    acknowledged: usize,
    lost: usize,
    duplicates: u32,
    resident: Slope,
    descriptors: Slope,
    /// In the beginning, at most, and on the way.
    taken: [String; 2],
    handshakes: BTreeMap<String, f64>,
    dead: f64,
}

impl Report {
    pub(crate) fn new(
        time: Duration,
        counts: &Counts,
        served: &HashMap<String, u32>,
        samples: &[Sample],
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        let taken = |what: fn(&Sample) -> f64| {
            let most = samples.iter().map(what).fold(0.0, f64::max);
            let first = samples.first().map_or(0.0, what);
            // Whether it still grows, or did in the beginning, is seen here.
            let sixths = samples.chunks(samples.len().div_ceil(6).max(1)).filter_map(<[Sample]>::last);
            let sixths: Vec<_> = sixths.map(|sample| format!("{:.1}", what(sample))).collect();
            format!("{first:.1} in the beginning, {most:.1} at most; after each sixth {}", sixths.join(", "))
        };
        let resident = samples::slope(samples, time, |sample| sample.resident / MEBIBYTE)?;
        let descriptors = samples::slope(samples, time, |sample| sample.descriptors)?;
        let accepted = |session: &str| {
            let labels = ["outcome=\"accepted\"".to_owned(), format!("session=\"{session}\"")];
            metrics.sum("issuer_host_handshakes_total", &labels.each_ref().map(String::as_str))
        };
        Ok(Self {
            time,
            counted: counts.counted(),
            wrong: counts.wrongs(),
            acknowledged: counts.acknowledgements(),
            lost: counts.lost(served).len(),
            duplicates: counts.duplicates(served),
            resident,
            descriptors,
            taken: [taken(|sample| sample.resident / MEBIBYTE), taken(|sample| sample.descriptors)],
            handshakes: ["full", "remembered", "resumed"].map(|session| (session.to_owned(), accepted(session))).into(),
            dead: metrics.sum("issuer_host_inbox_dead_letters", &[]),
        })
    }

    pub(crate) fn is_well(&self) -> bool {
        self.faults().is_empty()
    }

    fn bounds(&self) -> Bounds {
        if self.time < LONG { OF_SHORT } else { OF_LONG }
    }

    fn faults(&self) -> Vec<String> {
        let mut faults: Vec<_> = self.wrong.iter().map(|(what, count)| format!("{count} times {what}")).collect();
        if self.lost > 0 {
            faults.push(format!("{} acknowledged notifications never arrived", self.lost));
        }
        if self.dead > 0.0 {
            faults.push(format!("{} dead letters", self.dead));
        }
        let bounds = self.bounds();
        if self.resident.exceeds(bounds.resident) {
            faults.push(format!("memory grows by more than {} MiB/h", bounds.resident));
        }
        if self.descriptors.exceeds(bounds.descriptors) {
            faults.push(format!("descriptors grow by more than {}/h", bounds.descriptors));
        }
        // A run without them says nothing.
        for needed in [
            "questions answered",
            "notifications acknowledged",
            "questions told to come again, the backend being unwell",
            "calls of the removed CA, refused",
            "calls with a removed API key, refused",
            "calls of a stranger, refused",
            "client CA added",
            "client CA removed",
            "server certificates renewed",
        ] {
            if !self.counted.contains_key(needed) {
                faults.push(format!("never: {needed}"));
            }
        }
        for (session, count) in &self.handshakes {
            if *count == 0.0 {
                faults.push(format!("never: a handshake that was {session}"));
            }
        }
        faults
    }

    fn wrongly(&self, how: &str) -> u64 {
        self.wrong.iter().filter(|(what, _)| what.starts_with(how)).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.time.as_secs() / 60;
        let Self { acknowledged, lost, duplicates, taken: [resident, descriptors], .. } = self;
        let bounds = self.bounds();
        writeln!(f, "| Soak of {minutes} minutes | |\n|---|---|")?;
        writeln!(
            f,
            "| notifications acknowledged, lost, delivered twice | {acknowledged}, **{lost}**, {duplicates} |"
        )?;
        writeln!(f, "| wrongly refused | **{}** |", self.wrongly("wrongly refused"))?;
        writeln!(f, "| wrongly admitted | **{}** |", self.wrongly("wrongly admitted"))?;
        for (what, count) in &self.counted {
            writeln!(f, "| {what} | {count} |")?;
        }
        for (session, count) in &self.handshakes {
            writeln!(f, "| handshakes accepted, {session} | {count} |")?;
        }
        let warm_up = samples::warm_up(self.time).as_secs();
        writeln!(f, "| RSS, MiB | {resident} |")?;
        writeln!(
            f,
            "| RSS, slope after {warm_up} s | {:+.2} MiB/h, standard error {:.2}, at most {} |",
            self.resident.per_hour, self.resident.error, bounds.resident
        )?;
        writeln!(f, "| descriptors | {descriptors} |")?;
        writeln!(
            f,
            "| descriptors, slope after {warm_up} s | {:+.2}/h, standard error {:.2}, at most {} |",
            self.descriptors.per_hour, self.descriptors.error, bounds.descriptors
        )?;
        for fault in self.faults() {
            writeln!(f, "| **FAILED** | {fault} |")?;
        }
        Ok(())
    }
}
