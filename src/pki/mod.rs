//! Certificates and keys: bytes in, types out. Knows no tokio and no file system.

pub mod identity;

pub use identity::ClientIdentity;
