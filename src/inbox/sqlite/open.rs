//! Opens a store, and its connections.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;

use super::checkpoint::Checkpoints;
use super::error::{of_migration, store_error};
use super::filesystem::refuse_network;
use super::place::{Place, beside};
use super::recover::recover;
use super::{Sqlite, SqliteOptions};
use crate::inbox::store::tables::{LIST, are_up_to_date, of_an_older_version};
use crate::inbox::store::{StoreError, millis};
use crate::telemetry::events;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Who else writes is a command that changes a few rows; and whoever waits for us has a deadline of his own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Deliverers look for heads, and now and then somebody lists or counts.
const READERS: u32 = 4;
/// How long who reads waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// In pages of 4 KiB: a log of 64 MiB is copied into the database at a commit, where [`Checkpoints`] did not come to it.
const CHECKPOINT_PAGES: &str = "16000";
/// In bytes: what the log keeps of its length after a burst.
const JOURNAL_LIMIT: &str = "67108864";
/// In KiB (negative, as SQLite wants it): indices of a million entries are changed in memory.
const CACHE: &str = "-65536";
/// Of each who reads: what is read once is not read again soon.
const READERS_CACHE: &str = "-4096";
/// Every statement in every length that [`chunks`](super::chunks) makes stays prepared.
const STATEMENTS: usize = 256;

impl Sqlite {
    /// Opens the store. The process that serves takes its lock and brings its tables up to date; the lanes that a server before was
    /// working on when it died are due then.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when another process serves from it, [`StoreError::Rejected`] on a network file system,
    /// [`StoreError::Foreign`] when it is no database or that of another program, [`StoreError::Newer`] when a newer version has changed
    /// its tables, for a command [`StoreError::Outdated`] when an older one has made them; else what the system said.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let SqliteOptions { path, create, exclusive, deduplication_window, clock } = options;
        let path = on_a_thread(move || prepare(&path, create)).await?;
        let empty = refuse_foreign(&path).await?;
        if empty && !exclusive {
            return Err(of_an_older_version());
        }
        let locked = path.clone();
        let lock = on_a_thread(move || exclusive.then(|| lock(&locked)).transpose()).await?;
        let connect = connection_options(&path);
        let mut writer = connect.connect().await.map_err(store_error)?;
        if exclusive {
            MIGRATIONS.run(&mut writer).await.map_err(of_migration)?;
            recover(&mut writer, clock.now()).await?;
        } else if !are_up_to_date(&MIGRATIONS, &mut writer).await.map_err(of_migration)? {
            return Err(of_an_older_version());
        }
        let mut keeper = connect.connect().await.map_err(store_error)?;
        // Only who has read has opened the log.
        tables(&mut keeper).await.map_err(store_error)?;
        let place = Place::of(path.clone()).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(connect.clone().pragma("query_only", "1").pragma("cache_size", READERS_CACHE));
        let window = millis(deduplication_window);
        let checkpoints = if exclusive {
            let mut connection = connect.connect().await.map_err(store_error)?;
            tables(&mut connection).await.map_err(store_error)?;
            Some(Checkpoints::begin(connection))
        } else {
            None
        };
        Ok(Self {
            path,
            place,
            connect,
            writer: Mutex::new(Some(writer)),
            readers,
            keeper: Mutex::new(Some(keeper)),
            checkpoints,
            window,
            clock,
            lock: std::sync::Mutex::new(lock),
        })
    }

    /// A connection of its own to write with.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, StoreError> {
        self.connect.connect().await.map_err(store_error)
    }

    pub(super) async fn disconnect(&self) {
        self.readers.close().await;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.end().await;
        }
        let connections = [self.keeper.lock().await.take(), self.writer.lock().await.take()];
        for connection in connections.into_iter().flatten() {
            // The last connection that ends copies the log into the database.
            if let Err(error) = connection.close().await {
                tracing::debug!(event = events::INBOX_DISORDER, %error, "the store was not closed in order; it is put right when it is opened");
            }
        }
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Does what waits for the disk where it holds up nobody.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| StoreError::Unavailable("the runtime is shutting down".into()))?
}

/// Refuses a database that somebody else's tables are in, without changing a bit of it. Returns whether none are.
async fn refuse_foreign(path: &Path) -> Result<bool, StoreError> {
    let in_front = |error| match store_error(error) {
        StoreError::Foreign(words) => StoreError::Foreign(format!("{}: {words}", path.display())),
        StoreError::ReadOnly(words) => StoreError::ReadOnly(format!("{}: {words}", path.display())),
        error => error,
    };
    let plain = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
    let mut connection = plain.connect().await.map_err(in_front)?;
    let tables = tables(&mut connection).await;
    connection.close().await.map_err(in_front)?;
    let tables = tables.map_err(in_front)?;
    let ours = [LIST, "entries", "lanes"].iter().all(|ours| tables.iter().any(|table| table == ours));
    // Before the first migration is done there is nothing but the list of migrations.
    if ours || tables.iter().all(|table| table == LIST) {
        return Ok(tables.is_empty());
    }
    let path = path.display();
    Err(StoreError::Foreign(format!("{path} is another program's database; give the inbox a file of its own")))
}

async fn tables(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite#_%' ESCAPE '#'")
        .fetch_all(connection)
        .await
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

/// Where a store is, or shall be.
///
/// # Errors
/// [`StoreError::Unavailable`] when there is no such directory, [`StoreError::Rejected`] when it is on a network file system.
pub fn folder(path: &Path) -> Result<&Path, StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let words = format!("{} is no directory: make it, or name another place", folder.display());
        return Err(StoreError::Unavailable(words));
    }
    refuse_network(folder)?;
    Ok(folder)
}

/// Makes the file where it is wanted.
/// Returns what it is called without links: another name for it must not be another lock, nor another log.
fn prepare(path: &Path, create: bool) -> Result<PathBuf, StoreError> {
    let folder = folder(path)?;
    if create {
        make(path)?;
    } else if !path.exists() {
        return Err(StoreError::Unavailable(format!("{} does not exist", path.display())));
    }
    let path = path.canonicalize().map_err(|error| of_file(path, &error))?;
    refuse_network(path.parent().unwrap_or(folder))?;
    Ok(path)
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
    let beside = beside(path, ".lock");
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

pub(super) fn of_file(path: &Path, error: &io::Error) -> StoreError {
    let words = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(words),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly(words),
        _ => StoreError::Unavailable(words),
    }
}
