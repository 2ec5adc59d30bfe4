//! A running server, looked at from outside: what it speaks, what it shows, whom it admits.
//!
//! Any server, not this one alone. Everything is asked one after the other, each over a connection of its own with a deadline, and no more
//! than [`MOST_CONNECTIONS`] times. Nothing is sent beyond handshakes, `GET /`, and a POST to a path that does not exist
//! ([`admission::UNKNOWN_PATH`]).

pub mod admission;
pub mod chain;
pub mod hello;
pub mod names;
pub mod old_versions;
pub mod protocols;
pub mod resumption;
pub mod suites;
mod visit;

use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};

use super::{ClientCredential, Failure, ServerTrust, TlsVersions};
use visit::{Offer, visit};

pub use admission::{Admission, Outcome, Tried};
pub use chain::{ChainSeen, Trusted};
pub use hello::FirstAnswer;
pub use names::{NameTaken, Names};
pub use old_versions::OldVersion;
pub use protocols::Protocols;
pub use resumption::Resumed;
pub use suites::Suites;

/// An inspection makes no more connections than these, whatever the server answers.
pub const MOST_CONNECTIONS: usize = 60;

/// What is looked at, and with what.
#[derive(Clone, Debug)]
pub struct InspectionOptions {
    /// Where the server is.
    pub address: SocketAddr,
    /// The name for SNI, for its certificate, and for `Host`.
    pub server_name: ServerName<'static>,
    /// The CAs that its certificate has to come from; `None` = those that Mozilla trusts.
    pub private_trust: Option<ServerTrust>,
    /// What Thales would show: a certificate that the server has to admit.
    pub credential: Option<ClientCredential>,
    /// How long a connection, a handshake and an answer may take, each.
    pub patience: Duration,
}

/// What was seen.
#[derive(Debug)]
pub struct Inspection {
    /// TLS 1.2.
    pub tls12: Version,
    /// TLS 1.3.
    pub tls13: Version,
    /// SSL 3.0, TLS 1.0 and 1.1.
    pub old_versions: Vec<OldVersion>,
    /// Cipher suites and groups.
    pub suites: Suites,
    /// The chain; `None` = none was shown.
    pub chain: Option<ChainSeen>,
    /// ALPN; `None` = neither version is spoken.
    pub protocols: Option<Protocols>,
    /// Other names than its own; `None` = neither version is spoken.
    pub names: Option<Names>,
    /// Who is admitted, a line for each version that is spoken.
    pub admission: Vec<Admission>,
    /// Sessions, a line for each version in which the credential is admitted.
    pub resumption: Vec<Resumed>,
}

/// Whether a version is spoken.
#[derive(Debug)]
pub enum Version {
    /// It is.
    Spoken,
    /// It is not, and this is what the server said.
    Refused(Failure),
}

impl Version {
    /// Whether it is spoken.
    #[must_use]
    pub const fn is_spoken(&self) -> bool {
        matches!(self, Self::Spoken)
    }
}

/// Why a server cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectionError {
    /// No connection, or no answer on it.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// It takes connections, and then says nothing.
    #[error("the server takes a connection and is silent: no answer to TLS 1.3 or TLS 1.2 within {0:?}")]
    Silent(Duration),
    /// No certificate for somebody whom nobody knows could be made, or no TLS client.
    #[error("cannot make what the server is tried with: {0}")]
    Own(String),
}

/// Looks at a server; its certificates are judged at `now`.
///
/// # Errors
/// [`InspectionError`]: it cannot be reached, or stays silent. What it does wrong is in the result.
pub async fn inspect(options: &InspectionOptions, now: UnixTime) -> Result<Inspection, InspectionError> {
    let newer = visit(options, Offer::of(TlsVersions::Only13)).await?;
    let older = visit(options, Offer::of(TlsVersions::Only12)).await?;
    if let (Some(Failure::TimedOut { .. }), Some(Failure::TimedOut { .. })) = (&newer.failure, &older.failure)
        && !(newer.is_answered() || older.is_answered())
    {
        // Asking on would take minutes, and tell nothing more.
        return Err(InspectionError::Silent(options.patience));
    }
    let spoken = Spoken { tls12: older.is_answered(), tls13: newer.is_answered() };
    let old_versions = old_versions::ask(options).await?;
    let suites = suites::ask(options, spoken).await?;
    let (mut chain, mut protocols, mut names) = (None, None, None);
    if let Some(newest) = spoken.newest() {
        let shown = if spoken.tls13 { &newer.chain } else { &older.chain };
        chain = Some(ChainSeen::judge(shown, options, now));
        protocols = Some(protocols::ask(options, newest).await?);
        names = Some(names::ask(options, newest).await?);
    }
    let (mut admission, mut resumption) = (Vec::new(), Vec::new());
    let stranger = admission::stranger()?;
    for (versions, spoken) in [(TlsVersions::Only12, spoken.tls12), (TlsVersions::Only13, spoken.tls13)] {
        if spoken {
            let admitted = admission::ask(options, versions, &stranger).await?;
            if admitted.given.as_ref().is_some_and(Outcome::is_answer) {
                resumption.push(resumption::ask(options, versions).await?);
            }
            admission.push(admitted);
        }
    }
    let (tls12, tls13) = (version(older), version(newer));
    Ok(Inspection { tls12, tls13, old_versions, suites, chain, protocols, names, admission, resumption })
}

/// The versions that the server speaks.
#[derive(Clone, Copy, Debug)]
struct Spoken {
    tls12: bool,
    tls13: bool,
}

impl Spoken {
    fn newest(self) -> Option<TlsVersions> {
        match self {
            Self { tls13: true, .. } => Some(TlsVersions::Only13),
            Self { tls12: true, .. } => Some(TlsVersions::Only12),
            _ => None,
        }
    }
}

fn version(visit: visit::Visit) -> Version {
    match visit.failure {
        Some(failure) if visit.chain.is_empty() => Version::Refused(failure),
        _ => Version::Spoken,
    }
}

#[cfg(test)]
mod tests;
