//! The command line as an operator meets it: exit codes, and words that help.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by failing"
)]

#[path = "it/support/pki.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod pki;

#[path = "cli/broken.rs"]
mod broken;

#[path = "cli/chain.rs"]
mod chain;

#[path = "cli/check.rs"]
mod check;

#[path = "cli/client_cert.rs"]
mod client_cert;

#[path = "cli/crl.rs"]
mod crl;

#[path = "cli/csr/mod.rs"]
mod csr;

#[path = "cli/demo.rs"]
mod demo;

#[path = "cli/dns.rs"]
mod dns;

#[path = "cli/explain.rs"]
mod explain;

#[path = "cli/inbox.rs"]
mod inbox;

#[path = "cli/probe/mod.rs"]
mod probe;

#[path = "cli/program.rs"]
mod program;

#[path = "cli/readiness.rs"]
mod readiness;

#[path = "cli/refused.rs"]
mod refused;

#[path = "cli/resolution.rs"]
mod resolution;

#[path = "cli/revocation.rs"]
mod revocation;

#[path = "cli/rotation.rs"]
mod rotation;

#[path = "cli/shell.rs"]
mod shell;

#[path = "cli/sign.rs"]
mod sign;

#[path = "cli/support.rs"]
mod support;

#[path = "cli/tls_server.rs"]
mod tls_server;

use std::fs;
use std::process::{Command, Output, Stdio};

use support::{BAD_CONFIGURATION, HOST, Operator, SOUND, command, run, text_of, without_times};
use tempfile::TempDir;
