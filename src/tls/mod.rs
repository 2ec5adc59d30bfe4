//! TLS material, epochs, the client verifier and the handshake.

pub mod verdict;
pub mod verified_client;

pub use verdict::{Retired, Standing};
pub use verified_client::{TlsFacts, VerifiedClient};
