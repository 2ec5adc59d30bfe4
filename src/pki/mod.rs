//! Certificates and keys: bytes in, types out. Knows no tokio and no file system.

pub mod distinguished_name;
pub mod endorsed_chain;
pub mod facts;
pub mod identity;
#[cfg(test)]
pub(crate) mod minting;
pub mod pem;
pub mod public_roots;
pub mod revocation;
pub mod sample;
pub mod server_credential;
mod signature;
pub mod trust_anchors;

pub use endorsed_chain::{EndorsedChain, EndorsedChainError, EndorsementProblem};
pub use facts::CertificateFacts;
pub use identity::ClientIdentity;
pub use revocation::{Revocation, RevocationList, RevocationLists, RevocationListsError, RevocationMode};
pub use sample::SamplePki;
pub use server_credential::{ServerCredential, ServerCredentialError};
pub use trust_anchors::{Anchor, AnchorRules, TrustAnchors, TrustAnchorsError};
