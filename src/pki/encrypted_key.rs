//! Private keys encrypted with a passphrase: PKCS#8 `EncryptedPrivateKeyInfo` (RFC 5958 section 3) with PBES2 (RFC 8018).

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, AES_256_KEY_LEN, Algorithm as Cipher, DecryptionContext, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::{FixedLength, IV_LEN_128_BIT};
use aws_lc_rs::pbkdf2::{
    Algorithm as Derivation, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512, derive,
};
use aws_lc_rs::rand;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::{der, pem};

mod parameters;

use parameters::Parameters;

/// Rounds of PBKDF2 for a new key: what OWASP recommends for HMAC-SHA256.
pub const ITERATIONS: NonZeroU32 = match NonZeroU32::new(600_000) {
    Some(iterations) => iterations,
    None => NonZeroU32::MIN,
};
/// More rounds than these, which take seconds, are a damaged or hostile file.
const MOST_ITERATIONS: u32 = 10_000_000;
/// Octets of a new salt: what NIST SP 800-132 section 5.1 asks for at least.
const SALT_LENGTH: usize = 16;
/// Octets of an initialisation vector of AES-CBC.
const VECTOR_LENGTH: usize = IV_LEN_128_BIT;

/// What a key is encrypted with. Wiped when it goes.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Takes the bytes as they are: programs that read such keys know no encoding.
    #[must_use]
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// A private key that takes a passphrase to be read.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedKey {
    line: usize,
    der: Vec<u8>,
}

impl fmt::Debug for EncryptedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedKey").field("line", &self.line).finish_non_exhaustive()
    }
}

/// Why a key was not encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptedKeyError {
    /// Not the DER of an `EncryptedPrivateKeyInfo`.
    #[error("line {line}: the block is not an encrypted PKCS#8 key; the file is damaged, copy it again")]
    Malformed {
        /// Line of the BEGIN.
        line: usize,
    },
    /// Encrypted in a way that is not read here.
    #[error(
        "line {line}: the key is encrypted with {what}; what is read here is PBES2 with PBKDF2 and AES-CBC: convert it with \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out CONVERTED`"
    )]
    Unsupported {
        /// Line of the BEGIN.
        line: usize,
        /// The algorithm.
        what: String,
    },
    /// More rounds than anybody waits for.
    #[error(
        "line {line}: the key is encrypted with {iterations} rounds of PBKDF2, and more than {MOST_ITERATIONS} are not worked off; if \
         it is yours, encrypt it anew with `openssl pkcs8 -topk8 -v2 aes-256-cbc -iter {ITERATIONS} -in FILE -out CONVERTED`"
    )]
    TooManyRounds {
        /// Line of the BEGIN.
        line: usize,
        /// The rounds.
        iterations: NonZeroU32,
    },
    /// The passphrase is another one, or the key is damaged: which of them can't be told.
    #[error("line {line}: the passphrase does not open the key")]
    WrongPassphrase {
        /// Line of the BEGIN.
        line: usize,
    },
    /// The machine gives no random numbers, or is out of memory.
    #[error("the key could not be encrypted: the machine gives no random numbers")]
    NoRandomness,
}

impl EncryptedKey {
    /// Encrypts a PKCS#8 key (DER): AES-256-CBC under a key that PBKDF2-HMAC-SHA256 makes in [`ITERATIONS`] rounds, with a new
    /// salt.
    ///
    /// # Errors
    /// [`EncryptedKeyError::NoRandomness`].
    pub fn encrypt(pkcs8: &[u8], passphrase: &Passphrase) -> Result<Self, EncryptedKeyError> {
        let failed = |_| EncryptedKeyError::NoRandomness;
        let mut salt = [0; SALT_LENGTH];
        let mut vector = [0; VECTOR_LENGTH];
        rand::fill(&mut salt).map_err(failed)?;
        rand::fill(&mut vector).map_err(failed)?;
        let key = derived(PBKDF2_HMAC_SHA256, ITERATIONS, &salt, passphrase, &AES_256).map_err(failed)?;
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(failed)?;
        let context = EncryptionContext::Iv128(FixedLength::from(vector));
        // Encrypted where it stands, with room for the padding: a text that grows leaves a copy of the key behind.
        let mut text = Zeroizing::new(Vec::with_capacity(pkcs8.len() + VECTOR_LENGTH));
        text.extend_from_slice(pkcs8);
        key.less_safe_encrypt(&mut *text, context).map_err(failed)?;
        let algorithm = parameters::encoded(&salt, ITERATIONS, &vector);
        Ok(Self { line: 1, der: der::sequence(&[&algorithm, &der::octet_string(&text)]) })
    }

    /// A block as it was read: its line, for errors, and its DER.
    pub(super) fn at_line(line: usize, der: Vec<u8>) -> Self {
        Self { line, der }
    }

    /// The line at which its block begins in its file, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// Decrypts the key. The caller wipes it after use.
    ///
    /// # Errors
    /// [`EncryptedKeyError`] when it is encrypted in a way that is not read here, or with another passphrase.
    pub fn decrypt(&self, passphrase: &Passphrase) -> Result<PrivateKeyDer<'static>, EncryptedKeyError> {
        let line = self.line;
        let (parameters, text) = Parameters::read(&self.der, line)?;
        let wrong = |_| EncryptedKeyError::WrongPassphrase { line };
        let Parameters { prf, iterations, salt, cipher, vector } = parameters;
        let key = derived(prf, iterations, salt, passphrase, cipher).map_err(wrong)?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(wrong)?;
        let mut text = Zeroizing::new(text.to_vec());
        let pkcs8 = key.decrypt(&mut text, DecryptionContext::Iv128(FixedLength::from(vector))).map_err(wrong)?;
        // One wrong passphrase in 256 leaves a padding that looks right, and noise before it.
        if !parameters::is_one_sequence(pkcs8) {
            return Err(EncryptedKeyError::WrongPassphrase { line });
        }
        Ok(PrivatePkcs8KeyDer::from(pkcs8.to_vec()).into())
    }

    /// The key in PEM.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encoded("ENCRYPTED PRIVATE KEY", &self.der)
    }
}

/// The key of a cipher, made from a passphrase.
fn derived(
    prf: Derivation,
    iterations: NonZeroU32,
    salt: &[u8],
    passphrase: &Passphrase,
    cipher: &'static Cipher,
) -> Result<UnboundCipherKey, aws_lc_rs::error::Unspecified> {
    let mut room = Zeroizing::new([0; AES_256_KEY_LEN]);
    let key = room.get_mut(..parameters::key_length(cipher)).ok_or(aws_lc_rs::error::Unspecified)?;
    derive(prf, iterations, salt, &passphrase.0, key);
    UnboundCipherKey::new(cipher, key)
}

#[cfg(test)]
mod tests;
