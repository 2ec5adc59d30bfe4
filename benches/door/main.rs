//! The load generator of `scripts/bench.sh`.
//!
//! It drives any TLS server that demands a client certificate, at an address, and charges the work to the server's
//! process: CPU time out of `/proc/PID/task`, memory out of `/proc/PID/status`. It knows nothing of issuer-host but how to ask for a
//! reload, so that a peer is measured by exactly the same code. Linux only.

mod arguments;
mod arrivals;
mod backend;
mod client;
mod clock;
mod connections;
mod disturbance;
mod document;
mod latency;
mod load;
mod median;
#[allow(dead_code, reason = "shared with benchmarks that use all of it")]
mod process;
mod record;
mod results;
mod sample;
mod sessions;
mod spawned;
mod target;
mod targets;

use std::time::Duration;

use clap::Parser;

use crate::arguments::{Arguments, Command, Probe};

/// The error of a program whose only caller is a person: a sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let Some(command) = Arguments::parse().command else {
        println!("door: nothing to do without a server; run scripts/bench.sh");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(command))
}

async fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Backend { listen } => backend::serve(listen).await,
        Command::Probe(Probe { caller, targets, patience_seconds }) => {
            load::probe(&caller, &targets, Duration::from_secs(patience_seconds)).await
        }
        Command::Measure(measure) => load::measure(&measure).await,
        Command::Idle(idle) => connections::idle(&idle).await,
        Command::Hold(hold) => connections::hold(&hold).await,
        Command::Latency(latency) => latency::latency(&latency).await,
        Command::Newcomers(newcomers) => disturbance::newcomers(&newcomers).await,
        Command::Reloads(reloads) => disturbance::reloads(&reloads).await,
        Command::Start(start) => spawned::start(&start).await,
        Command::Keep(keep) => results::keep(&keep),
        Command::Document(document) => document::document(&document),
        Command::Instructions(instructions) => spawned::instructions(&instructions).await,
    }
}
