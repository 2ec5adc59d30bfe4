//! What the interpreter costs a request: finding out which call it is, its second key, its line in the log.
//!
//! The layers of an environment run in memory, before a handler that answers at once; the CPU time of their thread is counted.
//! `cargo bench --bench interpreter` runs all of it; `-- --quick` shows that it works. Linux only.

mod calls;
#[path = "../trust/cpu.rs"]
#[allow(dead_code, reason = "shared with a benchmark that uses all of it")]
mod cpu;
#[path = "../door/median.rs"]
mod median;
mod parts;
#[path = "../trust/report.rs"]
#[allow(dead_code, reason = "shared with a benchmark that uses all of it")]
mod report;
mod stacks;

use clap::{Parser, ValueEnum};
use issuer_host::telemetry::{self, Format};

use crate::report::Report;

/// The error of a program whose only caller is a person: a sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "What the interpreter costs a request.")]
struct Arguments {
    /// What `cargo bench` adds; it changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
    /// Small numbers, to see that it works; what it prints means nothing.
    #[arg(long)]
    quick: bool,
    /// Only these parts.
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Stacks,
    Parts,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    // As a server has it; its lines go where they cost nothing more.
    tracing::dispatcher::set_global_default(telemetry::dispatch(Format::Json, "info", false, std::io::sink)?)?;
    let mut report = Report::begin()?;
    let (rounds, calls) = if arguments.quick { (1, 500) } else { (15, 40_000) };
    if wanted(Part::Stacks) {
        stacks::measure(&mut report, rounds, calls)?;
    }
    if wanted(Part::Parts) {
        parts::measure(rounds, calls)?;
    }
    report.end();
    Ok(())
}
