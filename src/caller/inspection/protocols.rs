//! Which protocols a server chooses by ALPN (RFC 7301).

use super::InspectionOptions;
use super::visit::{Offer, visit};
use crate::caller::{Failure, TlsVersions};

/// The protocols that a server chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocols {
    /// Offered alone, HTTP/2 is chosen.
    pub h2: bool,
    /// Offered alone, HTTP/1.1 is chosen.
    pub http1: bool,
    /// What is chosen of both; printable.
    pub of_both: Option<String>,
}

/// Three handshakes.
pub(super) async fn ask(options: &InspectionOptions, versions: TlsVersions) -> Result<Protocols, Failure> {
    Ok(Protocols {
        h2: chosen(options, versions, &["h2"]).await?.as_deref() == Some("h2"),
        http1: chosen(options, versions, &["http/1.1"]).await?.as_deref() == Some("http/1.1"),
        of_both: chosen(options, versions, &["h2", "http/1.1"]).await?,
    })
}

async fn chosen(
    options: &InspectionOptions,
    versions: TlsVersions,
    offered: &[&str],
) -> Result<Option<String>, Failure> {
    let protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(visit(options, Offer { protocols, ..Offer::of(versions) }).await?.protocol)
}
