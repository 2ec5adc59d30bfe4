//! The keys of our own access tokens: ES256 (RFC 7518 section 3.4).

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Serialize;
use zeroize::Zeroizing;

use super::verification_keys::{VerificationKey, VerificationKeys};

/// Most keys at once. A rotation needs two.
pub const MOST_SIGNING_KEYS: usize = 4;

/// The keys of one environment: the first signs, and what any of them signed verifies. A new key is put first, and the old one
/// is removed when the last of its tokens has expired. Replicas that share the file take each other's tokens.
pub struct SigningKeys {
    id: String,
    signing: EncodingKey,
    verifying: VerificationKeys,
}

impl SigningKeys {
    /// The keys in the PEM blocks of a file: PKCS#8 or SEC1, curve P-256, without a password.
    ///
    /// # Errors
    /// [`SigningKeyError`] when there is no key, one that is not of that curve, one that stands there twice, or too many.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SigningKeyError> {
        use_aws_lc();
        let (mut signing, mut verifying) = (None, Vec::new());
        for (index, key) in PrivateKeyDer::pem_slice_iter(pem).enumerate() {
            let key = Zeroizing::new(key.map_err(SigningKeyError::Pem)?);
            let number = index + 1;
            if number > MOST_SIGNING_KEYS {
                return Err(SigningKeyError::TooMany);
            }
            let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_der())
                .map_err(|_| SigningKeyError::NotP256 { number })?;
            let unusable = |_| SigningKeyError::NotP256 { number };
            // Erases itself, as the document does.
            let encoding = EncodingKey::from_ec_der(pair.to_pkcs8v1().map_err(unusable)?.as_ref());
            let id = Jwk::from_encoding_key(&encoding, Algorithm::ES256)
                .and_then(|jwk| jwk.thumbprint(ThumbprintHash::SHA256))
                .map_err(|_| SigningKeyError::NotP256 { number })?;
            if verifying.iter().any(|other: &VerificationKey| other.id.as_deref() == Some(&id)) {
                return Err(SigningKeyError::Twice { number });
            }
            let decoding = DecodingKey::from_ec_der(pair.public_key().as_ref());
            verifying.push(VerificationKey { id: Some(id.clone()), algorithm: Algorithm::ES256, key: decoding });
            signing.get_or_insert((id, encoding));
        }
        let (id, signing) = signing.ok_or(SigningKeyError::None)?;
        Ok(Self { id, signing, verifying: VerificationKeys::new(verifying, 0, false) })
    }

    /// The ids of the keys (RFC 7638 thumbprints), the signing one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.verifying.ids()
    }

    pub(super) fn verifying(&self) -> &VerificationKeys {
        &self.verifying
    }

    /// A signed token in the compact form (RFC 7515 section 7.1), with the type of RFC 9068 section 2.1.
    pub(super) fn sign<C: Serialize>(&self, claims: &C) -> Result<String, SigningFailed> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(String::from("at+jwt"));
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(|_| SigningFailed)
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("ids", &self.ids().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// No signature came about, for want of random numbers.
#[derive(Debug)]
pub(super) struct SigningFailed;

/// A program around this library may have built the token crate with a second provider, and it panics when it has to choose.
pub(super) fn use_aws_lc() {
    // Somebody chose already: that one serves as well.
    let _ = aws_lc::DEFAULT_PROVIDER.install_default();
}

/// What is wrong with a file of signing keys. Never holds anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// It is not PEM.
    #[error("the signing keys cannot be read: expected PEM blocks BEGIN PRIVATE KEY")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// There is none.
    #[error(
        "there is no signing key: expected a PEM block BEGIN PRIVATE KEY, without a password, as \
         `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` writes it"
    )]
    None,
    /// It is RSA, of another curve, or broken.
    #[error("signing key number {number} is not a key of curve P-256, the one that ES256 signs with")]
    NotP256 {
        /// Counted from one.
        number: usize,
    },
    /// The same key again.
    #[error("signing key number {number} stands there a second time: remove one of them")]
    Twice {
        /// Counted from one.
        number: usize,
    },
    /// There are too many.
    #[error("there are more than {MOST_SIGNING_KEYS} signing keys: remove those whose tokens have expired")]
    TooMany,
}
