//! `issuer-host call --mode`: many calls, and what becomes of them.

mod advisor;
mod progress;
mod summary;

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::process::ExitCode;
use std::time::Duration;

pub(super) use advisor::Advisor;
use bytes::Bytes;
use clap::ValueEnum;
use http::Request;
use progress::Progress;
use summary::Summary;
use tokio::time::timeout;

use super::report::Format;
use crate::caller::CallerOptions;
use crate::caller::load::{self, Group, Judge, LoadRequest, Mode, Outcome, Plan, Running};
use crate::cli::{Error, StopSignal};

/// How long calls that are under way may still take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(1);

/// How many calls are made, and how fast.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load: many calls of one operation, without a line for each")]
pub(super) struct Load {
    /// Make a load of calls of this kind, and write a summary
    #[arg(
        long,
        value_enum,
        requires = "operation",
        conflicts_with_all = ["all", "new_connection", "resume", "rotate", "retry"]
    )]
    mode: Option<Kind>,
    /// How many connections there are at the same time
    #[arg(long, value_name = "N", default_value = "10", requires = "mode")]
    connections: NonZeroUsize,
    /// Begin so many calls in a second, however long answers take; default: each connection waits for its answer, and calls again
    #[arg(long, value_name = "CALLS", value_parser = rate, requires = "mode")]
    rate: Option<f64>,
    /// How long calls are begun; default: 10s, or until --count calls are made
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, requires = "mode")]
    duration: Option<Duration>,
    /// How many threads call; one fills a core
    #[arg(long, value_name = "N", default_value = "1", requires = "mode")]
    threads: NonZeroUsize,
    /// How many calls are under way at once over each connection of keepalive with --http 2
    #[arg(long, value_name = "N", default_value = "8", requires = "mode")]
    streams: NonZeroUsize,
    /// The key exchange groups to offer, the best one first
    #[arg(
        long,
        value_enum,
        value_name = "GROUP,...",
        value_delimiter = ',',
        default_value = "x25519,secp256r1",
        requires = "mode"
    )]
    groups: Vec<NamedGroup>,
    /// Do not ask whether a server that is not on this machine is meant
    #[arg(long, requires = "mode")]
    yes_load_this_host: bool,
}

/// What a call of a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A new connection with a full handshake for each call
    Handshake,
    /// A new connection with a resumed session for each call
    Resume,
    /// Calls over connections that are kept
    Keepalive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NamedGroup {
    X25519,
    Secp256r1,
    Secp384r1,
    X25519mlkem768,
}

/// What is called with which request.
pub(super) struct Subject {
    pub(super) request: Request<Bytes>,
    pub(super) advisor: Advisor,
    /// The digits in it that are others in each call.
    pub(super) fresh: String,
    /// The status that Thales expects.
    pub(super) expected: u16,
    /// What else Thales expects, of the first answer of each connection.
    pub(super) judge: Judge,
    pub(super) count: Option<u32>,
    pub(super) answer_timeout: Duration,
    /// The server's name, as people know it.
    pub(super) authority: String,
}

impl Load {
    /// Whether a load is asked for.
    pub(super) fn is_wanted(&self) -> bool {
        self.mode.is_some()
    }

    /// Whether the server may be put under load: it is this machine, or its operator says so. Nobody loads a bank by a slip.
    ///
    /// # Errors
    /// When there is nobody to ask, or the answer is no.
    pub(super) fn is_meant(&self, address: SocketAddr, authority: &str) -> Result<(), String> {
        if self.yes_load_this_host || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        let refused = format!(
            "{authority} ({address}) is not on this machine, and a load can bring a server down: write --yes-load-this-host if you may"
        );
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            return Err(refused);
        }
        eprint!(
            "{authority} ({address}) is not on this machine, and a load can bring a server down. Go on? Write yes: "
        );
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        match std::io::stdin().read_line(&mut answer) {
            Ok(_) if answer.trim() == "yes" => Ok(()),
            _ => Err(refused),
        }
    }

    /// Makes the calls, until they are made or a signal ends it, and writes the summary.
    ///
    /// # Errors
    /// What keeps a load from beginning; nothing that a server does.
    pub(super) async fn run(
        &self,
        options: &CallerOptions,
        subject: Subject,
        format: Format,
    ) -> Result<ExitCode, Error> {
        let Some(kind) = self.mode else { return Err("no load is asked for: write --mode".into()) };
        let count = subject.count.map(|count| NonZeroU64::new(count.into()).ok_or("--count: no call is no load"));
        let plan = Plan {
            expected: Some(subject.expected),
            judge: Some(subject.judge),
            connections: self.connections,
            streams: self.streams,
            rate: self.rate,
            count: count.transpose()?,
            duration: self.duration.or(subject.count.is_none().then_some(Duration::from_secs(10))),
            threads: self.threads,
            groups: self.groups.iter().map(|group| group.group()).collect(),
            answer_timeout: subject.answer_timeout,
            ..Plan::new(kind.mode(), LoadRequest::new(subject.request, Some(&subject.fresh))?)
        };
        let summary = Summary::of(&plan, options, &subject.authority);
        // From now on a signal is the end of the load and not of the program.
        let stop = StopSignal::install()?;
        let outcome = until_the_end(load::start(options, plan)?, stop).await?;
        let good = outcome.measures.failed() == 0 && outcome.measures.succeeded > 0;
        summary.write(&outcome, &subject.advisor, format)?;
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Waits for the end of the plan, or for a signal.
async fn until_the_end(mut running: Running, mut stop: StopSignal) -> Result<Outcome, Error> {
    let mut progress = Progress::begin();
    let stopped = stop.received();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = running.ended() => break,
            () = &mut stopped => {
                running.stop();
                if timeout(GRACE, running.ended()).await.is_err() {
                    running.abandon();
                }
                break;
            }
            () = progress.is_due() => progress.say(&running.recent()?),
        }
    }
    Ok(running.outcome()?)
}

impl Kind {
    fn mode(self) -> Mode {
        match self {
            Self::Handshake => Mode::Handshake,
            Self::Resume => Mode::Resume,
            Self::Keepalive => Mode::KeepAlive,
        }
    }
}

impl NamedGroup {
    fn group(self) -> Group {
        match self {
            Self::X25519 => Group::X25519,
            Self::Secp256r1 => Group::Secp256r1,
            Self::Secp384r1 => Group::Secp384r1,
            Self::X25519mlkem768 => Group::X25519MlKem768,
        }
    }
}

/// Reads a rate as clap wants it: an error ends with exit code 2.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("write how many calls begin in a second, from 0.001".to_owned()),
    }
}
