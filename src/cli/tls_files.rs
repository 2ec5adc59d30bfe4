//! Files that a caller needs for TLS: whom it trusts, and what it shows.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Error, passphrase};
use crate::caller::{ClientCredential, ServerTrust};
use crate::files;
use crate::pki::pem;

/// Longer files are none of those that are read here, in bytes.
const LONGEST: u64 = 16 << 20;

/// What is shown to a server that asks for a client certificate.
#[derive(Debug, clap::Args)]
pub(super) struct ClientFiles {
    /// The client certificate and its chain, leaf first (PEM); default: none is shown
    #[arg(long = "client-certificate", id = "client_certificate", value_name = "FILE", requires = "client_key")]
    certificate: Option<PathBuf>,
    /// The key of the client certificate (PEM); for a passphrase is asked where it has one
    #[arg(long = "client-key", id = "client_key", value_name = "FILE", requires = "client_certificate")]
    key: Option<PathBuf>,
    /// A file with the passphrase of the key, in one line
    #[arg(
        long = "client-key-passphrase-file",
        id = "client_key_passphrase_file",
        value_name = "FILE",
        requires = "client_key"
    )]
    passphrase_file: Option<PathBuf>,
}

impl ClientFiles {
    /// Whether any of them is named.
    pub(super) fn are_named(&self) -> bool {
        self.certificate.is_some()
    }

    /// The file of the client certificate, where one is named.
    pub(super) fn certificate(&self) -> Option<&Path> {
        self.certificate.as_deref()
    }

    /// The client certificate that was named; `None` = there is none.
    ///
    /// # Errors
    /// When a file cannot be read, or is of no use to TLS.
    pub(super) fn read(&self) -> Result<Option<ClientCredential>, Error> {
        let (Some(chain), Some(key)) = (&self.certificate, &self.key) else { return Ok(None) };
        self.credential(chain, key).map(Some)
    }

    /// Chain and key of two other files, under the same passphrase.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn credential(&self, chain: &Path, key: &Path) -> Result<ClientCredential, Error> {
        let (chain_pem, key_pem) = (read(chain)?, read(key)?);
        // What is wrong with one file is not said of both.
        pem::certificates(&chain_pem).map_err(|error| format!("{}: {error}", chain.display()))?;
        pem::stored_key(&key_pem).map_err(|error| format!("{}: {error}", key.display()))?;
        let passphrase = || passphrase::of_key(key, self.passphrase_file.as_deref(), "--client-key-passphrase-file");
        ClientCredential::from_stored_pem(&chain_pem, &key_pem, passphrase)
            .map_err(|error: Error| format!("{} with {}: {error}", chain.display(), key.display()).into())
    }
}

/// Whom a server's certificate has to come from: the CAs of a file (`--server-ca`) and nobody else; without one, those that Mozilla trusts.
///
/// # Errors
/// When it cannot be read, or holds what nobody can trust.
pub(super) fn trust(path: Option<&Path>) -> Result<ServerTrust, Error> {
    let Some(path) = path else { return Ok(ServerTrust::public()) };
    ServerTrust::from_pem(&read(path)?).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// All of a file that an argument names; erased when dropped.
///
/// # Errors
/// When it cannot be read; names it.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    files::read(path, LONGEST).map_err(|error| format!("{} cannot be read: {error}", path.display()).into())
}
