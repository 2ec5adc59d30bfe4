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
    key: KeyFile,
}

/// The file of the key.
pub(super) enum KeyFile {
    /// To be made.
    New(PathBuf),
    /// There before.
    Existing(PathBuf),
}

impl CredentialFiles {
    /// In `directory`, under `name` and the key's usual name, or wherever `made` and `new_key` say. Who has an `existing_key`
    /// needs no new one.
    ///
    /// # Errors
    /// When they cannot be made, as far as that can be told before.
    pub(super) fn at(
        directory: Option<&Path>,
        name: &str,
        made: Option<&Path>,
        new_key: Option<&Path>,
        existing_key: Option<&Path>,
    ) -> Result<Self, Error> {
        let place = |given: Option<&Path>, name: &str| {
            given.map_or_else(|| directory.unwrap_or(Path::new("")).join(name), Path::to_path_buf)
        };
        let files = Self {
            directory: directory.map(Path::to_path_buf),
            made: place(made, name),
            key: match existing_key {
                Some(path) => KeyFile::Existing(path.to_path_buf()),
                None => KeyFile::New(place(new_key, KEY)),
            },
        };
        // In a directory that is not there, nothing is in the way.
        if directory.is_none_or(Path::exists) {
            match &files.key {
                KeyFile::New(key) => check_targets(&[key, &files.made])?,
                KeyFile::Existing(_) => check_targets(&[&files.made])?,
            }
        }
        Ok(files)
    }

    /// Makes them: the key for its owner alone, encrypted where there is a passphrase.
    ///
    /// # Errors
    /// When one of them cannot be made; then neither is there.
    pub(super) fn write(&self, pem: &str, key: &KeyPair, passphrase: Option<&Passphrase>) -> Result<(), Error> {
        let key = match (&self.key, passphrase) {
            (KeyFile::Existing(_), _) => None,
            (KeyFile::New(path), None) => Some((path, key.to_pem()?)),
            (KeyFile::New(path), Some(passphrase)) => Some((path, key.to_encrypted_pem(passphrase)?)),
        };
        if let Some(directory) = &self.directory {
            make_directory(directory)?;
        }
        let mut files = Vec::new();
        if let Some((path, pem)) = &key {
            files.push(NewFile { path, contents: pem.as_bytes(), readers: Readers::Owner });
        }
        files.push(NewFile { path: &self.made, contents: pem.as_bytes(), readers: Readers::Everybody });
        write_all_new(&files)
    }

    /// The file of the request or certificate.
    pub(super) fn made(&self) -> &Path {
        &self.made
    }

    /// The file of the key.
    pub(super) fn key(&self) -> &KeyFile {
        &self.key
    }
}
