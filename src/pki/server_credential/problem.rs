//! What can be wrong with a server credential, in the words that an operator needs.

use rustls_pki_types::UnixTime;

use crate::pki::facts::{FactsError, PublicKey, minute};
use crate::pki::pem::PemError;
use crate::pki::server_path::PathProblem;
use crate::pki::trust_anchors::{Place, joined};

/// Something that an operator should know and that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialWarning {
    /// A certificate of the chain expires within 30 days.
    #[error("{place} expires at {}; renew it, and tell Thales first when its CA changes (O10)", minute(*not_after))]
    ExpiresSoon {
        /// Which one.
        place: Place,
        /// Its last second.
        not_after: UnixTime,
    },
    /// The leaf is all there is. Below a root of one's own that is a whole chain, and the file does not tell whether it is.
    #[error(
        "{place} stands alone: fine when {issuer} is a root that Thales endorsed (O8); else callers need the certificates \
         between it and the root as well, and the whole CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN belongs here"
    )]
    LeafAlone {
        /// The leaf.
        place: Place,
        /// The name of its issuer.
        issuer: String,
    },
    /// The chain ends with a root behind an intermediate.
    #[error("{place} is a root: callers have it already, so it need not be sent")]
    RootIncluded {
        /// The root.
        place: Place,
    },
    /// A self-signed server certificate.
    #[error(
        "{place} is self-signed: Thales must endorse exactly this one (O8), and every renewal of it beforehand (O10)"
    )]
    SelfSigned {
        /// The certificate.
        place: Place,
    },
    /// Part of the sample PKI, whose keys are public.
    #[error("{place} belongs to the sample PKI, whose keys are public; it is for trials only")]
    Sample {
        /// Which one.
        place: Place,
    },
}

/// One thing that is wrong with a credential, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialProblem {
    /// The chain's file.
    #[error(transparent)]
    Chain(PemError),
    /// The key's file.
    #[error(transparent)]
    Key(PemError),
    /// The key's block holds no key that can sign.
    #[error("not a valid RSA (2048 to 4096 bits) or EC (P-256, P-384) key; make a new key, or copy the file again")]
    KeyUnreadable,
    /// The key belongs to no certificate of the chain.
    #[error(
        "the private key does not belong to {leaf}; put the key here that the certificate was requested with \
         (`openssl pkey -pubout` of the key must equal `openssl x509 -pubkey` of the certificate)"
    )]
    KeyMismatch {
        /// The first certificate.
        leaf: Place,
    },
    /// A certificate that can't be read reliably.
    #[error("{place}: {error}; ask the CA for it again")]
    Unreadable {
        /// Which one.
        place: Place,
        /// Why.
        #[source]
        error: FactsError,
    },
    /// webpki, and so most callers' software, can't use the leaf.
    #[error("{place} can't be used as a server certificate ({error}); ask the CA for it again")]
    Unusable {
        /// Which one.
        place: Place,
        /// Why.
        #[source]
        error: webpki::Error,
    },
    /// The certificates are right, their order is not.
    #[error(
        "the certificates are in the wrong order; each must be followed by its issuer, the server's own first: put them as {}",
        .right.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
    )]
    WrongOrder {
        /// Today's numbers in the order that is right.
        right: Vec<usize>,
    },
    /// A link is missing, or the rest belongs to another chain.
    #[error(
        "{place} was issued by {issuer}, which is not in the file, and so {} hang in the air; add the missing certificate, \
         or remove what belongs to another chain",
        joined(.others)
    )]
    Gap {
        /// The certificate whose issuer is missing.
        place: Place,
        /// The name of the issuer.
        issuer: String,
        /// The certificates that nothing leads to.
        others: Vec<Place>,
    },
    /// The issuer's name is there, but not its key.
    #[error(
        "{place} bears the name of its issuer {issuer}, but the signature is not of that certificate's key: the CA was \
         renewed; take the CA certificate that came with this one"
    )]
    OtherIssuerKey {
        /// The certificate whose signature does not verify.
        place: Place,
        /// Where the supposed issuer stands.
        issuer: Place,
    },
    /// A signature that callers refuse.
    #[error("{place} is signed with an algorithm that TLS no longer accepts (SHA-1?); ask the CA for a SHA-256 one")]
    SignatureAlgorithm {
        /// Which one.
        place: Place,
    },
    /// A certificate beside a chain that is complete without it.
    #[error("{place} is no part of the chain, which is complete without it; remove it")]
    Stranger {
        /// Which one.
        place: Place,
    },
    /// The same certificate twice.
    #[error("{place} is the same certificate as number {first}; remove one")]
    Duplicate {
        /// The later one.
        place: Place,
        /// The number of the earlier one.
        first: usize,
    },
    /// An issuer that is no CA.
    #[error("{place} issued the one before it, but is not a CA with the right to sign; ask the CA for the right chain")]
    IssuerNotCa {
        /// Which one.
        place: Place,
    },
    /// A CA that may not issue what is below it; told of what a server sent, and no reason to send nothing.
    #[error("{place} {problem}")]
    Path {
        /// The CA.
        place: Place,
        /// Why not.
        #[source]
        problem: PathProblem,
    },
    /// The host can't stand in a certificate.
    #[error("host {host:?} is neither a DNS name nor an IP address; give it without scheme, port or path")]
    HostNotAName {
        /// As configured.
        host: String,
    },
    /// The certificate is for other names.
    #[error(
        "{place} is not for the host {host}; its subject alternative names are {}. Set host to one of them, or request a \
         certificate for it (the common name does not count)",
        if .names.is_empty() { "none".to_owned() } else { .names.join(", ") }
    )]
    OtherHost {
        /// The leaf.
        place: Place,
        /// As configured.
        host: String,
        /// What the leaf is for.
        names: Vec<String>,
    },
    /// Expired.
    #[error("{place} expired at {}; renew it", minute(*not_after))]
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
    /// CA certificates only.
    #[error("{place} is a CA certificate, and no other is in the file; put the server's own certificate first")]
    LeafIsCa {
        /// The first certificate.
        place: Place,
    },
    /// extendedKeyUsage without serverAuth.
    #[error("{place} is not for servers: its extended key usage lacks serverAuth; request a server certificate")]
    NotForServers {
        /// The leaf.
        place: Place,
    },
    /// keyUsage without digitalSignature.
    #[error(
        "{place} may not sign: its key usage lacks digitalSignature, which TLS 1.3 and ECDHE need; request another"
    )]
    MayNotSign {
        /// The leaf.
        place: Place,
    },
    /// A key of another kind or strength.
    #[error(
        "{place} has {key}; RSA with 2048 to 4096 bits, EC P-256 or EC P-384 is needed: make a new key and request"
    )]
    KeyKind {
        /// The leaf.
        place: Place,
        /// What it has.
        key: PublicKey,
    },
}
