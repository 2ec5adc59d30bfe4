//! Key pairs of clients: made, read from files, and signed with.

use std::fmt;

use aws_lc_rs::digest::{Digest, SHA256, SHA384, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use zeroize::{Zeroize as _, Zeroizing};

use super::encrypted_key::{EncryptedKey, EncryptedKeyError, Passphrase};
use super::facts::PublicKey;
use super::identity::Fingerprint;
use super::pem;

/// A kind of key that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 4096 bits.
    Rsa4096,
    /// RSA with 2048 bits.
    Rsa2048,
    /// ECDSA on P-256 (prime256v1).
    P256,
    /// ECDSA on P-384 (secp384r1).
    P384,
}

impl KeyKind {
    /// What a certificate says of such a key.
    #[must_use]
    pub const fn public_key(self) -> PublicKey {
        match self {
            Self::Rsa4096 => PublicKey::Rsa { bits: 4096 },
            Self::Rsa2048 => PublicKey::Rsa { bits: 2048 },
            Self::P256 => PublicKey::P256,
            Self::P384 => PublicKey::P384,
        }
    }
}

/// A private key and its public key.
pub struct KeyPair {
    signer: Signer,
    public_key: PublicKey,
    /// The `SubjectPublicKeyInfo`.
    public_key_der: Vec<u8>,
}

enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

/// Why there is no key, or no signature. Holds nothing of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyPairError {
    /// The file is no PEM, or does not hold exactly one private key.
    #[error(transparent)]
    Pem(#[from] pem::PemError),
    /// The key is encrypted, and was not decrypted.
    #[error(transparent)]
    Encrypted(#[from] EncryptedKeyError),
    /// A key of a kind that nothing here signs with, or a damaged one.
    #[error("not a sound private key for RSA (2048 to 8192 bits) or for ECDSA on P-256 or P-384")]
    Unusable,
    /// The machine gives no random numbers, or is out of memory.
    #[error("the key could not be made or used: the machine gives no random numbers")]
    NoRandomness,
}

impl KeyPair {
    /// Makes a key. RSA with 4096 bits may take some seconds.
    ///
    /// # Errors
    /// [`KeyPairError::NoRandomness`].
    pub fn generate(kind: KeyKind) -> Result<Self, KeyPairError> {
        let made = match kind {
            KeyKind::Rsa4096 => RsaKeyPair::generate(KeySize::Rsa4096).map(Signer::Rsa),
            KeyKind::Rsa2048 => RsaKeyPair::generate(KeySize::Rsa2048).map(Signer::Rsa),
            KeyKind::P256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Signer::Ec),
            KeyKind::P384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Signer::Ec),
        };
        Self::of(made.map_err(|_| KeyPairError::NoRandomness)?)
    }

    /// Reads a key: PKCS#8, SEC1 or PKCS#1, in DER.
    ///
    /// # Errors
    /// [`KeyPairError::Unusable`].
    pub fn from_der(key: &PrivateKeyDer<'_>) -> Result<Self, KeyPairError> {
        let der = key.secret_der();
        let ec = |algorithm| EcdsaKeyPair::from_private_key_der(algorithm, der).map(Signer::Ec);
        let rsa = || match key {
            PrivateKeyDer::Pkcs8(_) => RsaKeyPair::from_pkcs8(der),
            _ => RsaKeyPair::from_der(der),
        };
        let read = ec(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .or_else(|_| ec(&ECDSA_P384_SHA384_ASN1_SIGNING))
            .or_else(|_| rsa().map(Signer::Rsa));
        Self::of(read.map_err(|_| KeyPairError::Unusable)?)
    }

    /// Reads the one key of a PEM file. For the passphrase is asked when the key turns out to be encrypted, and only then.
    ///
    /// # Errors
    /// [`KeyPairError`], or what `passphrase` says.
    pub fn from_pem<E: From<KeyPairError>>(
        pem: &[u8],
        passphrase: impl FnOnce() -> Result<Passphrase, E>,
    ) -> Result<Self, E> {
        let mut der = match pem::stored_key(pem).map_err(KeyPairError::from)? {
            pem::StoredKey::Plain(der) => der,
            pem::StoredKey::Encrypted(key) => key.decrypt(&passphrase()?).map_err(KeyPairError::from)?,
        };
        let key = Self::from_der(&der);
        der.zeroize();
        Ok(key?)
    }

    fn of(signer: Signer) -> Result<Self, KeyPairError> {
        let encoded: Result<PublicKeyX509Der<'_>, _> = match &signer {
            Signer::Rsa(key) => key.public_key().as_der(),
            Signer::Ec(key) => key.public_key().as_der(),
        };
        let public_key_der = encoded.map_err(|_| KeyPairError::Unusable)?.as_ref().to_vec();
        let public_key = PublicKey::from_der(&public_key_der).ok_or(KeyPairError::Unusable)?;
        Ok(Self { signer, public_key, public_key_der })
    }

    /// Its kind.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The DER of the `SubjectPublicKeyInfo`, header included.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    /// SHA-256 over the `SubjectPublicKeyInfo`: what `openssl pkey -pubout -outform der | sha256sum` prints.
    #[must_use]
    pub fn public_key_sha256(&self) -> Fingerprint {
        Fingerprint::of(&self.public_key_der)
    }

    /// The name of its signatures, for people.
    #[must_use]
    pub const fn signature_name(&self) -> &'static str {
        match self.signer {
            Signer::Rsa(_) => "RSA (PKCS#1 v1.5) with SHA-256",
            Signer::Ec(_) => "ECDSA with SHA-256",
        }
    }

    /// The DER of its signatures' `AlgorithmIdentifier`: sha256WithRSAEncryption (RFC 4055 section 5) or ecdsa-with-SHA256
    /// (RFC 5758 section 3.2).
    #[must_use]
    pub const fn signature_algorithm_der(&self) -> &'static [u8] {
        match self.signer {
            Signer::Rsa(_) => &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0],
            Signer::Ec(_) => &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
        }
    }

    /// Signs with SHA-256, whatever the key: Thales asks for it by name (I2).
    ///
    /// # Errors
    /// [`KeyPairError::NoRandomness`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyPairError> {
        let signed = match &self.signer {
            Signer::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map(|()| signature)
            }
            Signer::Ec(key) if self.public_key == PublicKey::P384 => {
                // aws-lc-rs couples P-384 with SHA-384. ECDSA takes a digest as a number (FIPS 186-5 section 6.4.1), so
                // that a digest of 32 bytes and the same with zeros in front of it, 48 bytes, make the same signature.
                let padded = [&[0; 16], digest(&SHA256, message).as_ref()].concat();
                let number = Digest::import_less_safe(&padded, &SHA384);
                number.and_then(|number| key.sign_digest(&number)).map(|signature| signature.as_ref().to_vec())
            }
            Signer::Ec(key) => key.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec()),
        };
        signed.map_err(|_| KeyPairError::NoRandomness)
    }

    /// The private key as PKCS#8 in PEM.
    ///
    /// # Errors
    /// [`KeyPairError::Unusable`] when it can't be encoded.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyPairError> {
        self.with_pkcs8(|der| pem::encoded("PRIVATE KEY", der))
    }

    /// The private key as PKCS#8 in PEM, encrypted.
    ///
    /// # Errors
    /// As [`to_pem`](Self::to_pem), and [`KeyPairError::NoRandomness`].
    pub fn to_encrypted_pem(&self, passphrase: &Passphrase) -> Result<Zeroizing<String>, KeyPairError> {
        Ok(self.with_pkcs8(|der| EncryptedKey::encrypt(der, passphrase))??.to_pem())
    }

    /// The encoding lives as long as the call; aws-lc-rs wipes it.
    fn with_pkcs8<T>(&self, encode: impl FnOnce(&[u8]) -> T) -> Result<T, KeyPairError> {
        let unusable = |_| KeyPairError::Unusable;
        match &self.signer {
            Signer::Rsa(key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().map_err(unusable)?;
                Ok(encode(der.as_ref()))
            }
            Signer::Ec(key) => Ok(encode(key.to_pkcs8v1().map_err(unusable)?.as_ref())),
        }
    }
}

#[cfg(test)]
mod tests;
