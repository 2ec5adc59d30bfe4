//! The real program under mixed load for a long time, while everything around it changes: trust, certificates, keys, backends.
//!
//! ```text
//! scripts/soak.sh [--minutes 30] [--program target/release/issuer-host]
//! ```
//!
//! Two environments on one port, an inbox on SQLite that both share. Callers over HTTP/1.1 and HTTP/2, over connections that are kept, with
//! full and with resumed handshakes, with questions and with notifications; a reload each second; a client CA that comes and goes, server
//! certificates and API keys that are renewed; backends that are down, slow or failing every so often.
//!
//! It fails when anything that was acknowledged does not arrive, when anybody is refused whom the trust of that moment admits, or admitted
//! whom it does not, and when memory or descriptors grow. Linux only.

mod callers;
mod changes;
mod counts;
mod era;
mod place;
#[path = "../program/mod.rs"]
#[allow(dead_code, reason = "shared with a benchmark that uses the rest")]
mod program;
mod report;
mod samples;
mod slope;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::counts::Counts;
use crate::place::Place;
use crate::program::Error;
use crate::report::Report;

#[derive(Parser)]
#[command(about = "The real program under mixed load for a long time")]
struct Arguments {
    /// What `cargo bench` adds; it changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
    /// The program.
    #[arg(long)]
    program: Option<PathBuf>,
    /// For so long.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(3..))]
    minutes: u64,
}

/// What the last deliveries may take once the backends are well again: the inbox leaves one that was down alone for half a minute.
const DELIVERED: Duration = Duration::from_secs(180);

fn main() -> Result<ExitCode, Error> {
    let arguments = Arguments::parse();
    let Some(program) = arguments.program else {
        println!("soak: nothing to do without --program PATH; run scripts/soak.sh");
        return Ok(ExitCode::SUCCESS);
    };
    program::serving::raise_descriptors(8192);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = runtime.block_on(soak(&program.canonicalize()?, Duration::from_secs(arguments.minutes * 60)))?;
    println!("{report}");
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn soak(program: &std::path::Path, time: Duration) -> Result<Report, Error> {
    let place = Arc::new(Place::open(program).await?);
    let counts = Arc::new(Counts::default());
    let enough = CancellationToken::new();
    let callers = callers::start(&place, &counts, &enough)?;
    let changing = tokio::spawn(changes::each_second(Arc::clone(&place), Arc::clone(&counts), enough.clone()));
    let flapping = tokio::spawn(changes::flaps(Arc::clone(&place), Arc::clone(&counts), enough.clone()));
    let samples = samples::take(&place, time).await;
    enough.cancel();
    for task in callers {
        task.await?;
    }
    let (changed, flapped) = (changing.await?, flapping.await?);
    let samples = samples?;
    changed?;
    flapped?;
    let end = Instant::now() + DELIVERED;
    while !counts.lost(&place.served()).is_empty() && Instant::now() < end {
        sleep(Duration::from_millis(200)).await;
    }
    // What was delivered more often than once may still come.
    sleep(Duration::from_secs(1)).await;
    let metrics = place.program.metrics().await?;
    Report::new(time, &counts, &place.served(), &samples, &metrics)
}
