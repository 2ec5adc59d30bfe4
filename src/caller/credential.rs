//! What a caller shows: its certificate chain and key.

use std::sync::Arc;

use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroize as _;

use super::CallerError;
use crate::pki::Passphrase;
use crate::pki::pem::{self, StoredKey};

/// A client certificate, its chain and its key. Clones share it.
#[derive(Clone)]
pub struct ClientCredential(Arc<CertifiedKey>);

impl ClientCredential {
    /// Chain (leaf first) and key, both PEM.
    ///
    /// # Errors
    /// When either is not PEM, TLS cannot use it, or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CallerError> {
        let key = pem::private_key(key).map_err(|error| unusable(&error))?;
        Self::new(chain, key)
    }

    /// The same with a key that may be encrypted. For the passphrase is asked when it is, and only then.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), when the passphrase does not open the key, or what `passphrase` says.
    pub fn from_stored_pem<E: From<CallerError>>(
        chain: &[u8],
        key: &[u8],
        passphrase: impl FnOnce() -> Result<Passphrase, E>,
    ) -> Result<Self, E> {
        let key = match pem::stored_key(key).map_err(|error| unusable(&error))? {
            StoredKey::Plain(key) => key,
            StoredKey::Encrypted(key) => key.decrypt(&passphrase()?).map_err(|error| unusable(&error))?,
        };
        Ok(Self::new(chain, key)?)
    }

    /// Wipes `key`: what signs has a copy.
    fn new(chain: &[u8], mut key: PrivateKeyDer<'static>) -> Result<Self, CallerError> {
        let signing_key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key);
        key.zeroize();
        let key: Arc<dyn SigningKey> = signing_key.map_err(|error| unusable(&error))?;
        let chain = pem::certificates(chain).map_err(|error| unusable(&error))?;
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

fn unusable(error: &dyn std::fmt::Display) -> CallerError {
    CallerError::Credential(error.to_string())
}

impl std::fmt::Debug for ClientCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCredential").field("certificates", &self.0.cert.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{KeyKind, KeyPair, SelfSigned, Subject, self_signed::Validity};
    use rustls_pki_types::UnixTime;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.as_bytes().to_vec().into())
    }

    #[test]
    fn a_key_may_be_encrypted_where_somebody_knows_its_passphrase() {
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let now = UnixTime::now();
        let validity = Validity { not_before: now, not_after: now };
        let certificate = SelfSigned::new(&Subject::of(&[]).unwrap(), &key, validity).unwrap().to_pem();
        let encrypted = key.to_encrypted_pem(&passphrase("open sesame")).unwrap();
        let with = |known: &str| {
            let read = ClientCredential::from_stored_pem(certificate.as_bytes(), encrypted.as_bytes(), || {
                Ok::<_, CallerError>(passphrase(known))
            });
            read.map(|credential| credential.chain().len()).map_err(|error| error.to_string())
        };
        assert_eq!(with("open sesame"), Ok(1));
        assert!(with("open Sesame").unwrap_err().contains("the passphrase does not open the key"));
        let plain = key.to_pem().unwrap();
        let read = ClientCredential::from_stored_pem::<CallerError>(certificate.as_bytes(), plain.as_bytes(), || {
            panic!("nobody is asked for a passphrase that is not needed")
        });
        assert!(read.is_ok());
        assert!(ClientCredential::from_pem(certificate.as_bytes(), encrypted.as_bytes()).is_err(), "control");
    }
}
