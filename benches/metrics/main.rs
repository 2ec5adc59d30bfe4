//! What it costs to be asked for metrics: ten environments with every operation of the catalogue, in memory and in the real binary.
//!
//! `cargo bench --bench metrics` runs all of it; `-- --quick` shows that it works. Linux only.

#[path = "../trust/cpu.rs"]
#[allow(dead_code, reason = "shared with a benchmark that uses all of it")]
mod cpu;
mod filled;
#[path = "../door/median.rs"]
mod median;
#[path = "../door/process.rs"]
#[allow(dead_code, reason = "shared with a benchmark that uses all of it")]
mod process;
mod server;

use std::time::Duration;

use clap::Parser;

use crate::median::median;

/// The error of a program whose only caller is a person: a sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// How many environments there are.
const ENVIRONMENTS: usize = 10;

#[derive(Parser)]
#[command(about = "What it costs to be asked for metrics.")]
struct Arguments {
    /// What `cargo bench` adds; it changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
    /// Small numbers, to see that it works; what it prints means nothing.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<(), Error> {
    let quick = Arguments::parse().quick;
    in_memory(quick)?;
    server::measure(ENVIRONMENTS, quick)
}

/// What the text costs that is written, and what a request pays for being counted: while nobody asks, and while somebody asks all the time.
fn in_memory(quick: bool) -> Result<(), Error> {
    let (rounds, scrapes, requests) = if quick { (1, 5, 1_000) } else { (11, 100, 1_000_000) };
    let filled = filled::Filled::new(ENVIRONMENTS);
    let text = filled.metrics.encode();
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    println!(
        "{ENVIRONMENTS} environments, every operation of the catalogue in each: {samples} samples, {} KiB",
        text.len() / 1024
    );
    let mut costs = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let scraping = cpu::time_of(|| {
            for _ in 0..scrapes {
                std::hint::black_box(filled.metrics.encode());
            }
            Ok(())
        })?;
        costs.0.push(cpu::micros_each(scraping, scrapes));
        costs.1.push(cpu::micros_each(filled.count(requests)?, requests) * 1e3);
        let asked = filled.while_asked(|| filled.count(requests))?;
        costs.2.push(cpu::micros_each(asked, requests) * 1e3);
    }
    let (scrape, alone, asked) = (median(costs.0), median(costs.1), median(costs.2));
    tell_scrape("in memory", Duration::from_secs_f64(scrape / 1e6));
    println!(
        "a request is counted in {alone:.0} ns, and in {asked:.0} ns while somebody asks for metrics all the time"
    );
    Ok(())
}

/// What one scrape takes, and what that comes to where it is asked for once a second.
pub(crate) fn tell_scrape(place: &str, cpu: Duration) {
    println!(
        "{place}: {:.2} ms of CPU for a scrape, {:.2} % of a core at one a second",
        cpu.as_secs_f64() * 1e3,
        cpu.as_secs_f64() * 100.0
    );
}
