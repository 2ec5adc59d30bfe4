//! What can be wrong with a CA that is to sign, with a request, and with what comes of both.

use rustls_pki_types::UnixTime;

use crate::pki::facts::{FactsError, PublicKey, minute};
use crate::pki::pem::PemError;
use crate::pki::trust_anchors::{Place, joined};

/// Why a certificate and a key are no CA that can sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The file of certificates.
    #[error(transparent)]
    Certificates(PemError),
    /// The file of the key.
    #[error(transparent)]
    Key(PemError),
    /// The key's block holds no key that can sign.
    #[error(
        "not a key that a CA can sign with: RSA with 2048 to 8192 bits, EC on P-256, P-384 or P-521, or Ed25519; copy the file again, \
         or make a new CA"
    )]
    KeyUnreadable,
    /// A certificate that can't be read reliably.
    #[error("{place}: {error}; take the CA's certificate as it was made")]
    Unreadable {
        /// Which one.
        place: Place,
        /// Why.
        #[source]
        error: FactsError,
    },
    /// The key belongs to none of the certificates.
    #[error("the private key belongs to none of: {}; name the key that the CA's certificate was made with", joined(.0))]
    KeyMismatch(Vec<Place>),
    /// A leaf.
    #[error("{0} is an end-entity certificate, which can sign no other; name a CA's (CA:TRUE in basicConstraints)")]
    EndEntity(Place),
    /// Version 1 or 2, which have no extensions.
    #[error("{0} is of an old version without extensions, which no server takes for a CA; make a version 3 CA")]
    OldVersion(Place),
    /// keyUsage without keyCertSign.
    #[error("{0} may not sign certificates: its keyUsage lacks keyCertSign; make a CA that has it")]
    MayNotSignCertificates(Place),
    /// keyUsage without cRLSign.
    #[error(
        "{0} may not sign revocation lists: its keyUsage lacks cRLSign, and the list would be refused; issue the CA's certificate \
         anew, under the same key and name, with cRLSign"
    )]
    MayNotSignLists(Place),
    /// extendedKeyUsage without clientAuth.
    #[error(
        "{0} is not for clients: its extendedKeyUsage lacks clientAuth, which holds for what it signs as well; make another CA"
    )]
    NotForClients(Place),
    /// Expired.
    #[error("{place} expired at {}; renew the CA first, and put the new certificate into client_ca", minute(*not_after))]
    Expired {
        /// Which one.
        place: Place,
        /// Its last second.
        not_after: UnixTime,
    },
    /// Not valid yet.
    #[error("{place} is not valid before {}; wait, or set the clock right", minute(*not_before))]
    NotYetValid {
        /// Which one.
        place: Place,
        /// Its first second.
        not_before: UnixTime,
    },
    /// A CA of the public web.
    #[error(
        "{place} is, or chains to, the public root {root}, and would be refused as client_ca: it vouches for the public; sign with a \
         CA that is yours alone"
    )]
    Public {
        /// Which one.
        place: Place,
        /// The root's subject.
        root: String,
    },
}

impl AuthorityError {
    /// Whether the key file is to be looked at, and not the certificate's.
    #[must_use]
    pub fn is_about_key(&self) -> bool {
        matches!(self, Self::Key(_) | Self::KeyUnreadable | Self::KeyMismatch(_))
    }
}

/// Why a file is no request that can be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The file is not PEM as it should be.
    #[error(transparent)]
    Pem(PemError),
    /// Several requests.
    #[error("line {0}: a second request; give each a file of its own")]
    Several(usize),
    /// Longer than any request.
    #[error(
        "the request has {0} octets, and none is longer than 16384: its subject or what it asks for beyond is far too long; ask for another one"
    )]
    TooLong(usize),
    /// Not a request.
    #[error(
        "this is not a certificate signing request (PKCS#10); the file is damaged or another one, ask for it again"
    )]
    Malformed,
    /// Its signature is not of the key in it.
    #[error(
        "the request {0} is not signed by the key that it holds, and so proves possession of none; the file was changed, ask for it \
         again"
    )]
    NoPossession(String),
    /// A signature algorithm that is not verified at all.
    #[error(
        "the request {0} is signed with an algorithm that is no longer accepted (SHA-1?); ask for one with SHA-256"
    )]
    WeakSignature(String),
    /// A key of another kind or strength.
    #[error(
        "the request {subject} has {key}; RSA with at least 2048 bits, EC P-256 or EC P-384 is needed: ask for a request with such a \
         key"
    )]
    KeyKind {
        /// The subject, RFC 4514.
        subject: String,
        /// What it has.
        key: PublicKey,
    },
    /// An empty subject.
    #[error("the request has no subject, so nobody could tell whose certificate it is; ask for one with a subject")]
    NoSubject,
}

/// Why no certificate came out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuingError {
    /// The request bears the CA's own name or key.
    #[error(
        "the request {subject} bears the name or the key of the CA itself; Thales generates a key pair of its own, and its request \
         bears another name"
    )]
    OwnRequest {
        /// The subject, RFC 4514.
        subject: String,
    },
    /// The certificate would be refused, because of what the CA's certificate rules out.
    #[error(
        "a server that trusts this CA would refuse the certificate ({0}); look at the constraints in the CA's certificate"
    )]
    NotAdmitted(#[source] webpki::Error),
    /// A time that can't be written.
    #[error("the validity ends after the year 9999; give fewer days")]
    Time,
    /// No randomness.
    #[error("the key cannot sign: the machine has no randomness")]
    Signing,
}
