//! Whether the tables of a store are those that this version works with.

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use super::StoreError;

/// Where the engines keep the list of what was done to their tables.
pub(in crate::inbox) const LIST: &str = "_sqlx_migrations";

/// Whether every step of `migrator` was done; [`MigrateError::VersionMissing`] when there was one that it does not know.
pub(in crate::inbox) async fn are_up_to_date<C: Migrate>(
    migrator: &Migrator,
    connection: &mut C,
) -> Result<bool, MigrateError> {
    let done: Vec<i64> =
        connection.list_applied_migrations(LIST).await?.into_iter().map(|migration| migration.version).collect();
    if let Some(&newer) = done.iter().find(|&&version| !migrator.version_exists(version)) {
        return Err(MigrateError::VersionMissing(newer));
    }
    Ok(migrator.iter().all(|migration| done.contains(&migration.version)))
}

/// For who may not change them: a server of another version may be at work on them.
pub(in crate::inbox) fn of_an_older_version() -> StoreError {
    StoreError::Outdated(
        "its tables are those of an older version, or there are none yet; start the server of this version, which brings them up to \
        date, or use the command of the version that is running"
            .into(),
    )
}

/// What an error on the way means; `store_error` says it of those of the engine.
pub(in crate::inbox) fn of_migration(error: MigrateError, store_error: fn(sqlx::Error) -> StoreError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
        MigrateError::VersionMissing(version) => {
            StoreError::Newer(format!("migration {version} is not known here; run that version, or restore a backup"))
        }
        error => StoreError::Corrupt(error.to_string()),
    }
}
