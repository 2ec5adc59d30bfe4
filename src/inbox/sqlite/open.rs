//! Opens a store, and its connections.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;

use super::error::{of_migration, store_error};
use super::filesystem::refuse_network;
use super::{FileIdentity, Sqlite, SqliteOptions};
use crate::inbox::store::{StoreError, millis};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Who else writes is a command that changes a few rows; and whoever waits for us has a deadline of his own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Deliverers look for heads, and now and then somebody lists or counts.
const READERS: u32 = 4;
/// How long who reads waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// In pages of 4 KiB: the log is copied into the database when it is 16 MiB long. Rarer than SQLite's 4 MiB, so that pages that many
/// entries touch are copied once.
const CHECKPOINT_PAGES: &str = "4000";
/// In bytes: what the log keeps of its length after a burst.
const JOURNAL_LIMIT: &str = "67108864";
/// In KiB (negative, as SQLite wants it): indices of a million entries are looked up in memory.
const CACHE: &str = "-65536";
/// Every statement in every length that [`chunks`](super::chunks) makes stays prepared.
const STATEMENTS: usize = 128;

impl Sqlite {
    /// Opens the store, brings its tables up to date, and takes the lock of the process that serves where `options` say so.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when another process serves from it, [`StoreError::Rejected`] on a network file system,
    /// [`StoreError::Corrupt`] when it is not a store or a newer version has changed it, else what the system said.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let SqliteOptions { path, create, exclusive, deduplication_window, clock } = options;
        let prepared = path.clone();
        let lock = tokio::task::spawn_blocking(move || prepare(&prepared, create, exclusive))
            .await
            .map_err(|_| StoreError::Unavailable("the runtime is shutting down".into()))??;
        let connect = connection_options(&path);
        let mut writer = connect.connect().await.map_err(store_error)?;
        MIGRATIONS.run(&mut writer).await.map_err(of_migration)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(connect.clone().pragma("query_only", "1"));
        let window = millis(deduplication_window);
        let file = identity(path.clone()).await?;
        Ok(Self {
            path,
            file,
            connect,
            writer: Mutex::new(Some(writer)),
            readers,
            window,
            clock,
            lock: std::sync::Mutex::new(lock),
        })
    }

    /// Whether the file is where it was. SQLite itself does not ask when its log is a WAL: it goes on writing to a file that was
    /// deleted, and with the process everything that was acknowledged would be gone.
    pub(super) async fn is_in_its_place(&self) -> Result<(), StoreError> {
        if identity(self.path.clone()).await.is_ok_and(|now| now == self.file) {
            return Ok(());
        }
        let path = self.path.display();
        Err(StoreError::ReadOnly(format!(
            "{path} is not the file that was opened: it was moved, deleted or replaced; put it back, or restart the server"
        )))
    }

    /// A connection of its own to write with.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, StoreError> {
        self.connect.connect().await.map_err(store_error)
    }

    pub(super) async fn disconnect(&self) {
        self.readers.close().await;
        let writer = self.writer.lock().await.take();
        if let Some(writer) = writer {
            // The last connection that ends copies the log into the database.
            if let Err(error) = writer.close().await {
                tracing::debug!(%error, "the store was not closed in order; it is put right when it is opened");
            }
        }
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

async fn identity(path: PathBuf) -> Result<FileIdentity, StoreError> {
    let looked = tokio::task::spawn_blocking(move || {
        std::fs::metadata(&path)
            .map(|metadata| FileIdentity { device: metadata.dev(), inode: metadata.ino() })
            .map_err(|error| of_file(&path, &error))
    });
    looked.await.map_err(|_| StoreError::Unavailable("the runtime is shutting down".into()))?
}

fn connection_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        .pragma("cache_size", CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", JOURNAL_LIMIT)
        // A page that is freed is used again. Giving it back would cost a change of the page map with every page that is taken.
        .pragma("auto_vacuum", "0")
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

/// Makes the file where it is wanted, and takes the lock.
fn prepare(path: &Path, create: bool, exclusive: bool) -> Result<Option<File>, StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    refuse_network(folder)?;
    if create {
        make(path)?;
    } else if !path.exists() {
        return Err(StoreError::Unavailable(format!("{} does not exist", path.display())));
    }
    exclusive.then(|| lock(path)).transpose()
}

/// SQLite gives the log and the shared memory the mode of the database, so that it has to be right before SQLite sees it.
fn make(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(of_file(path, &error)),
    }
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&beside)
        .map_err(|error| of_file(&beside, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy(format!(
            "another process serves from {}; a SQLite store has one server, several need PostgreSQL",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(of_file(&beside, &error)),
    }
}

fn of_file(path: &Path, error: &io::Error) -> StoreError {
    let words = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(words),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly(words),
        _ => StoreError::Unavailable(words),
    }
}
