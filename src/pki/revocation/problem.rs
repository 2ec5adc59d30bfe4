//! What can be wrong with a revocation list, in the words that an operator needs.

use rustls_pki_types::UnixTime;

use super::list::{ListPlace, RevocationList};
use crate::pki::facts::minute;
use crate::pki::pem::{Label, PemError};
use crate::pki::trust_anchors::joined;

/// Something that an operator should know and that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListWarning {
    /// The issuer is not in the client CA bundle.
    #[error(
        "{place}: its issuer is not in client_ca, so its signature can only be verified when a client presents that issuer; \
         check that it is the list of a CA below yours"
    )]
    IssuerNotAnchor {
        /// Which one.
        place: ListPlace,
    },
    /// An anchor of the issuer's name has another key, and no list of that key is there.
    #[error(
        "{place}: client_ca holds a CA of the same name with another key, whose clients are refused until its own list is here \
         too; add the list that this key signed"
    )]
    OtherKeyWithoutList {
        /// Which one.
        place: ListPlace,
    },
    /// Past nextUpdate.
    #[error("{place} expired at {}: clients that it covers are refused; fetch the current one", minute(*next_update))]
    Expired {
        /// Which one.
        place: ListPlace,
        /// When it expired.
        next_update: UnixTime,
    },
    /// Close to nextUpdate.
    #[error(
        "{place} expires at {}, and clients that it covers are refused from then on; fetch the next one",
        minute(*next_update)
    )]
    ExpiresSoon {
        /// Which one.
        place: ListPlace,
        /// When it expires.
        next_update: UnixTime,
    },
    /// The same list again.
    #[error("{place} is the same list as number {} of {}; remove one", first.number, first.file)]
    Duplicate {
        /// The later one.
        place: ListPlace,
        /// The earlier one.
        first: ListPlace,
    },
    /// Another list of the same issuer and scope is newer.
    #[error("{place} is left out: number {} of {} is a newer list of the same issuer; remove the old one", by.number, by.file)]
    Superseded {
        /// The older one.
        place: ListPlace,
        /// The newer one.
        by: ListPlace,
    },
}

impl ListWarning {
    /// Which list it is about.
    #[must_use]
    pub fn place(&self) -> &ListPlace {
        match self {
            Self::IssuerNotAnchor { place }
            | Self::OtherKeyWithoutList { place }
            | Self::Expired { place, .. }
            | Self::ExpiresSoon { place, .. }
            | Self::Duplicate { place, .. }
            | Self::Superseded { place, .. } => place,
        }
    }
}

/// Why a list can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", self.beginning())]
pub struct ListProblem {
    /// Which list.
    pub place: ListPlace,
    /// Why, and what to do.
    #[source]
    pub reason: ListRefusal,
}

/// Why a list can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListRefusal {
    /// The file is not PEM as it should be.
    #[error(transparent)]
    Pem(PemError),
    /// A file without any list.
    #[error(
        "there is no certificate revocation list in it; put the CA's list here, as DER or as PEM (-----BEGIN X509 CRL-----)"
    )]
    NoList,
    /// A certificate in the place of a list.
    #[error(
        "this is a certificate, not a certificate revocation list: CA certificates belong into client_ca; put the CA's list here"
    )]
    Certificate,
    /// Something else in the place of a list.
    #[error("{} in a file of certificate revocation lists; remove it", .0.described())]
    Misplaced(Label),
    /// Not a list.
    #[error("this is not a certificate revocation list; the file is damaged or another one, fetch the list again")]
    Malformed,
    /// A version 1 list, which has no extensions.
    #[error("this is a version 1 list; ask the CA for a version 2 one (RFC 5280 section 5.1.2.1)")]
    OldVersion,
    /// Without nextUpdate nobody can tell how long it may be relied on.
    #[error("it has no nextUpdate, so it cannot be told how long it holds; ask the CA for a list that has one")]
    NoNextUpdate,
    /// Only the changes since another list.
    #[error("this is a delta list, which holds changes only; take the CA's complete list")]
    Delta,
    /// Tells of certificates of other issuers.
    #[error("this is an indirect list, which tells of other issuers' certificates too; take each issuer's own list")]
    Indirect,
    /// Tells of some reasons only.
    #[error("this list tells of some reasons for revocation only; take the CA's complete list")]
    ByReason,
    /// An issuingDistributionPoint without a full name.
    #[error(
        "its issuingDistributionPoint has no full name, and such a list would never be consulted; take the CA's complete list"
    )]
    DistributionPoint,
    /// thisUpdate lies ahead.
    #[error("it was made at {}, which is still to come; set the clock right, or fetch the list again", minute(*this_update))]
    FromTheFuture {
        /// When it says that it was made.
        this_update: UnixTime,
    },
    /// A signature that can't be relied on.
    #[error("it is signed with an algorithm that is too weak or not known (SHA-1?); ask the CA for a SHA-256 one")]
    WeakSignature,
    /// It names a trust anchor that did not sign it.
    #[error(
        "it bears the name of a CA in client_ca, but is not signed by that CA's key; fetch it from the CA again, or put the \
         CA's current certificate into client_ca"
    )]
    OtherKey,
    /// The anchor may not sign lists.
    #[error(
        "the CA that signed it may not: the key usage of its certificate lacks cRLSign; ask the CA which list counts"
    )]
    MayNotSign,
    /// webpki can't use it.
    #[error("it cannot be used ({0}); fetch the list again")]
    Unusable(webpki::Error),
}

impl ListProblem {
    /// Where it is, as far as there is a list to speak of.
    fn beginning(&self) -> String {
        match (&self.reason, self.place.line) {
            (ListRefusal::Certificate | ListRefusal::Misplaced(_), Some(line)) => format!("line {line}: "),
            (ListRefusal::Pem(_) | ListRefusal::NoList | ListRefusal::Certificate | ListRefusal::Misplaced(_), _) => {
                String::new()
            }
            _ => format!("{}: ", self.place),
        }
    }
}

impl From<webpki::Error> for ListRefusal {
    fn from(error: webpki::Error) -> Self {
        match error {
            webpki::Error::UnsupportedDeltaCrl => Self::Delta,
            webpki::Error::UnsupportedIndirectCrl => Self::Indirect,
            webpki::Error::UnsupportedRevocationReasonsPartitioning => Self::ByReason,
            webpki::Error::UnsupportedCrlIssuingDistributionPoint => Self::DistributionPoint,
            webpki::Error::UnsupportedCrlVersion => Self::OldVersion,
            other => Self::Unusable(other),
        }
    }
}

/// Every list that can't be used; at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", joined(.0))]
pub struct RevocationListsError(pub Vec<ListProblem>);

/// Lists that are older than those in use; at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", joined(.0))]
pub struct RevocationRollback(pub Vec<ListRollback>);

/// A list that is older than the one in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{place} is {found}, and older than {installed}, which is in use: it would take revocations back; fetch the current one"
)]
pub struct ListRollback {
    /// Which list.
    pub place: ListPlace,
    /// Its number, or time.
    pub found: String,
    /// That of the list in use.
    pub installed: String,
}

impl ListRollback {
    pub(super) fn new(list: &RevocationList, installed: &RevocationList) -> Self {
        let told = |list: &RevocationList| match &list.number {
            Some(number) => format!("number {number} of {}", minute(list.this_update)),
            None => format!("of {}", minute(list.this_update)),
        };
        Self { place: list.place.clone(), found: told(list), installed: told(installed) }
    }
}
