//! `issuer-host`: parse arguments, run.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Thousands of connections that rest take a quarter less memory with it than with glibc's own (docs/performance.md, "Memory").
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    issuer_host::cli::run()
}
