//! What SQLite's result codes mean to whoever asked (<https://www.sqlite.org/rescode.html>).

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::inbox::store::{StoreError, tables};

/// For errors of any kind. The words are SQLite's, which name tables and columns, never a value.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => of_code(error.as_ref()),
        sqlx::Error::PoolTimedOut => StoreError::Busy("all its connections are in use".into()),
        sqlx::Error::ColumnDecode { index, .. } => StoreError::Corrupt(format!("column {index} holds another type")),
        sqlx::Error::Migrate(error) => of_migration(*error),
        error => StoreError::Unavailable(error.to_string()),
    }
}

pub(super) fn of_migration(error: MigrateError) -> StoreError {
    tables::of_migration(error, store_error)
}

fn of_code(error: &dyn DatabaseError) -> StoreError {
    let extended: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    let words = format!("SQLite says {:?} (code {extended})", error.message());
    match extended & 0xff {
        SQLITE_FULL => StoreError::Full(words),
        SQLITE_READONLY | SQLITE_PERM | SQLITE_CANTOPEN | SQLITE_AUTH => StoreError::ReadOnly(words),
        SQLITE_BUSY | SQLITE_LOCKED | SQLITE_PROTOCOL => StoreError::Busy(words),
        SQLITE_CORRUPT => StoreError::Corrupt(words),
        SQLITE_NOTADB => StoreError::Foreign(words),
        SQLITE_CONSTRAINT | SQLITE_MISMATCH | SQLITE_TOOBIG => StoreError::Rejected(words),
        _ => StoreError::Unavailable(words),
    }
}

const SQLITE_PERM: i32 = 3;
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_READONLY: i32 = 8;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
/// A race for the write-ahead log's locks was lost too often.
const SQLITE_PROTOCOL: i32 = 15;
const SQLITE_TOOBIG: i32 = 18;
const SQLITE_CONSTRAINT: i32 = 19;
const SQLITE_MISMATCH: i32 = 20;
const SQLITE_AUTH: i32 = 23;
const SQLITE_NOTADB: i32 = 26;
