//! What the program is asked to do.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::Error;
use crate::client::{Client, Http, Tls};
use crate::disturbance::{Disturb, Newcomers, Reloads};
use crate::document::Document;
use crate::record::{Measured, Row};
use crate::results::Keep;
use crate::target::{Program, Target};

#[derive(Parser)]
#[command(about = "Load for a server that demands client certificates, and what it costs that server.")]
pub(crate) struct Arguments {
    /// What `cargo bench` adds; it changes nothing.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Shows that every target does what is asked of it, and refuses a caller without a certificate.
    Probe(Probe),
    /// Server CPU per operation, in interleaved rounds over all targets.
    Measure(Measure),
    /// Server memory per idle connection, after a handshake and one POST.
    Idle(Idle),
    /// Idle connections that are held until this process is ended.
    Hold(Hold),
    /// The 99th percentile of calls at random moments, with something else going on and without.
    Latency(Latency),
    /// Full handshakes at random moments.
    Newcomers(Newcomers),
    /// Reloads at random moments, each with another server certificate.
    Reloads(Reloads),
    /// The time from a server's start until it answers.
    Start(Start),
    /// Instructions of a server per operation, counted by callgrind.
    Instructions(Instructions),
    /// Keeps the rows of a run, with where and when it was.
    Keep(Keep),
    /// Writes the tables of a run into the document about it.
    Document(Document),
    /// A plain HTTP/1.1 backend that reads every body and answers 200, but for the path /never, where it does not answer.
    Backend {
        /// Where to listen.
        #[arg(long)]
        listen: SocketAddr,
    },
}

/// What all commands that call a server need.
#[derive(Args)]
pub(crate) struct Caller {
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
    /// What has to be answered, where it is another status than 200 or 204.
    #[arg(long)]
    answer: Option<u16>,
}

/// What all commands that make a row of the table need.
#[derive(Args)]
pub(crate) struct RowOptions {
    /// The name of the row.
    #[arg(long)]
    pub(crate) label: String,
    /// A file that the row is added to, as a line of JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Probe {
    #[command(flatten)]
    pub(crate) caller: Caller,
    /// `NAME=ADDRESS,PID`.
    #[arg(long = "target", required = true)]
    pub(crate) targets: Vec<Target>,
    /// How long a target may take to come up.
    #[arg(long, default_value_t = 10)]
    pub(crate) patience_seconds: u64,
}

#[derive(Args)]
pub(crate) struct Measure {
    #[command(flatten)]
    pub(crate) caller: Caller,
    #[command(flatten)]
    pub(crate) row: RowOptions,
    /// `NAME=ADDRESS,PID`; the first one is compared with each of the others.
    #[arg(long = "target", required = true)]
    pub(crate) targets: Vec<Target>,
    /// What one operation is.
    #[arg(long, value_enum)]
    pub(crate) operation: Operation,
    /// Operations of one target in one round.
    #[arg(long, default_value_t = 2000)]
    pub(crate) operations: u32,
    /// Rounds; the medians are published.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: u32,
    /// Operations in flight.
    #[arg(long, default_value_t = 8)]
    pub(crate) concurrency: u32,
    /// A round that takes longer than this fails.
    #[arg(long, default_value_t = 60)]
    pub(crate) round_seconds: u64,
}

#[derive(Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub(crate) caller: Caller,
    #[command(flatten)]
    pub(crate) row: RowOptions,
    /// `NAME=ADDRESS,PID`; the first one is compared with each of the others.
    #[arg(long = "target", required = true)]
    pub(crate) targets: Vec<Target>,
    /// Connections that are held.
    #[arg(long, default_value_t = 1000)]
    pub(crate) connections: u32,
}

#[derive(Args)]
pub(crate) struct Hold {
    #[command(flatten)]
    pub(crate) caller: Caller,
    /// Where the server listens.
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// Connections that are held.
    #[arg(long)]
    pub(crate) connections: u32,
}

#[derive(Args)]
pub(crate) struct Latency {
    #[command(flatten)]
    pub(crate) caller: Caller,
    #[command(flatten)]
    pub(crate) row: RowOptions,
    /// `NAME=ADDRESS,PID`.
    #[arg(long)]
    pub(crate) target: Target,
    /// Calls a second.
    #[arg(long, default_value_t = 500.0)]
    pub(crate) rate: f64,
    /// Connections that they come over.
    #[arg(long, default_value_t = 16)]
    pub(crate) connections: u32,
    /// How long a round takes.
    #[arg(long, default_value_t = 6.0)]
    pub(crate) seconds: f64,
    /// Rounds, each with the disturbance and without.
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) disturb: Disturb,
}

#[derive(Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) caller: Caller,
    #[command(flatten)]
    pub(crate) row: RowOptions,
    /// `NAME=ADDRESS,COMMAND`; the first one is compared with each of the others.
    #[arg(long = "server", required = true)]
    pub(crate) servers: Vec<Program>,
    /// How often each is started.
    #[arg(long, default_value_t = 11)]
    pub(crate) starts: u32,
}

#[derive(Args)]
pub(crate) struct Instructions {
    #[command(flatten)]
    pub(crate) caller: Caller,
    #[command(flatten)]
    pub(crate) row: RowOptions,
    /// `NAME=ADDRESS,COMMAND`; the first one is compared with each of the others.
    #[arg(long = "server", required = true)]
    pub(crate) servers: Vec<Program>,
    /// What one operation is.
    #[arg(long, value_enum)]
    pub(crate) operation: Operation,
    /// Operations of the shorter run; the longer one has three times as many.
    #[arg(long, default_value_t = 100)]
    pub(crate) operations: u32,
    /// Operations in flight.
    #[arg(long, default_value_t = 8)]
    pub(crate) concurrency: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// TCP, full mutual TLS handshake, POST of 1 KiB, answer, close.
    HandshakeFull,
    /// The same with a session that is resumed, each time shown to be.
    HandshakeResumed,
    /// POST of 1 KiB on connections that stay open.
    KeptAlive,
}

impl Caller {
    pub(crate) fn client(&self) -> Result<Client, Error> {
        Ok(Client::new(&self.pki, &self.host, &self.path, self.tls, self.http)?.expecting(self.answer))
    }

    /// The same without a certificate, over HTTP/1.1.
    pub(crate) fn stranger(&self) -> Result<Client, Error> {
        Client::without_certificate(&self.pki, &self.host, &self.path, self.tls, Http::V1)
    }

    /// The same caller for another process of this program.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let value = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned().into());
        let pairs: [(&str, Option<OsString>); 6] = [
            ("--pki", Some(self.pki.clone().into())),
            ("--host", Some(self.host.clone().into())),
            ("--path", Some(self.path.clone().into())),
            ("--tls", value(self.tls.to_possible_value())),
            ("--http", value(self.http.to_possible_value())),
            ("--answer", self.answer.map(|answer| answer.to_string().into())),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some([name.into(), value?])).flatten().collect()
    }
}

impl RowOptions {
    pub(crate) fn publish(&self, unit: &str, measured: Vec<Measured>) -> Result<(), Error> {
        Row::new(&self.label, unit, measured).publish(self.json.as_deref())
    }
}
