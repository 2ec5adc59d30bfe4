//! Whether the load of `issuer-host call` is ever the bottleneck: CPU of the caller and of the server for each call.
//!
//! The real library answers in a process of its own, on one core, with an `axum` handler of one line: a server that does more makes the
//! ratio better. The caller runs on another core. Beside it, a caller in C: `openssl s_time`, against the same server. `cargo bench --bench caller` runs all of it; `-- --quick` shows that it works. Linux
//! only.

#[path = "../door/median.rs"]
mod median;
mod openssl;
#[path = "../trust/pki.rs"]
#[allow(dead_code, reason = "another benchmark uses the rest")]
mod pki;
mod server;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use clap::{Parser, Subcommand};
use http::Request;
use issuer_host::caller::load::{self, LoadRequest, Mode, Plan, cpu_time};
use issuer_host::caller::{CallerOptions, ClientCredential, Http, ServerTrust, TlsVersions};
use rustls_pki_types::ServerName;

use crate::median::median;
use crate::pki::{Authority, HOST, Keys};
use crate::server::Serve;

/// The error of a program whose only caller is a person: a sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of a request's body. Thales' notifications are JSON documents of this order.
const BODY_BYTES: usize = 1024;

/// Digits that are others in each call.
const FRESH: &str = "0123456789abcdef0123456789abcdef";

/// The directory of the certificates, for the processes of this benchmark.
const PKI: &str = "ISSUER_HOST_BENCH_PKI";

#[derive(Parser)]
#[command(about = "CPU of the caller and of the server for each call of a load.")]
struct Arguments {
    /// What `cargo bench` adds; it changes nothing.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    /// Small numbers, to see that it works; what it prints means nothing.
    #[arg(long)]
    quick: bool,
    /// Only rows whose name has this in it.
    #[arg(long)]
    only: Option<String>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// The server, in a process of its own.
    #[command(hide = true)]
    Serve(Serve),
    /// The caller, in a process of its own.
    #[command(hide = true)]
    Call {
        #[arg(long)]
        address: SocketAddr,
        #[arg(long)]
        server_pid: u32,
        #[arg(long)]
        quick: bool,
        #[arg(long)]
        only: Option<String>,
    },
}

/// A row of the table.
struct Row {
    name: &'static str,
    mode: Mode,
    http: Http,
    versions: TlsVersions,
    /// Calls in a round.
    calls: u64,
}

const ROWS: [Row; 6] = [
    row("full handshake, TLS 1.3", Mode::Handshake, Http::V1, TlsVersions::Only13, 10_000),
    row("full handshake, TLS 1.2", Mode::Handshake, Http::V1, TlsVersions::Only12, 10_000),
    row("resumed, TLS 1.3", Mode::Resume, Http::V1, TlsVersions::Only13, 10_000),
    row("resumed, TLS 1.2", Mode::Resume, Http::V1, TlsVersions::Only12, 10_000),
    row("kept alive, HTTP/1.1", Mode::KeepAlive, Http::V1, TlsVersions::Only13, 100_000),
    row("kept alive, HTTP/2", Mode::KeepAlive, Http::V2, TlsVersions::Only13, 100_000),
];

const fn row(name: &'static str, mode: Mode, http: Http, versions: TlsVersions, calls: u64) -> Row {
    Row { name, mode, http, versions, calls }
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Serve(serve)) => serve.run(),
        Some(Part::Call { address, server_pid, quick, only }) => measure(address, server_pid, quick, only.as_deref()),
        None => orchestrate(arguments.quick, arguments.only.as_deref()),
    }
}

/// Starts the server on the first core, and the caller on the second one.
fn orchestrate(quick: bool, only: Option<&str>) -> Result<(), Error> {
    let directory = tempfile::tempdir()?;
    let (clients, servers) = (Authority::new("clients", Keys::P256)?, Authority::new("servers", Keys::P256)?);
    let (client, server) = (clients.client("caller")?, servers.server()?);
    for (name, text) in [
        ("client-ca.pem", &clients.root_pem),
        ("server-ca.pem", &servers.root_pem),
        ("client-chain.pem", &client.chain_pem),
        ("client-key.pem", &client.key_pem),
        ("server-chain.pem", &server.chain_pem),
        ("server-key.pem", &server.key_pem),
    ] {
        std::fs::write(directory.path().join(name), text)?;
    }
    let mut server = Ended(on_core(0, directory.path())?.arg("serve").stdout(Stdio::piped()).spawn()?);
    let mut said = String::new();
    BufReader::new(server.0.stdout.take().ok_or("the server says nothing")?).read_line(&mut said)?;
    let mut call = on_core(1, directory.path())?;
    call.args(["call", "--address", said.trim(), "--server-pid", &server.0.id().to_string()]);
    if quick {
        call.arg("--quick");
    }
    if let Some(only) = only {
        call.args(["--only", only]);
    }
    if call.status()?.success() { Ok(()) } else { Err("the caller has failed".into()) }
}

/// This program, on one core alone.
fn on_core(core: u32, pki: &std::path::Path) -> Result<Command, Error> {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(std::env::current_exe()?).env(PKI, pki);
    Ok(command)
}

/// A process that ends with this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure(address: SocketAddr, server_pid: u32, quick: bool, only: Option<&str>) -> Result<(), Error> {
    let pki = std::path::PathBuf::from(std::env::var_os(PKI).ok_or("no certificates")?);
    let read = |name: &str| std::fs::read(pki.join(name));
    let credential = ClientCredential::from_pem(&read("client-chain.pem")?, &read("client-key.pem")?)?;
    let trust = ServerTrust::from_pem(&read("server-ca.pem")?)?;
    println!(
        "{:<26}{:>10}{:>12}{:>12}{:>9}{:>11}{:>11}",
        "", "calls/s", "server us", "caller us", "ratio", "p50 us", "p99 us"
    );
    let wanted = |name: &str| only.is_none_or(|only| name.contains(only));
    for row in ROWS.iter().filter(|row| wanted(row.name)) {
        let options = CallerOptions {
            credential: Some(credential.clone()),
            versions: row.versions,
            http: row.http,
            ..CallerOptions::new(address, ServerName::try_from(HOST)?, trust.clone())
        };
        let calls = if quick { 20 } else { row.calls };
        let mut rounds = Vec::new();
        for _ in 0..if quick { 1 } else { 5 } {
            rounds.push(round(&options, row, calls, server_pid)?);
        }
        let middle = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
        println!(
            "{:<26}{:>10.0}{:>12.1}{:>12.1}{:>9.2}{:>11.0}{:>11.0}",
            row.name,
            middle(|round| round.rate),
            middle(|round| round.server),
            middle(|round| round.caller),
            middle(|round| round.server / round.caller),
            middle(|round| round.p50),
            middle(|round| round.p99),
        );
    }
    let trust = pki.join("openssl-trust.pem");
    std::fs::write(&trust, [read("server-ca.pem")?, read("client-chain.pem")?, read("client-ca.pem")?].concat())?;
    for (name, version) in [("openssl s_time, TLS 1.3", "-tls1_3"), ("openssl s_time, TLS 1.2", "-tls1_2")]
        .into_iter()
        .filter(|(name, _)| wanted(name))
    {
        let rounds = (0..if quick { 1 } else { 5 })
            .map(|_| openssl::connections(address, server_pid, &pki, &trust, version, if quick { 1 } else { 4 }))
            .collect::<Result<Vec<_>, _>>()?;
        let middle = |figure: fn(&openssl::Opened) -> f64| median(rounds.iter().map(figure));
        println!(
            "{name:<26}{:>10.0}{:>12.1}{:>12.1}{:>9.2}",
            middle(|round| round.rate),
            middle(|round| round.server),
            middle(|round| round.caller),
            middle(|round| round.server / round.caller),
        );
    }
    Ok(())
}

/// What a round came to: times in microseconds.
struct Round {
    rate: f64,
    server: f64,
    caller: f64,
    p50: f64,
    p99: f64,
}

#[allow(clippy::cast_precision_loss, reason = "a round has fewer than 2^53 calls")]
fn round(options: &CallerOptions, row: &Row, calls: u64, server_pid: u32) -> Result<Round, Error> {
    let body = format!("{{\"notification\":\"{}\"}}", "x".repeat(BODY_BYTES - 19));
    let request = Request::post("/").header("host", HOST).header("content-type", "application/json");
    let request = request.header("x-correlation-id", FRESH).body(Bytes::from(body))?;
    let plan = Plan {
        count: NonZeroU64::new(calls),
        duration: None,
        connections: NonZeroUsize::MIN.saturating_add(7),
        ..Plan::new(row.mode, LoadRequest::new(request, Some(FRESH))?)
    };
    let before = cpu_time(Some(server_pid)).ok_or("the server is gone")?;
    let outcome = load::start(options, plan)?.outcome()?;
    let server = cpu_time(Some(server_pid)).ok_or("the server is gone")?.saturating_sub(before);
    let measures = &outcome.measures;
    if measures.succeeded != calls {
        return Err(format!(
            "{}: {} of {calls} calls went well: {:?}",
            row.name, measures.succeeded, measures.failures
        )
        .into());
    }
    let each = |seconds: f64| seconds * 1e6 / calls as f64;
    Ok(Round {
        rate: calls as f64 / outcome.elapsed.as_secs_f64(),
        server: each(server.as_secs_f64()),
        caller: each(outcome.cpu.unwrap_or_default().as_secs_f64()),
        p50: measures.call.at(0.5).as_secs_f64() * 1e6,
        p99: measures.call.at(0.99).as_secs_f64() * 1e6,
    })
}
