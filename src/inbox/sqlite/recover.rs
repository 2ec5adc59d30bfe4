//! What the process before left behind when it died.

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteTransaction};

use super::error::store_error;
use crate::inbox::entry::Millis;
use crate::inbox::store::StoreError;

/// No lane waits for longer than that, unless the clock was wrong when it was put off.
const DAY: Millis = 24 * 60 * 60 * 1000;

/// Makes due what nobody works on any more. Only for the process that serves, which is the only one that leases: whoever held a lease
/// has died.
pub(super) async fn recover(connection: &mut SqliteConnection, now: Millis) -> Result<(), StoreError> {
    let mut transaction: SqliteTransaction<'_> = connection.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
    sqlx::query(CLEAR).execute(&mut *transaction).await.map_err(store_error)?;
    sqlx::query(RELEASE).bind(now).execute(&mut *transaction).await.map_err(store_error)?;
    // One destination after the other: only within one are lanes in the order of their times.
    let (mut environment, mut destination) = (String::new(), String::new());
    while let Some(next) = first(&mut transaction, FIRST_ENVIRONMENT, [&environment]).await? {
        environment = next;
        while let Some(next) = first(&mut transaction, FIRST_DESTINATION, [&destination, &environment]).await? {
            sqlx::query(HASTEN)
                .bind(now)
                .bind(&environment)
                .bind(&next)
                .bind(now.saturating_add(DAY))
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
            // The least name behind it.
            destination = next + "\0";
        }
        environment.push('\0');
        destination.clear();
    }
    transaction.commit().await.map_err(store_error)
}

async fn first<const N: usize>(
    connection: &mut SqliteConnection,
    query: &'static str,
    names: [&str; N],
) -> Result<Option<String>, StoreError> {
    let mut query = sqlx::query_scalar(query);
    for name in names {
        query = query.bind(name);
    }
    query.fetch_one(connection).await.map_err(store_error)
}

/// A lane in which nothing is pending any more had its row only for its lease.
pub(super) const CLEAR: &str = "DELETE FROM lanes WHERE leased = 1 AND pending = 0 AND blocked_by IS NULL";
pub(super) const RELEASE: &str = "UPDATE lanes SET leased = 0, due_at = min(due_at, $1) WHERE leased = 1";
pub(super) const HASTEN: &str = "UPDATE lanes SET due_at = $1 \
    WHERE environment = $2 AND destination = $3 AND blocked_by IS NULL AND due_at > $4";
pub(super) const FIRST_ENVIRONMENT: &str =
    "SELECT min(environment) FROM lanes WHERE environment >= $1 AND blocked_by IS NULL";
pub(super) const FIRST_DESTINATION: &str =
    "SELECT min(destination) FROM lanes WHERE destination >= $1 AND environment = $2 AND blocked_by IS NULL";
