//! Targets, samples, and the lines of the table.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::median::median;

/// A server under load.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(name, rest)| Some((name, rest.split_once(',')?)));
        let (name, (address, pid)) = parts.ok_or_else(|| format!("`{text}` is not NAME=ADDRESS,PID"))?;
        Ok(Self {
            name: name.to_owned(),
            address: address.parse().map_err(|error| format!("`{address}`: {error}"))?,
            pid: pid.parse().map_err(|error| format!("`{pid}`: {error}"))?,
        })
    }
}

/// One round of one target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Microseconds of server CPU for one operation.
    pub(crate) server_micros: f64,
    /// Operations a second, by the wall clock.
    pub(crate) rate: f64,
    /// Share of the wall clock that the server was computing, 0 to 1 per core.
    pub(crate) server_busy: f64,
    /// The same of this program.
    pub(crate) client_busy: f64,
}

impl Sample {
    pub(crate) fn new(operations: u32, wall: Duration, server: Duration, client: Duration) -> Self {
        let wall = wall.as_secs_f64();
        Self {
            server_micros: server.as_secs_f64() * 1e6 / f64::from(operations),
            rate: f64::from(operations) / wall,
            server_busy: server.as_secs_f64() / wall,
            client_busy: client.as_secs_f64() / wall,
        }
    }
}

/// Prints the medians of `samples`, a line for each target. `ratio` is the first target's CPU divided by that of this one: below 1,
/// the first target needs less.
pub(crate) fn print_samples(label: &str, samples: &[(Target, Vec<Sample>)]) {
    let firsts = samples.first().map_or(&[][..], |(_, samples)| samples);
    for (target, samples) in samples {
        let micros = |sample: &Sample| sample.server_micros;
        let cpu = median(samples.iter().map(micros));
        // Of the rounds' ratios: what disturbs the machine disturbs all servers of a round alike.
        let pairs = firsts.iter().map(micros).zip(samples.iter().map(micros));
        let ratio = ratio(median(pairs.map(|(first, this)| first / this)), 1.0);
        println!(
            "{label:<26} {name:<14} {cpu:>9.1} us/op  ({low:.1} to {high:.1})  ratio {ratio:>5}  {rate:>8.0} op/s  \
             server {server:>3.0} %  client {client:>3.0} %",
            name = target.name,
            low = samples.iter().map(micros).fold(f64::INFINITY, f64::min),
            high = samples.iter().map(micros).fold(0.0, f64::max),
            rate = median(samples.iter().map(|sample| sample.rate)),
            server = median(samples.iter().map(|sample| sample.server_busy)) * 100.0,
            client = median(samples.iter().map(|sample| sample.client_busy)) * 100.0,
        );
    }
}

/// Prints bytes per connection, a line for each target; `ratio` as above.
pub(crate) fn print_bytes(label: &str, connections: u32, measured: &[(Target, u64, u64)]) {
    let mut first = None;
    for (target, before, after) in measured {
        #[expect(clippy::cast_precision_loss, reason = "memory sizes are far below 2^52 bytes")]
        let bytes = after.saturating_sub(*before) as f64 / f64::from(connections);
        let ratio = ratio(*first.get_or_insert(bytes), bytes);
        println!(
            "{label:<26} {name:<14} {bytes:>9.0} bytes/connection  ratio {ratio:>5}  RSS {before} to {after} kB with {connections}",
            name = target.name,
            before = before / 1024,
            after = after / 1024,
        );
    }
}

/// A ratio to two digits, or a dash where the work was too little to be seen.
fn ratio(first: f64, other: f64) -> String {
    if first > 0.0 && other > 0.0 { format!("{:.2}", first / other) } else { "-".to_owned() }
}
