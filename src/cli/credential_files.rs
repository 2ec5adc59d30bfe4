//! Where a new request or certificate goes, and the key that was made for it.

use std::path::{Path, PathBuf};

use super::Error;
use super::new_file::Readers;
use super::new_files::{NewFile, check_targets, make_directory, write_all_new};
use crate::pki::{KeyPair, Passphrase};

/// The key's file in a directory that is named for both.
const KEY: &str = "client-key.pem";

/// The files that are to be made, none of which is there yet.
pub(super) struct CredentialFiles {
    /// To be made before the files.
    directory: Option<PathBuf>,
    made: PathBuf,
    /// None: the key has its file already.
    key: Option<PathBuf>,
}

impl CredentialFiles {
    /// In `directory`, under `name` and the key's usual name, or wherever `made` and `key` say.
    ///
    /// # Errors
    /// When they cannot be made, as far as that can be told before.
    pub(super) fn at(
        directory: Option<&Path>,
        name: &str,
        made: Option<&Path>,
        key: Option<&Path>,
        key_is_new: bool,
    ) -> Result<Self, Error> {
        let place = |given: Option<&Path>, name: &str| {
            given.map_or_else(|| directory.unwrap_or(Path::new("")).join(name), Path::to_path_buf)
        };
        let files = Self {
            directory: directory.map(Path::to_path_buf),
            made: place(made, name),
            key: key_is_new.then(|| place(key, KEY)),
        };
        // In a directory that is not there, nothing is in the way.
        if directory.is_none_or(Path::exists) {
            let paths: Vec<&Path> = files.key.as_deref().into_iter().chain([files.made.as_path()]).collect();
            check_targets(&paths)?;
        }
        Ok(files)
    }

    /// Makes them: the key for its owner alone, encrypted where there is a passphrase.
    ///
    /// # Errors
    /// When one of them cannot be made; then neither is there.
    pub(super) fn write(&self, pem: &str, key: &KeyPair, passphrase: Option<&Passphrase>) -> Result<(), Error> {
        let key_pem = match (&self.key, passphrase) {
            (None, _) => None,
            (Some(_), None) => Some(key.to_pem()?),
            (Some(_), Some(passphrase)) => Some(key.to_encrypted_pem(passphrase)?),
        };
        if let Some(directory) = &self.directory {
            make_directory(directory)?;
        }
        let mut files = Vec::new();
        if let (Some(path), Some(key)) = (&self.key, &key_pem) {
            files.push(NewFile { path, contents: key.as_bytes(), readers: Readers::Owner });
        }
        files.push(NewFile { path: &self.made, contents: pem.as_bytes(), readers: Readers::Everybody });
        write_all_new(&files)
    }

    /// The file of the request or certificate.
    pub(super) fn made(&self) -> &Path {
        &self.made
    }

    /// The file of the new key.
    pub(super) fn key(&self) -> Option<&Path> {
        self.key.as_deref()
    }
}
