//! Why a client's chain was not accepted.

use std::fmt;

use rustls::{CertificateError, OtherError};

/// Why a presented chain does not pass. Never remembered: a refused chain is judged anew each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// More certificates than are looked at (path building over many cross-signed ones is expensive).
    #[error("the client presented more certificates than the {max} that are looked at")]
    ChainTooLong {
        /// The cap, in certificates, the leaf included.
        max: usize,
    },
    /// A certificate is not DER, or not X.509 v3.
    #[error("a presented certificate is malformed")]
    Malformed,
    /// No path to a trust anchor.
    #[error("the chain does not end at the client CA")]
    UnknownIssuer,
    /// A certificate of the path, or the anchor, is past its notAfter.
    #[error("a certificate of the path has expired")]
    Expired,
    /// A certificate of the path, or the anchor, is before its notBefore.
    #[error("a certificate of the path is not valid yet")]
    NotYetValid,
    /// ExtendedKeyUsage is present without clientAuth, or absent although it is demanded.
    #[error("the certificate's ExtendedKeyUsage does not allow client authentication")]
    WrongExtendedKeyUsage,
    /// KeyUsage is present without digitalSignature.
    #[error("the certificate's KeyUsage does not allow digital signatures")]
    WrongKeyUsage,
    /// A CA certificate was presented as the client's own.
    #[error("a CA certificate was presented as end-entity certificate")]
    CaAsLeaf,
    /// An issuer of the path is no CA, or may not sign certificates.
    #[error("an issuer of the path may not sign certificates")]
    IssuerNotCa,
    /// A path length constraint, or the depth limit of path building, was exceeded.
    #[error("the path is longer than a path length constraint allows")]
    PathTooLong,
    /// A name constraint of a CA forbids a name of the client.
    #[error("a name constraint forbids a name of the client")]
    NameConstraint,
    /// A signature does not verify.
    #[error("a signature does not verify")]
    BadSignature,
    /// A signature algorithm or key that is too weak or unknown, SHA-1 and RSA below 2048 bits among them.
    #[error("a signature algorithm or key is too weak or not supported")]
    WeakOrUnsupported,
    /// A critical extension that is not understood.
    #[error("a critical extension is not understood")]
    UnknownCriticalExtension,
    /// The subject is outside of `client_subject`.
    #[error("the subject is not one that client_subject admits")]
    SubjectNotAdmitted,
    /// The chain would cost more work than an honest one.
    #[error("path building was given up: the chain costs too much work")]
    TooExpensive,
    /// The certificate was revoked.
    #[error("a certificate of the path has been revoked")]
    Revoked,
    /// The revocation status is not known, and has to be.
    #[error("the revocation status of the path is not known")]
    RevocationUnknown,
    /// A revocation list that covers the path is past its nextUpdate.
    #[error("a revocation list that covers the path has expired")]
    RevocationListExpired,
    /// The environment is gone from the configuration.
    #[error("the environment is no longer configured")]
    EnvironmentClosed,
    /// Anything else that is wrong with a chain.
    #[error("the chain does not pass")]
    Other,
}

impl Refusal {
    /// A stable name for logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::ChainTooLong { .. } => "chain_too_long",
            Self::Malformed => "malformed_certificate",
            Self::UnknownIssuer => "unknown_issuer",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongExtendedKeyUsage => "wrong_extended_key_usage",
            Self::WrongKeyUsage => "wrong_key_usage",
            Self::CaAsLeaf => "ca_as_leaf",
            Self::IssuerNotCa => "issuer_not_ca",
            Self::PathTooLong => "path_too_long",
            Self::NameConstraint => "name_constraint",
            Self::BadSignature => "bad_signature",
            Self::WeakOrUnsupported => "weak_or_unsupported",
            Self::UnknownCriticalExtension => "unknown_critical_extension",
            Self::SubjectNotAdmitted => "subject_not_admitted",
            Self::TooExpensive => "too_expensive",
            Self::Revoked => "revoked",
            Self::RevocationUnknown => "revocation_unknown",
            Self::RevocationListExpired => "crl_expired",
            Self::EnvironmentClosed => "environment_closed",
            Self::Other => "other_refusal",
        }
    }
}

impl From<webpki::Error> for Refusal {
    #[expect(deprecated, reason = "the old variants are still public, and a refusal must have a name for each")]
    fn from(error: webpki::Error) -> Self {
        use webpki::Error as E;
        match error {
            E::UnknownIssuer => Self::UnknownIssuer,
            E::CertExpired { .. } => Self::Expired,
            E::CertNotValidYet { .. } => Self::NotYetValid,
            E::RequiredEkuNotFound | E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
                Self::WrongExtendedKeyUsage
            }
            E::CaUsedAsEndEntity => Self::CaAsLeaf,
            E::EndEntityUsedAsCa => Self::IssuerNotCa,
            E::PathLenConstraintViolated | E::MaximumPathDepthExceeded => Self::PathTooLong,
            E::NameConstraintViolation | E::MalformedNameConstraint | E::InvalidNetworkMaskConstraint => {
                Self::NameConstraint
            }
            E::MaximumSignatureChecksExceeded
            | E::MaximumPathBuildCallsExceeded
            | E::MaximumNameConstraintComparisonsExceeded => Self::TooExpensive,
            E::InvalidSignatureForPublicKey => Self::BadSignature,
            E::SignatureAlgorithmMismatch
            | E::UnsupportedSignatureAlgorithm
            | E::UnsupportedSignatureAlgorithmContext(_)
            | E::UnsupportedSignatureAlgorithmForPublicKey
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::WeakOrUnsupported,
            E::UnsupportedCriticalExtension => Self::UnknownCriticalExtension,
            E::CertRevoked => Self::Revoked,
            E::CrlExpired { .. } => Self::RevocationListExpired,
            // A list that its issuer did not sign, or may not, tells nothing.
            E::UnknownRevocationStatus
            | E::InvalidCrlSignatureForPublicKey
            | E::UnsupportedCrlSignatureAlgorithm
            | E::UnsupportedCrlSignatureAlgorithmContext(_)
            | E::UnsupportedCrlSignatureAlgorithmForPublicKey
            | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
            | E::IssuerNotCrlSigner => Self::RevocationUnknown,
            E::BadDer
            | E::BadDerTime
            | E::ExtensionValueInvalid
            | E::InvalidCertValidity
            | E::InvalidSerialNumber
            | E::MalformedDnsIdentifier
            | E::MalformedExtensions
            | E::TrailingData(_)
            | E::UnsupportedCertVersion
            | E::UnsupportedNameType => Self::Malformed,
            _ => Self::Other,
        }
    }
}

/// Chooses the alert that tells an honest client most (RFC 8446 section 6.2).
impl From<Refusal> for rustls::Error {
    fn from(refusal: Refusal) -> Self {
        Self::InvalidCertificate(match refusal {
            Refusal::Malformed => CertificateError::BadEncoding,
            Refusal::UnknownIssuer => CertificateError::UnknownIssuer,
            Refusal::Expired => CertificateError::Expired,
            Refusal::NotYetValid => CertificateError::NotValidYet,
            Refusal::WrongExtendedKeyUsage | Refusal::WrongKeyUsage | Refusal::CaAsLeaf => {
                CertificateError::InvalidPurpose
            }
            Refusal::BadSignature => CertificateError::BadSignature,
            Refusal::UnknownCriticalExtension => CertificateError::UnhandledCriticalExtension,
            Refusal::Revoked => CertificateError::Revoked,
            Refusal::RevocationUnknown => CertificateError::UnknownRevocationStatus,
            Refusal::RevocationListExpired => CertificateError::ExpiredRevocationList,
            other => CertificateError::Other(OtherError(std::sync::Arc::new(other))),
        })
    }
}

/// A refusal together with whom it befell; what logs and the console show.
#[derive(Clone, Debug)]
pub struct RefusedClient {
    /// Why.
    pub refusal: Refusal,
    /// The subject and SHA-256 of the leaf, where it could be read.
    pub identity: Option<std::sync::Arc<crate::pki::ClientIdentity>>,
    /// Whether a trust anchor has issued the leaf, whatever else is wrong with it. Else anybody may have made it.
    pub of_client_ca: bool,
}

impl fmt::Display for RefusedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(identity) => write!(f, "{} ({})", self.refusal, identity.subject),
            None => self.refusal.fmt(f),
        }
    }
}
