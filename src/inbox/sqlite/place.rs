//! Whether the files are those that were opened.
//!
//! SQLite does not ask when its log is a WAL: it goes on writing to files that were deleted, and with the process everything that was
//! acknowledged would be gone.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::open::{of_file, on_a_thread};
use crate::inbox::store::StoreError;

/// The database and its log, which is there for as long as a connection is open.
#[derive(Clone, Debug)]
pub(super) struct Place([OpenedFile; 2]);

#[derive(Clone, Debug)]
struct OpenedFile {
    path: PathBuf,
    identity: FileIdentity,
}

/// Which file something is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl Place {
    /// Of a database of which a connection has been opened.
    ///
    /// # Errors
    /// [`StoreError`] when a file is not there, or cannot be looked at.
    pub(super) async fn of(path: PathBuf) -> Result<Self, StoreError> {
        on_a_thread(move || {
            let log = beside(&path, "-wal");
            Ok(Self([OpenedFile::at(path)?, OpenedFile::at(log)?]))
        })
        .await
    }

    /// Asks whether both are where they were.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] where one is not.
    pub(super) async fn is_kept(&self) -> Result<(), StoreError> {
        let files = self.0.clone();
        on_a_thread(move || files.iter().try_for_each(OpenedFile::is_in_its_place)).await
    }
}

impl OpenedFile {
    fn at(path: PathBuf) -> Result<Self, StoreError> {
        let identity = identity(&path)?;
        Ok(Self { path, identity })
    }

    fn is_in_its_place(&self) -> Result<(), StoreError> {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            return Ok(());
        }
        let path = self.path.display();
        Err(StoreError::ReadOnly(format!(
            "{path} is not the file that was opened: it was moved, deleted or replaced; put it back, or restart the server"
        )))
    }
}

/// The file that SQLite, or we, put beside the database.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    beside.into()
}

fn identity(path: &Path) -> Result<FileIdentity, StoreError> {
    let metadata = std::fs::metadata(path).map_err(|error| of_file(path, &error))?;
    Ok(FileIdentity { device: metadata.dev(), inode: metadata.ino() })
}
