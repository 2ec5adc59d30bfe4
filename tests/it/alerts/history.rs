//! What Prometheus would have kept of a server: real scrapes, each of which stands for some minutes of a time that nobody waits for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use issuer_host::metrics::table::Kind;

use crate::support::Server;
use crate::support::series::{Sample, try_told};

/// How long, in minutes, each history has nothing to tell but the first scrape: longer than all but the longest `for` of the rules.
pub(super) const BEFORE: u32 = 30;

/// The series of one server, a sample a minute.
pub(super) struct History {
    instance: &'static str,
    minutes: u32,
    up: String,
    series: BTreeMap<String, Series>,
}

struct Series {
    /// As promtool writes samples: `5+2x3` is 5, 7, 9, 11.
    samples: String,
    /// What the last scrape told; `None` where it told nothing.
    scraped: Option<f64>,
    /// What the history tells after all that was repeated.
    now: f64,
}

/// What has happened between two scrapes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    /// It happens again whenever so many minutes have passed. What goes on does so whether a test waits for it or not: a rate is made of
    /// the same rises.
    Every(u32),
    Once,
}

impl History {
    /// A server as it is now, and has been for half an hour.
    pub(super) async fn of(server: &Server) -> Self {
        Self::named("one:9090", server).await
    }

    /// The same of one of several.
    pub(super) async fn named(instance: &'static str, server: &Server) -> Self {
        let mut history = Self { instance, minutes: 0, up: String::new(), series: BTreeMap::new() };
        history.add(server, BEFORE, Since::Once).await;
        history
    }

    /// So many more minutes as the server is now. What it counted since the last scrape it counts again in each of them.
    pub(super) async fn goes_on(&mut self, minutes: u32, server: &Server) {
        self.add(server, minutes, Since::Every(1)).await;
    }

    /// So many more times as the server is now, with a pause of so many minutes behind each. What it counted since the last scrape it
    /// counts again each time.
    pub(super) async fn comes_again(&mut self, times: u32, pause: u32, server: &Server) {
        self.add(server, times * pause, Since::Every(pause)).await;
    }

    /// So many more minutes as the server is now. What it counted since the last scrape it counts no more.
    pub(super) async fn stays(&mut self, minutes: u32, server: &Server) {
        self.add(server, minutes, Since::Once).await;
    }

    async fn add(&mut self, server: &Server, minutes: u32, since: Since) {
        let scraped = try_told(server).await;
        let more = minutes - 1;
        let _ = write!(self.up, " {}+0x{more}", u8::from(scraped.is_some()));
        let mut samples: BTreeMap<String, Sample> =
            scraped.unwrap_or_default().into_iter().map(|sample| (self.written(&sample), sample)).collect();
        for (name, series) in &mut self.series {
            match samples.remove(name) {
                Some(sample) => series.go_on(&sample, self.minutes, minutes, since),
                None => series.pause(minutes),
            }
        }
        for (name, sample) in samples {
            let mut series = Series { samples: String::new(), scraped: None, now: 0.0 };
            if self.minutes > 0 {
                let _ = write!(series.samples, " _x{}", self.minutes);
            }
            series.go_on(&sample, self.minutes, minutes, since);
            self.series.insert(name, series);
        }
        self.minutes += minutes;
    }

    /// The series' name with its labels, and those that Prometheus gives it.
    fn written(&self, sample: &Sample) -> String {
        let labels = sample.labels.iter().map(|(name, value)| format!(",{name}={value:?}"));
        format!("{}{{job=\"issuer-host\",instance=\"{}\"{}}}", sample.series, self.instance, labels.collect::<String>())
    }

    /// How long it is, in minutes.
    pub(super) fn minutes(&self) -> u32 {
        self.minutes
    }

    /// Name and samples of each series, as promtool wants them.
    pub(super) fn series(&self) -> impl Iterator<Item = (String, &str)> {
        let up = (format!("up{{job=\"issuer-host\",instance=\"{}\"}}", self.instance), self.up.as_str());
        self.series.iter().map(|(name, series)| (name.clone(), series.samples.as_str())).chain([up])
    }
}

impl Series {
    /// `start`, `minutes`: when what was scraped begins to be told, and for how long.
    fn go_on(&mut self, sample: &Sample, start: u32, minutes: u32, since: Since) {
        let value = sample.value;
        let mut rise = 0.0;
        if matches!(sample.row().kind(), Kind::Counter | Kind::Histogram) {
            // What is told for the first time was 0 before.
            rise = value - self.scraped.unwrap_or(0.0);
            assert!(rise >= 0.0, "a counter fell: {sample:?}");
            self.now += rise;
        } else if sample.series.ends_with("_timestamp_seconds") {
            // promtool's time begins in 1970: what is a day ahead of the scrape is a day ahead of it there.
            self.now = value - seconds_since_1970() + f64::from(start * 60);
        } else {
            self.now = value;
        }
        self.scraped = Some(value);
        let (rise, pause) = match since {
            Since::Once => (0.0, 1),
            Since::Every(pause) => (rise, pause),
        };
        let more = minutes / pause - 1;
        if pause == 1 {
            let _ = write!(self.samples, " {}+{rise}x{more}", self.now);
        } else {
            for time in 0..=more {
                let _ = write!(self.samples, " {}+0x{}", self.now + rise * f64::from(time), pause - 1);
            }
        }
        self.now += rise * f64::from(more);
    }

    /// It is not told for so many minutes.
    fn pause(&mut self, minutes: u32) {
        let again = if self.scraped.take().is_some() { "stale" } else { "_" };
        let _ = write!(self.samples, " {again}");
        if minutes > 1 {
            let _ = write!(self.samples, " _x{}", minutes - 1);
        }
    }
}

fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}
