//! Certificates and keys: bytes in, types out. Knows no tokio and no file system.

pub mod chain;
mod client_certificate;
pub(crate) mod der;
pub mod distinguished_name;
pub mod encrypted_key;
pub mod endorsed_chain;
pub mod facts;
pub mod identity;
pub mod issuing;
mod key_identifier;
pub mod key_pair;
#[cfg(test)]
pub(crate) mod minting;
pub mod pem;
pub mod public_roots;
pub mod request;
pub mod revocation;
pub mod sample;
pub mod self_signed;
pub mod server_credential;
pub mod server_path;
pub(crate) mod signature;
mod signing;
pub mod subject;
pub mod trust_anchors;
pub mod validity;

pub use encrypted_key::{EncryptedKey, Passphrase};
pub use endorsed_chain::{EndorsedChain, EndorsedChainError, EndorsementProblem};
pub use facts::CertificateFacts;
pub(crate) use facts::minute;
pub use identity::ClientIdentity;
pub use key_pair::{KeyKind, KeyPair};
pub use request::Request;
pub use revocation::{Revocation, RevocationList, RevocationLists, RevocationListsError, RevocationMode};
pub use sample::SamplePki;
pub use self_signed::SelfSigned;
pub use server_credential::{ServerCredential, ServerCredentialError};
pub use subject::Subject;
pub use trust_anchors::{Anchor, AnchorRules, TrustAnchors, TrustAnchorsError};
pub use validity::Validity;
