//! The command line: one file per subcommand.

mod advice;
mod authority;
mod call;
mod chain;
mod check;
mod client_cert;
mod color;
mod completions;
mod configuration;
mod credential;
mod credential_files;
mod credential_report;
mod crl;
mod csr;
mod demo;
mod explain;
mod healthcheck;
mod inbox;
mod man;
mod names;
mod new_file;
mod new_files;
mod own_admin;
mod passphrase;
mod private_key;
mod probe;
mod replaced_file;
mod sample_pki;
mod serve;
mod shell_word;
mod sign;
mod status;
mod subject_pattern;
mod tls_files;
mod wrapping;

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use color::Color;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wrapping::wrapped;

/// The exit code for a bad configuration: `EX_CONFIG` of sysexits.h.
const EXIT_CONFIGURATION: u8 = 78;

/// The exit code for wrong arguments; the same as clap's.
const EXIT_USAGE: u8 = 2;

/// What a reader of the log is given to take its last lines, at the end.
const LAST_LINES: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  # see it work, on loopback
  issuer-host demo

  # is a configuration ready for Thales? then run it
  issuer-host check --config issuer-host.toml
  issuer-host serve --config issuer-host.toml";

/// The server behind ISSUER_HOST: admits only clients of the Thales Client CA, and hands their calls to your backend.
#[derive(Debug, Parser)]
#[command(name = "issuer-host", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// When to write in colour; auto = to a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until SIGTERM or SIGINT
    Serve(serve::Arguments),
    /// Tell how a configuration stands to each of Thales' requirements, and what is to do
    Check(check::Arguments),
    /// Make the calls that Thales makes, and say whether they are answered as Thales expects
    Call(Box<call::Arguments>),
    /// Explain what Thales calls, what each call wants, and what each failure looks like
    Explain(explain::Arguments),
    /// Show the whole thing on loopback with sample certificates
    Demo(demo::Arguments),
    /// Make a key and a request (CSR) for the client certificate that xPay or D1 signs for you
    Csr(Box<csr::Arguments>),
    /// Make a key and a self-signed client certificate, as merchant tokenization wants it
    ClientCert(client_cert::Arguments),
    /// Write a complete sample PKI into a new directory
    SamplePki(sample_pki::Arguments),
    /// Print the server's chain, ready for Thales' portal
    Chain(chain::Arguments),
    /// Sign the request of Thales' client with your own CA
    Sign(sign::Arguments),
    /// Make, update or show the revocation list of your own CA
    Crl(crl::Arguments),
    /// See, deliver again, export and look after what is in the inbox
    Inbox(Box<inbox::Arguments>),
    /// Go the way to Thales step by step: name, TCP, TLS, certificates of both sides, HTTP
    Probe(Box<probe::Arguments>),
    /// Ask a running server whether it is ready; for containers without a shell
    Healthcheck(healthcheck::Arguments),
    /// Ask a running server what is wrong, and what to do about it
    Status(status::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Write manual pages into a directory
    Man(man::Arguments),
}

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return misused(&error),
        Err(help_or_version) => help_or_version.exit(),
    };
    arguments.color.apply();
    let outcome = match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Call(arguments) => call::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Csr(arguments) => csr::run(&arguments),
        Command::ClientCert(arguments) => client_cert::run(&arguments),
        Command::SamplePki(arguments) => sample_pki::run(&arguments),
        Command::Chain(arguments) => chain::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Crl(arguments) => crl::run(&arguments),
        Command::Inbox(arguments) => inbox::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    crate::telemetry::flush(LAST_LINES);
    outcome.unwrap_or_else(|error| {
        complain_of(error);
        ExitCode::FAILURE
    })
}

/// Tells what is wrong with the arguments, as clap does, in lines of at most 100 columns.
fn misused(error: &clap::Error) -> ExitCode {
    complain(told(&error.render().ansi().to_string()).trim_end());
    ExitCode::from(EXIT_USAGE)
}

/// What clap says, which styles it: the usage goes on below itself.
fn told(message: &str) -> String {
    let lines =
        message.lines().map(|line| wrapped(line, if line.contains("Usage:") { "Usage: ".len() } else { 2 }) + "\n");
    lines.collect()
}

/// Writes a line to standard output, in colour where that is wanted. A reader that went away (`| head`) is no failure: nobody is left to tell.
fn say(line: impl Display) -> io::Result<()> {
    match writeln!(anstream::stdout().lock(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a line to standard error, where there is one.
fn complain(line: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Writes what ends a command to standard error, in lines of at most 100 columns.
fn complain_of(problem: impl Display) {
    for line in format!("issuer-host: {problem}").lines() {
        complain(wrapped(line, 2));
    }
}

/// What ends a command with exit code 1 and a few words.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// The signals that ask for the end, caught from the moment that this exists.
struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    fn install() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Completes with the next signal.
    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests;
