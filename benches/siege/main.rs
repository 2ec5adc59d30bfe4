//! The real program under attack, with an honest caller beside it.
//!
//! ```text
//! cargo bench --bench siege -- --program target/release/issuer-host [--quick] [--only NAME]
//! ```
//!
//! Each attack meets a program of its own, started from nothing. An honest caller calls it in calm, and then while a child process attacks it
//! from other addresses of loopback; calls come at a steady rate, whether or not the one before was answered, and their time counts from when
//! they were due. Afterwards the gauges have to be where they were. A Markdown table on standard output, a line for each attack; the exit code
//! says whether every honest call was served (but where the attack takes that away by nature: the table says so) and all came back. Linux only.

mod attacks;
mod cgroup;
mod disk;
mod gauges;
mod honest;
mod hostile;
mod place;
#[path = "../program/mod.rs"]
#[allow(dead_code, reason = "shared with a benchmark that uses the rest")]
mod program;
mod row;
mod siege;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::attacks::ATTACKS;
use crate::program::Error;
use crate::row::Row;

#[derive(Parser)]
#[command(about = "The real program under attack, with an honest caller beside it")]
struct Arguments {
    /// What `cargo bench` adds; it changes nothing.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    /// The program that is attacked.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Few and short attacks, to see that it works; its numbers mean little.
    #[arg(long)]
    quick: bool,
    /// The attacks alone whose names begin like that.
    #[arg(long)]
    only: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The attacking side, in a process of its own.
    #[command(hide = true)]
    Attack(hostile::Arguments),
}

/// Descriptors for ten thousand connections, and as many to the backend.
const DESCRIPTORS: u64 = 40_000;

fn main() -> Result<ExitCode, Error> {
    let arguments = Arguments::parse();
    if let Some(Command::Attack(attack)) = arguments.command {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(hostile::attack(&attack))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(program) = arguments.program else {
        println!("siege: nothing to do without --program PATH");
        return Ok(ExitCode::SUCCESS);
    };
    let descriptors = program::serving::raise_descriptors(DESCRIPTORS);
    if descriptors < DESCRIPTORS {
        eprintln!("siege: {descriptors} descriptors instead of {DESCRIPTORS}: fewer slow clients fit");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let program = program.canonicalize()?;
    println!("{}", row::run(arguments.quick)?);
    println!("{}", row::head());
    let mut all_well = true;
    for attack in
        ATTACKS.iter().filter(|attack| arguments.only.as_ref().is_none_or(|only| attack.name.starts_with(only)))
    {
        let row = runtime
            .block_on(siege::lay(attack, &program, arguments.quick))
            .unwrap_or_else(|error| Row::broken(attack, &error));
        println!("{row}");
        all_well &= row.is_well();
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
