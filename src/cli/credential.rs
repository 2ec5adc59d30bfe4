//! What `csr` and `client-cert` have in common: a key, new or there before, and the files that are made for it.

use std::path::{Path, PathBuf};

use super::Error;
use super::credential_files::{CredentialFiles, KeyFile};
use super::credential_report::refused;
use super::passphrase::PassphraseArguments;
use super::private_key::read_key;
use crate::pki::facts::PublicKey;
use crate::pki::{KeyKind, KeyPair, Passphrase};
use crate::thales::client_identity::Service;

/// The group of options one of which says where the key is: a file that names what is made needs it.
pub(super) const PLACE_OF_KEY: &str = "place_of_key";

/// Whose key it is, and where everything goes.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new(PLACE_OF_KEY).args(["key_out", "key_file"]))]
pub(super) struct CredentialArguments {
    /// Where to put all that is made: client-key.pem, and client.csr or client-cert.pem
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,
    /// Where to put the new key, in place of --out-dir
    #[arg(long, value_name = "FILE", conflicts_with = "out_dir")]
    key_out: Option<PathBuf>,
    /// A private key to use, in place of a new one
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

impl CredentialArguments {
    /// The key that is there, else one of `kind`, which is not made yet.
    ///
    /// # Errors
    /// When it cannot be read, or the service does not take such a key (I2).
    pub(super) fn key(&self, service: Service, kind: KeyKind) -> Result<ChosenKey, Error> {
        let chosen = match &self.key_file {
            Some(path) => ChosenKey::Existing(read_key(path, &self.passphrase)?),
            None => ChosenKey::New(kind),
        };
        service.admits(&chosen.public_key()).map_err(refused)?;
        Ok(chosen)
    }

    /// Everything that is needed to write `name` into --out-dir, or the file `made`: places where nothing is yet, the passphrase of a
    /// new key, and at last the key, since to make one takes a while.
    ///
    /// # Errors
    /// When something is in the way, or there is no passphrase where one is wanted.
    pub(super) fn begin(&self, key: ChosenKey, name: &str, made: Option<&Path>) -> Result<Credential, Error> {
        let directory = self.out_dir.as_deref();
        let files = CredentialFiles::at(directory, name, made, self.key_out.as_deref(), self.key_file.as_deref())?;
        Ok(match key {
            ChosenKey::Existing(key) => Credential { key, files, passphrase: None },
            ChosenKey::New(kind) => {
                let passphrase = self.passphrase.of_new_key()?;
                Credential { key: KeyPair::generate(kind)?, files, passphrase }
            }
        })
    }
}

/// A key for a request or certificate.
pub(super) enum ChosenKey {
    /// Read from its file.
    Existing(KeyPair),
    /// To be made.
    New(KeyKind),
}

impl ChosenKey {
    /// What a certificate says of it.
    pub(super) fn public_key(&self) -> PublicKey {
        match self {
            Self::Existing(key) => key.public_key().clone(),
            Self::New(kind) => kind.public_key(),
        }
    }
}

/// A key, and the files that are to be made.
pub(super) struct Credential {
    key: KeyPair,
    files: CredentialFiles,
    /// Of a new key that is to be encrypted.
    passphrase: Option<Passphrase>,
}

impl Credential {
    /// The key, which signs what is made for it.
    pub(super) fn key(&self) -> &KeyPair {
        &self.key
    }

    /// Where it is, or will be.
    pub(super) fn key_file(&self) -> &KeyFile {
        self.files.key()
    }

    /// Whether a new key is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.passphrase.is_some()
    }

    /// Where the request or certificate is, or will be.
    pub(super) fn made(&self) -> &Path {
        self.files.made()
    }

    /// Writes the request or certificate, and the key where it is new: both or neither.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub(super) fn write(&self, pem: &str) -> Result<(), Error> {
        self.files.write(pem, &self.key, self.passphrase.as_ref())
    }
}
