//! TLS material, epochs, the judge of client chains and the handshake.

mod admin;
pub mod client_subject;
mod client_verifier;
pub mod environment;
pub mod epoch;
mod findings;
pub mod handshake;
pub mod hosts;
pub mod judge;
mod late_ticket;
mod live;
pub mod material;
pub mod refusal;
pub mod reload;
mod server_config;
pub mod session;
pub mod trigger;
pub mod verdict;
pub mod verified_client;

#[cfg(test)]
pub(crate) use admin::testing;
pub use admin::{AdminCertificate, AdminTls, AdminTlsProblem, AdminTlsTexts};
pub use client_subject::SubjectRules;
pub use environment::TlsEnvironment;
pub use epoch::{Epoch, EpochOptions};
pub use hosts::Hosts;
pub use judge::{ChainDigest, ClientRules, Judge, Verdict};
pub use late_ticket::LateTicket;
pub use live::LiveStanding;
pub use material::{MaterialBytes, MaterialDigest, MaterialError, MaterialSource, MaterialSources, TlsMaterial};
pub use refusal::Refusal;
pub(crate) use server_config::provider;
pub use verdict::{Retired, Standing};
pub use verified_client::{TlsFacts, VerifiedClient};

/// The time that certificates are judged at.
pub(crate) fn now() -> rustls_pki_types::UnixTime {
    // A clock before 1970 can vouch for no certificate: at the epoch, none is valid yet.
    rustls_pki_types::UnixTime::since_unix_epoch(
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default(),
    )
}
