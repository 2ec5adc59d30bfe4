//! The load generator of `scripts/bench.sh`.
//!
//! It drives any TLS server that demands a client certificate, at an address, and charges the work to the server's
//! process: CPU time out of `/proc/PID/task`, memory out of `/proc/PID/status`. It knows nothing of issuer-host, so that a
//! peer is measured by exactly the same code. Linux only.

mod backend;
mod client;
mod clock;
mod connections;
mod load;
mod median;
#[allow(dead_code, reason = "shared with benchmarks that use all of it")]
mod process;
mod record;
mod sample;
mod sessions;
mod target;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::client::{Client, Http, Tls};
use crate::record::{Measured, Row};
use crate::target::Target;

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
    /// Idle connections that are held until standard input ends.
    Hold(Hold),
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

/// What all commands that make a row of the table need.
#[derive(Args)]
struct RowOptions {
    /// The name of the row.
    #[arg(long)]
    label: String,
    /// A file that the row is added to, as a line of JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct Probe {
    #[command(flatten)]
    caller: Caller,
    /// `NAME=ADDRESS,PID`.
    #[arg(long = "target", required = true)]
    targets: Vec<Target>,
    /// How long a target may take to come up.
    #[arg(long, default_value_t = 10)]
    patience_seconds: u64,
}

#[derive(Args)]
struct Measure {
    #[command(flatten)]
    caller: Caller,
    #[command(flatten)]
    row: RowOptions,
    /// `NAME=ADDRESS,PID`; the first one is compared with each of the others.
    #[arg(long = "target", required = true)]
    targets: Vec<Target>,
    /// What one operation is.
    #[arg(long, value_enum)]
    operation: Operation,
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
    #[command(flatten)]
    row: RowOptions,
    /// `NAME=ADDRESS,PID`; the first one is compared with each of the others.
    #[arg(long = "target", required = true)]
    targets: Vec<Target>,
    /// Connections that are held.
    #[arg(long, default_value_t = 1000)]
    connections: u32,
}

#[derive(Args)]
struct Hold {
    #[command(flatten)]
    caller: Caller,
    /// `NAME=ADDRESS,PID`.
    #[arg(long)]
    target: Target,
    /// Connections that are held.
    #[arg(long)]
    connections: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Operation {
    /// TCP, full mutual TLS handshake, POST of 1 KiB, answer, close.
    HandshakeFull,
    /// The same with a session that is resumed, each time shown to be.
    HandshakeResumed,
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
        Command::Probe(Probe { caller, targets, patience_seconds }) => {
            load::probe(&caller, &targets, Duration::from_secs(patience_seconds)).await
        }
        Command::Measure(measure) => load::measure(&measure).await,
        Command::Idle(idle) => connections::idle(&idle).await,
        Command::Hold(hold) => connections::hold(&hold).await,
    }
}

impl Caller {
    fn client(&self) -> Result<Client, Error> {
        Client::new(&self.pki, &self.host, &self.path, self.tls, self.http)
    }

    fn stranger(&self) -> Result<Client, Error> {
        Client::without_certificate(&self.pki, &self.host, &self.path, self.tls, Http::V1)
    }
}

impl RowOptions {
    fn publish(&self, unit: &str, measured: Vec<Measured>) -> Result<(), Error> {
        Row::new(&self.label, unit, measured).publish(self.json.as_deref())
    }
}
