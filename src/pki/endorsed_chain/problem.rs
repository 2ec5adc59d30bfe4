//! What can be wrong with an endorsed chain, and with a credential that is outside of it.

use rustls_pki_types::UnixTime;

use crate::pki::facts::{FactsError, minute};
use crate::pki::pem::PemError;
use crate::pki::trust_anchors::Place;

/// Something that an operator should know and that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndorsedChainWarning {
    /// An end-entity certificate, which is left out.
    #[error("{place} is an end-entity certificate and is left out: Thales pins the chain of its CAs; remove it")]
    EndEntity {
        /// Which one.
        place: Place,
    },
    /// The same certificate again.
    #[error("{place} is the same certificate as number {first}; remove one")]
    Duplicate {
        /// The later one.
        place: Place,
        /// The number of the earlier one.
        first: usize,
    },
    /// Expired, or not valid yet.
    #[error(
        "{place} is valid from {} to {}, and not now; ask Thales which certificates it holds",
        minute(*not_before), minute(*not_after)
    )]
    NotValid {
        /// Which one.
        place: Place,
        /// Its first second.
        not_before: UnixTime,
        /// Its last second.
        not_after: UnixTime,
    },
}

/// Why there is no endorsed chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndorsedChainError {
    /// The file is not a bundle of certificates.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// End-entity certificates alone.
    #[error(
        "there is no CA certificate in it: Thales pins a chain, not a leaf; put the CA certificates here that Thales was given \
         (O8)"
    )]
    NoAuthority,
    /// A certificate that can't be read reliably.
    #[error("{place}: {error}; take the file that Thales was given")]
    Unreadable {
        /// Which one.
        place: Place,
        /// Why.
        #[source]
        error: FactsError,
    },
    /// webpki can't use it.
    #[error("{place} can't be used as a trust anchor ({error}); take the file that Thales was given")]
    Unusable {
        /// Which one.
        place: Place,
        /// Why.
        #[source]
        error: webpki::Error,
    },
}

/// The server's certificate is outside of the endorsed chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server certificate {subject}, issued by {issuer}, does not chain to what Thales endorsed ({}): {}. Thales pins \
     your server chain: notify Thales before this change",
    .endorsed.join("; "), why(.reason)
)]
pub struct EndorsementProblem {
    /// The subject of the server's certificate, RFC 4514.
    pub subject: String,
    /// Its issuer, RFC 4514.
    pub issuer: String,
    /// The subjects of the endorsed CAs, RFC 4514.
    pub endorsed: Vec<String>,
    /// What webpki found.
    #[source]
    pub reason: Box<webpki::Error>,
}

impl EndorsementProblem {
    /// The same, as a reload says it, which leaves what is installed in its place.
    #[must_use]
    pub fn at_reload(&self) -> String {
        format!("{self}; the old certificate stays")
    }
}

/// What webpki found, in words: its own are names of the program's.
fn why(reason: &webpki::Error) -> String {
    use webpki::Error as E;
    let words = match reason {
        E::UnknownIssuer => "no path leads from it to one of these",
        E::CertExpired { .. } => "a CA of the path has expired",
        E::CertNotValidYet { .. } => "a CA of the path is not valid yet",
        E::InvalidSignatureForPublicKey => "a signature of the path is not of its CA's key",
        E::PathLenConstraintViolated => "a CA of the path allows fewer CAs below it (pathlen)",
        E::NameConstraintViolation => "a CA of the path may not issue a certificate for these names",
        E::RequiredEkuNotFoundContext(_) => "a CA of the path may not issue servers' certificates",
        E::EndEntityUsedAsCa => "a certificate of the path is no CA",
        other => return format!("the path does not hold ({other:?})"),
    };
    words.to_owned()
}
