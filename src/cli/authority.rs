//! The files of a customer's own CA.

use std::path::{Path, PathBuf};

use rustls_pki_types::UnixTime;
use zeroize::{Zeroize as _, Zeroizing};

use super::color::{WARNING, styled};
use super::private_key::warn_of_readers;
use super::tls_files::read;
use super::wrapping::wrapped;
use super::{Error, complain, passphrase};
use crate::pki::issuing::{Issues, IssuingAuthority};
use crate::pki::pem::{self, StoredKey};

/// Where the CA is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct AuthorityFiles {
    /// Your CA's certificate (PEM); those above it may follow
    #[arg(long, value_name = "FILE")]
    pub(super) ca: PathBuf,
    /// Your CA's private key (PEM); for a passphrase is asked where it has one
    #[arg(long, value_name = "FILE")]
    pub(super) ca_key: PathBuf,
    /// A file with the passphrase of the CA's key, in one line
    #[arg(long, value_name = "FILE")]
    pub(super) ca_key_passphrase_file: Option<PathBuf>,
}

impl AuthorityFiles {
    /// Reads the CA for what it is to sign at `now`; what is wrong with it is told with the file's name.
    pub(super) fn load(&self, issues: Issues, now: UnixTime) -> Result<IssuingAuthority, Error> {
        let certificates = read(&self.ca)?;
        let key = private_key(&self.ca_key, self.ca_key_passphrase_file.as_deref())?;
        IssuingAuthority::from_pem(&certificates, &key, issues, now).map_err(|error| {
            let file = if error.is_about_key() { &self.ca_key } else { &self.ca };
            format!("{}: {error}", file.display()).into()
        })
    }
}

/// Says what deserves a look, on standard error.
pub(super) fn warn(words: &str) {
    complain(wrapped(&format!("{}: {words}", styled(WARNING, "warning")), 2));
}

/// The text of a key file; that of a key that was encrypted in clear.
fn private_key(path: &Path, passphrase_file: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = read(path)?;
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if let StoredKey::Encrypted(encrypted) = pem::stored_key(&key).map_err(|error| told(&error))? {
        let passphrase = passphrase::of_key(path, passphrase_file, "--ca-key-passphrase-file")?;
        let mut clear = encrypted.decrypt(&passphrase).map_err(|error| told(&error))?;
        let text = pem::encoded("PRIVATE KEY", clear.secret_der());
        clear.zeroize();
        return Ok(Zeroizing::new(text.as_bytes().to_vec()));
    }
    warn_of_readers(path, "whoever has it can let anybody in");
    Ok(key)
}
