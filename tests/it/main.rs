//! The server as its callers meet it: the real binary, real sockets, and certificates made for each test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by failing"
)]

mod support;

mod chains_refused;
mod client;
mod identities_accepted;
mod identities_refused;
mod subjects;
mod weak_keys;
