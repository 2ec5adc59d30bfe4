//! What trust costs: server CPU of a handshake with and without a remembered verdict and of a resumed one, of a reload with ten
//! thousand live connections, and of the question that each request asks.
//!
//! The real library answers over loopback, in a thread of its own whose CPU time alone is counted. `cargo bench --bench trust`
//! runs all of it; `-- --quick` shows that it works. Linux only.

mod caller;
mod cpu;
mod handshakes;
mod holder;
#[path = "../door/median.rs"]
mod median;
mod pki;
#[path = "../door/process.rs"]
mod process;
mod report;
mod retirement;
mod server;
mod standing;
mod tickets;

use clap::{Parser, Subcommand, ValueEnum};

use crate::holder::Hold;
use crate::report::Report;

/// The error of a program whose only caller is a person: a sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "What trust costs a server: handshakes, reloads, requests.")]
struct Arguments {
    /// What `cargo bench` adds; it changes nothing.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    /// Small numbers, to see that it works; what it prints means nothing.
    #[arg(long)]
    quick: bool,
    /// Only these parts.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Handshakes,
    Tickets,
    Standing,
    Retirement,
}

#[derive(Subcommand)]
enum Command {
    /// The calling side of many live connections: a process of its own, since one may not have descriptors for both ends.
    #[command(hide = true)]
    Hold(Hold),
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    if let Some(Command::Hold(hold)) = arguments.command {
        return holder::run(&hold);
    }
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let mut report = Report::begin()?;
    if wanted(Part::Handshakes) {
        let (rounds, visits) = if arguments.quick { (1, 16) } else { (11, 160) };
        handshakes::measure(&mut report, rounds, visits)?;
    }
    if wanted(Part::Tickets) {
        let (rounds, calls) = if arguments.quick { (1, 100) } else { (7, 2000) };
        tickets::measure(rounds, calls)?;
    }
    if wanted(Part::Standing) {
        let (rounds, asked) = if arguments.quick { (1, 1000) } else { (7, 1_000_000) };
        standing::measure(rounds, asked)?;
    }
    if wanted(Part::Retirement) {
        let connections = if arguments.quick { 200 } else { 10_000 };
        retirement::measure(&mut report, connections)?;
    }
    report.end();
    Ok(())
}
