//! Keys that there are already, and kinds of those that are to be made.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Error;
use super::authority::warn;
use super::passphrase::PassphraseArguments;
use super::shell_word::shell_word;
use crate::files;
use crate::pki::pem::{StoredKey, stored_key};
use crate::pki::{KeyKind, KeyPair};

/// Octets; an RSA key with 8192 bits has 6,500 in PEM.
const LONGEST_KEY: u64 = 1 << 16;
/// Group and others.
const NOT_THE_OWNER: u32 = 0o077;

/// Reads a private key; asks for its passphrase where it has one, and warns where it has none and others may read it.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read_key(path: &Path, passphrase: &PassphraseArguments) -> Result<KeyPair, Error> {
    let shown = path.display();
    let pem = files::read(path, LONGEST_KEY).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let key = KeyPair::from_pem(&pem, || passphrase.of_existing_key(path))
        .map_err(|error: Error| format!("{shown}: {error}"))?;
    if !matches!(stored_key(&pem), Ok(StoredKey::Encrypted(_))) {
        warn_of_readers(path, "whoever has it can call in your name");
    }
    Ok(key)
}

/// Warns where others than its owner may read a key that is not encrypted.
pub(super) fn warn_of_readers(path: &Path, danger: &str) {
    if let Ok(metadata) = path.metadata()
        && metadata.permissions().mode() & NOT_THE_OWNER != 0
    {
        let shown = path.display();
        warn(&format!("others than its owner may read {shown}, and {danger}; `chmod 600 {}`", shell_word(path)));
    }
}

/// Reads a kind of key as clap wants it. Whether Thales takes it is another question, with another answer.
///
/// # Errors
/// There is none of this name.
pub(super) fn key_kind(name: &str) -> Result<KeyKind, String> {
    match name.to_ascii_lowercase().as_str() {
        "ecdsa-p256" | "p256" | "prime256v1" => Ok(KeyKind::P256),
        "ecdsa-p384" | "p384" | "secp384r1" => Ok(KeyKind::P384),
        "rsa-4096" => Ok(KeyKind::Rsa4096),
        "rsa-2048" => Ok(KeyKind::Rsa2048),
        _ => Err("write ecdsa-p256, ecdsa-p384, rsa-4096 or rsa-2048".to_owned()),
    }
}
