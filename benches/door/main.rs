//! The load generator of `scripts/bench.sh`.
//!
//! It drives any TLS server that demands a client certificate, at an address, and charges the work to the server's
//! process: CPU time out of `/proc/PID/stat`, memory out of `/proc/PID/status`. It knows nothing of issuer-host, so that a
//! peer is measured by exactly the same code. Linux only.

mod backend;
mod client;
mod load;
mod median;
mod process;
mod report;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::client::{Http, Tls};
use crate::report::Target;

/// The error of a program whose only caller is a person: a sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(
    about = "Load for a server that demands client certificates. scripts/bench.sh sets everything up and calls this."
)]
struct Arguments {
    /// What `cargo bench` adds; it changes nothing.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Proves that a target speaks what is asked of it, and refuses a caller without a certificate.
    Probe(Probe),
    /// Server CPU per operation, in interleaved rounds over all targets.
    Measure(Measure),
    /// Server memory per idle connection, after a handshake and one POST.
    Idle(Idle),
    /// A plain HTTP/1.1 backend that reads every body and answers 200.
    Backend {
        /// Where to listen.
        #[arg(long)]
        listen: SocketAddr,
    },
}

/// What all commands that call a server need.
#[derive(Args)]
struct Caller {
    /// Directory with `server-ca.pem`, `client-chain.pem` and `client-key.pem`.
    #[arg(long)]
    pki: PathBuf,
    /// The server name, also sent as the host.
    #[arg(long)]
    host: String,
    /// `NAME=ADDRESS,PID`; the first one is compared with each of the others.
    #[arg(long = "target", required = true)]
    targets: Vec<Target>,
    /// TLS version.
    #[arg(long, value_enum, default_value = "1.3")]
    tls: Tls,
    /// HTTP version, by ALPN.
    #[arg(long, value_enum, default_value = "1")]
    http: Http,
    /// Path that is called.
    #[arg(long, default_value = "/")]
    path: String,
}

#[derive(Args)]
struct Probe {
    #[command(flatten)]
    caller: Caller,
    /// How long a target may take to come up.
    #[arg(long, default_value_t = 10)]
    patience_seconds: u64,
}

#[derive(Args)]
struct Measure {
    #[command(flatten)]
    caller: Caller,
    /// What one operation is.
    #[arg(long, value_enum)]
    operation: Operation,
    /// The name of the row in the table.
    #[arg(long)]
    label: String,
    /// Operations of one target in one round.
    #[arg(long, default_value_t = 2000)]
    operations: u32,
    /// Rounds; the medians are printed.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Operations in flight.
    #[arg(long, default_value_t = 8)]
    concurrency: u32,
    /// A round that takes longer than this fails.
    #[arg(long, default_value_t = 60)]
    round_seconds: u64,
}

#[derive(Args)]
struct Idle {
    #[command(flatten)]
    caller: Caller,
    /// The name of the row in the table.
    #[arg(long)]
    label: String,
    /// Connections that are held.
    #[arg(long, default_value_t = 1000)]
    connections: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Operation {
    /// TCP, full mutual TLS handshake, POST of 1 KiB, answer, close.
    Handshake,
    /// POST of 1 KiB on connections that stay open.
    KeptAlive,
}

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
        Command::Probe(Probe { caller, patience_seconds }) => {
            load::probe(&caller, Duration::from_secs(patience_seconds)).await
        }
        Command::Measure(measure) => load::measure(&measure).await,
        Command::Idle(idle) => load::idle(&idle).await,
    }
}
