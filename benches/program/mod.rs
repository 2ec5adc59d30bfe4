//! What benchmarks share that run the real program as a child process: the program, its backend, its callers and what it says of itself.

pub(crate) mod backend;
pub(crate) mod client;
pub(crate) mod metrics;
#[path = "../../tests/it/support/pki.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::format_collect,
    reason = "made for tests, which use all of it and fail by panics"
)]
pub(crate) mod pki;
#[path = "../door/process.rs"]
pub(crate) mod process;
pub(crate) mod serving;

/// The error of a program whose only caller is a person: a sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// The name that the server answers to.
pub(crate) const HOST: &str = "issuer.bank.test";
