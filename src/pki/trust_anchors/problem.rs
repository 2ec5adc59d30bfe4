//! What can be wrong with a client CA bundle, in the words that an operator needs.

use std::fmt;

use rustls_pki_types::UnixTime;

use super::Place;
use crate::pki::facts::{FactsError, PublicKey, minute};
use crate::pki::pem::PemError;

/// Something that an operator should know and that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorWarning {
    /// Left out: expired.
    #[error("{place} expired at {} and is left out; remove it from the bundle", minute(*not_after))]
    Expired {
        /// Which one.
        place: Place,
        /// Its last second.
        not_after: UnixTime,
    },
    /// Not valid yet; it counts from its first second on, without another load.
    #[error("{place} admits nobody before {}, when it becomes valid (is the clock right?)", minute(*not_before))]
    NotYetValid {
        /// Which one.
        place: Place,
        /// Its first second.
        not_before: UnixTime,
    },
    /// The same certificate again.
    #[error("{place} is the same certificate as number {first}; remove one")]
    Duplicate {
        /// The later one.
        place: Place,
        /// The number of the earlier one.
        first: usize,
    },
    /// Part of the public web's PKI, and taken by `allow_public_client_ca`.
    #[error("{place} belongs to the public root {root}: whoever it vouches for is admitted (allow_public_client_ca)")]
    Public {
        /// Which one.
        place: Place,
        /// The root.
        root: String,
    },
    /// A sample CA, taken by `allow_sample_certificates` or because only this machine is listened to.
    #[error("{place} belongs to the sample PKI, whose keys are public; it is for trials only")]
    Sample {
        /// Which one.
        place: Place,
    },
}

/// Why a certificate can't be an anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct AnchorProblem {
    /// Which certificate.
    pub place: Place,
    /// Why, and what to do.
    #[source]
    pub reason: AnchorRefusal,
}

/// Why a certificate can't be an anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorRefusal {
    /// It can't be read reliably.
    #[error("{0}; ask for the CA certificate again")]
    Unreadable(FactsError),
    /// X.509 v1 or v2: without extensions, nothing says that it is a CA.
    #[error("an X.509 v{version} certificate can't say that it is a CA; ask for an X.509 v3 one")]
    OldVersion {
        /// 1 or 2.
        version: u32,
    },
    /// Not a CA.
    #[error("this is an end-entity certificate; Thales forbids pinning (O6): put the Thales Client CA here")]
    EndEntity,
    /// A CA that may not sign certificates.
    #[error("its key usage lacks keyCertSign, so it may not sign certificates; put the CA that signs clients here")]
    MayNotSign,
    /// A key that is too weak, or that no signature can be verified with.
    #[error("its key is {0}; RSA with 2048 to 8192 bits, EC P-256, P-384, P-521 or Ed25519 is needed")]
    Key(PublicKey),
    /// webpki can't use it.
    #[error("it can't be used as a trust anchor ({0}); ask for the CA certificate again")]
    Unusable(webpki::Error),
    /// It belongs to the public web's PKI.
    #[error(
        "it belongs to the public root {root}, so it would admit anyone on the internet with such a certificate. Was the CA of \
         Thales' server (for calls to Thales) taken for the Thales Client CA? If it is meant: allow_public_client_ca = true"
    )]
    Public {
        /// The root's subject.
        root: String,
    },
    /// It belongs to the sample PKI.
    #[error(
        "this is a sample CA, and the keys of its clients are public; put the Thales Client CA here \
         (for a trial: allow_sample_certificates = true)"
    )]
    Sample,
}

/// Why there are no trust anchors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustAnchorsError {
    /// The file is not a bundle of certificates.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Certificates that can't be anchors: all of them, in their order.
    #[error("{}", joined(.0))]
    Refused(Vec<AnchorProblem>),
    /// Every certificate has expired or is not valid yet.
    #[error("no certificate of the bundle is valid now; ask Thales for the current Client CA: {}", joined(.0))]
    NoneValid(Vec<AnchorWarning>),
}

pub(crate) fn joined<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
