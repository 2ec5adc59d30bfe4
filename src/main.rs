//! `issuer-host`: parse arguments, run.

use std::process::ExitCode;

fn main() -> ExitCode {
    issuer_host::cli::run()
}
