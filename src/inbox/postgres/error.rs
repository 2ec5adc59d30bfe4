//! What PostgreSQL's error codes mean to whoever asked (PostgreSQL documentation, appendix A).

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::inbox::store::{StoreError, tables};

/// For errors of any kind. Words of the database are passed on only where they cannot quote what it was given.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => of_state(error.as_ref()),
        sqlx::Error::ColumnDecode { index, .. } => StoreError::Corrupt(format!("column {index} holds another type")),
        sqlx::Error::Migrate(error) => of_migration(*error),
        sqlx::Error::Encode(_) => StoreError::Rejected("a value cannot be encoded".into()),
        // The words of a URL that cannot be read may quote it, and with it the password.
        sqlx::Error::Configuration(_) => StoreError::Rejected("its URL, or what the URL names, cannot be read".into()),
        error => StoreError::Unavailable(error.to_string()),
    }
}

pub(super) fn of_migration(error: MigrateError) -> StoreError {
    tables::of_migration(error, store_error)
}

/// The same of bringing the tables up to date, which begins with a write even where nothing is to be done: a server that takes none is
/// a standby, and on its way to be the primary, or about to be replaced by it.
pub(super) fn of_first_migration(error: MigrateError) -> StoreError {
    let standby = match &error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => server_is_the_wrong_one(error),
        _ => false,
    };
    match of_migration(error) {
        StoreError::ReadOnly(words) if standby => StoreError::Unavailable(words),
        error => error,
    }
}

/// Whether a transaction lost against another one, and may well succeed when it is run again: nothing of it was done.
pub(super) fn lost_against_another(error: &sqlx::Error) -> bool {
    state_of(error).is_some_and(|state| state == "40P01" || state == "40001")
}

/// Whether the connection turned out to be of no use: the database has been restarted since, or something between has cut it.
pub(super) fn connection_is_dead(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed)
        || state_of(error).is_some_and(|state| state.starts_with("57P") || state.starts_with("08"))
}

/// Whether the server says that it ends, is not there yet, or does not take writes (any longer: it was the primary).
pub(super) fn server_is_the_wrong_one(error: &sqlx::Error) -> bool {
    state_of(error).is_some_and(|state| ["25006", "57P01", "57P02", "57P03"].contains(&state.as_str()))
}

pub(super) fn state_of(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(DatabaseError::code).map(std::borrow::Cow::into_owned)
}

fn of_state(error: &dyn DatabaseError) -> StoreError {
    let state = error.code().unwrap_or_default();
    let words = format!("PostgreSQL says {:?} (SQLSTATE {state})", error.message());
    match (state.get(..2), &*state) {
        (_, "53100") => StoreError::Full(words),
        (_, "25006" | "42501") => StoreError::ReadOnly(words),
        (Some("53" | "40"), _) | (_, "55P03" | "57014") => StoreError::Busy(words),
        // Its words may quote a value.
        (Some("22" | "23"), _) | (_, "54000") => StoreError::Rejected(format!("PostgreSQL says SQLSTATE {state}")),
        (Some("XX"), "XX001" | "XX002") | (Some("42" | "3F"), _) => StoreError::Corrupt(words),
        _ => StoreError::Unavailable(words),
    }
}
