//! `issuer-host`: parse arguments, run.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    issuer_host::cli::run(issuer_host::cli::Arguments::parse())
}
