//! What a caller shows: its certificate chain and key.

use std::sync::Arc;

use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::CertificateDer;

use super::CallerError;
use crate::pki::pem;

/// A client certificate, its chain and its key. Clones share it.
#[derive(Clone)]
pub struct ClientCredential(Arc<CertifiedKey>);

impl ClientCredential {
    /// Chain (leaf first) and key, both PEM.
    ///
    /// # Errors
    /// When either is not PEM, TLS cannot use it, or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CallerError> {
        let unusable = |error: &dyn std::fmt::Display| CallerError::Credential(error.to_string());
        let chain = pem::certificates(chain).map_err(|error| unusable(&error))?;
        let key = pem::private_key(key).map_err(|error| unusable(&error))?;
        let key: Arc<dyn SigningKey> =
            rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).map_err(|error| unusable(&error))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(Self(Arc::new(certified)))
            }
            Err(_) => Err(unusable(&"the key does not belong to the certificate")),
        }
    }

    /// The chain, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.cert
    }

    pub(super) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }
}

impl std::fmt::Debug for ClientCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCredential").field("certificates", &self.0.cert.len()).finish_non_exhaustive()
    }
}
