//! What can be wrong with the certificates that a server's chain is put together from.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::UnixTime;

use crate::pki::facts::{FactsError, minute};
use crate::pki::pem::PemError;
use crate::pki::server_path::PathProblem;
use crate::pki::trust_anchors::joined;

/// Thales is told before a CA changes (O10), and that takes a while.
const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where a certificate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainPlace {
    /// What its file is called.
    pub file: String,
    /// Which certificate of the file, counted from 1.
    pub number: usize,
    /// The line of its BEGIN, counted from 1.
    pub line: usize,
    /// Its subject, RFC 4514; empty where it can't be read.
    pub subject: String,
}

impl fmt::Display for ChainPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = if self.subject.is_empty() { "no subject" } else { &self.subject };
        write!(f, "certificate {} of {} (line {}, {subject})", self.number, self.file, self.line)
    }
}

/// Something that an operator should know and that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainWarning {
    /// The same certificate again.
    #[error("{place} is the same as certificate {} of {}, and is left out", first.number, first.file)]
    Duplicate {
        /// The later one.
        place: ChainPlace,
        /// The earlier one.
        first: ChainPlace,
    },
    /// No part of the chain.
    #[error("{place} is no part of the chain, and is left out")]
    Stranger {
        /// Which one.
        place: ChainPlace,
    },
    /// A self-signed leaf.
    #[error(
        "{place} is self-signed, so there is no CA chain: Thales must endorse exactly this one (O8), and each renewal of it beforehand \
         (O10)"
    )]
    SelfSigned {
        /// Which one.
        place: ChainPlace,
    },
    /// The leaf has expired, or is not valid yet.
    #[error("{place} is valid from {} to {}, and not now; its chain is good all the same", minute(*not_before), minute(*not_after))]
    LeafNotValid {
        /// Which one.
        place: ChainPlace,
        /// Its first second.
        not_before: UnixTime,
        /// Its last second.
        not_after: UnixTime,
    },
    /// Less than 30 days are left.
    #[error("{place} expires at {}; where it is a CA's, tell Thales before the next one comes into use (O10)", minute(*not_after))]
    ExpiresSoon {
        /// Which one.
        place: ChainPlace,
        /// Its last second.
        not_after: UnixTime,
    },
}

impl ChainWarning {
    pub(super) fn is_soon(not_after: UnixTime, now: UnixTime) -> bool {
        not_after.as_secs() < now.as_secs().saturating_add(EXPIRY_WARNING.as_secs())
    }
}

/// Why there is no chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A file that is not a bundle of certificates.
    #[error("{file}: {error}")]
    Pem {
        /// Which file.
        file: String,
        /// What is wrong with it.
        #[source]
        error: PemError,
    },
    /// A key in the place of certificates.
    #[error(
        "{file} holds a private key and no certificate; name the file of the certificates, and give the key to nobody"
    )]
    PrivateKey {
        /// Which file.
        file: String,
    },
    /// A certificate that can't be read reliably.
    #[error("{place}: {error}; ask the CA for it again")]
    Unreadable {
        /// Which one.
        place: ChainPlace,
        /// Why.
        #[source]
        error: FactsError,
    },
    /// Several chains at once.
    #[error(
        "more than one chain begins here: {}; name the files of one server at a time, and take out what does not belong to it",
        joined(.0)
    )]
    Several(Vec<ChainPlace>),
    /// Each certificate has issued another.
    #[error(
        "the certificates have issued each other in a circle, and no chain begins anywhere; add the server's own certificate"
    )]
    Circle,
    /// A leaf whose issuer is not there.
    #[error(
        "{place} was issued by {issuer}, which is not there, and so there is no chain to hand over; add the CA's certificate, which came \
         with the server's or is on the CA's pages"
    )]
    LeafAlone {
        /// The leaf.
        place: ChainPlace,
        /// The name of its issuer.
        issuer: String,
    },
    /// A link is missing in the middle, or the rest belongs to another chain.
    #[error(
        "{place} was issued by {issuer}, which is not there, and nothing leads to: {}; add the missing certificate, or take out what \
         belongs to another chain",
        joined(.others)
    )]
    Gap {
        /// The certificate whose issuer is missing.
        place: ChainPlace,
        /// The name of the issuer.
        issuer: String,
        /// The certificates that nothing leads to.
        others: Vec<ChainPlace>,
    },
    /// The issuer's name is there, but not its key.
    #[error(
        "{place} bears the name of its issuer {issuer}, but the signature is not of that certificate's key: the CA was renewed; take the \
         CA certificate that came with this one"
    )]
    OtherIssuerKey {
        /// The certificate whose signature does not verify.
        place: ChainPlace,
        /// Where the supposed issuer stands.
        issuer: Box<ChainPlace>,
    },
    /// A signature that callers refuse.
    #[error("{place} is signed with an algorithm that TLS no longer accepts (SHA-1?); ask the CA for a SHA-256 one")]
    SignatureAlgorithm {
        /// Which one.
        place: ChainPlace,
    },
    /// An issuer that is no CA.
    #[error(
        "{place} issued another of the chain, but is not a CA with the right to sign; ask the CA for the right chain"
    )]
    IssuerNotCa {
        /// Which one.
        place: ChainPlace,
    },
    /// A CA that may not issue what is below it.
    #[error("{place} {problem}")]
    Path {
        /// The CA.
        place: ChainPlace,
        /// Why not.
        #[source]
        problem: PathProblem,
    },
    /// A CA that has expired, or is not valid yet.
    #[error(
        "{place} is valid from {} to {}, and not now; ask the CA for the chain of today",
        minute(*not_before), minute(*not_after)
    )]
    NotValid {
        /// Which one.
        place: ChainPlace,
        /// Its first second.
        not_before: UnixTime,
        /// Its last second.
        not_after: UnixTime,
    },
}
