//! What it costs to keep a notification before it is acknowledged: acknowledged notifications per second over 64 connections,
//! beside the same server that keeps nothing and beside what the disk can do; and what a million entries that wait change.
//!
//! ```text
//! inbox [--quick] [--postgres URL] [--million]
//! ```
//!
//! The server runs on the first core and the callers on the second, where there are two. Linux only.
#![allow(dead_code, reason = "parts of other benchmarks are shared as they are")]

mod disk;
mod fill;
mod load;
#[path = "../door/median.rs"]
mod median;
#[path = "../trust/pki.rs"]
mod pki;
mod report;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::report::Report;

/// The error of a program whose only caller is a person: a sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "What it costs to keep notifications")]
struct Arguments {
    /// What `cargo bench` adds; it changes nothing.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    /// One small round, to see that it works; its numbers mean nothing.
    #[arg(long)]
    quick: bool,
    /// A database that may be filled; without one, SQLite alone is measured.
    #[arg(long, env = "ISSUER_HOST_TEST_POSTGRES")]
    postgres: Option<String>,
    /// Also with a million entries that wait.
    #[arg(long)]
    million: bool,
    /// Where the files of SQLite lie: the disk that is measured. Default: a temporary directory below the current one.
    #[arg(long)]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The server that is measured, in a process of its own.
    #[command(hide = true)]
    Serve(server::Arguments),
}

fn main() -> Result<(), Error> {
    let Arguments { quick, postgres, million, directory, command, .. } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(Command::Serve(arguments)) = command {
        return runtime.block_on(server::serve(arguments));
    }
    let seconds = if quick { 1 } else { 5 };
    let directory = match directory {
        Some(directory) => tempfile::TempDir::new_in(directory)?,
        None => tempfile::TempDir::new_in(".")?,
    };
    let report = Report {
        directory: directory.path(),
        postgres,
        rounds: if quick { 1 } else { 3 },
        time: Duration::from_secs(seconds),
    };
    runtime.block_on(async {
        report.rates().await?;
        if million {
            report.million(if quick { 20_000 } else { 1_000_000 }).await?;
        }
        Ok(())
    })
}
