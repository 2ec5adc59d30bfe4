//! What a server makes of other names than its own (SNI, RFC 6066 section 3).

use rustls::pki_types::{DnsName, ServerName};

use super::InspectionOptions;
use super::visit::{Name, Offer, Visit, visit};
use crate::caller::{Failure, TlsVersions};

/// A name that nobody has (RFC 2606 section 2).
pub const UNKNOWN_NAME: &str = "no-such-host.invalid";

/// What happens without the right name.
#[derive(Debug)]
pub struct Names {
    /// [`UNKNOWN_NAME`] is asked for.
    pub unknown: NameTaken,
    /// No name is asked for.
    pub unsaid: NameTaken,
}

/// Whether a server goes on.
#[derive(Debug)]
pub enum NameTaken {
    /// It shows a certificate.
    Taken,
    /// It ends the handshake.
    Refused(Failure),
}

impl NameTaken {
    /// Whether the server goes on.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        matches!(self, Self::Taken)
    }

    fn of(visit: Visit) -> Self {
        match visit.failure {
            Some(failure) if visit.chain.is_empty() => Self::Refused(failure),
            _ => Self::Taken,
        }
    }
}

/// Two handshakes.
pub(super) async fn ask(options: &InspectionOptions, versions: TlsVersions) -> Result<Names, Failure> {
    let unknown = DnsName::try_from_str(UNKNOWN_NAME)
        .map(|name| ServerName::DnsName(name.to_owned()))
        .map_err(|error| Failure::Broken { stage: crate::caller::Stage::Handshake, problem: error.to_string() })?;
    let unknown = Offer { name: Name::Other(unknown), ..Offer::of(versions) };
    let unsaid = Offer { name: Name::Unsaid, ..Offer::of(versions) };
    Ok(Names {
        unknown: NameTaken::of(visit(options, unknown).await?),
        unsaid: NameTaken::of(visit(options, unsaid).await?),
    })
}
