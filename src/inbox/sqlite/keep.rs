//! What is done to a store to keep it in order.

use sqlx::{QueryBuilder, sqlite};

use super::Sqlite;
use super::error::store_error;
use crate::inbox::entry::{EntryId, Millis, State};
use crate::inbox::store::columns::{NoteColumns, limit, restrict};
use crate::inbox::store::{Filter, Note, Payload, StoreError};

impl Sqlite {
    pub(super) async fn delete_settled(
        &self,
        state: State,
        before: Millis,
        filter: Filter,
        most: usize,
    ) -> Result<u64, StoreError> {
        if state == State::Pending {
            return Ok(0);
        }
        let mut query = purge_query(state, before, filter, most);
        let deleted = self.transaction(move |connection| {
            Box::pin(async move { Ok(query.build().execute(connection).await.map_err(store_error)?.rows_affected()) })
        });
        self.told_of(deleted.await?)
    }

    /// What was deleted is in the log as well.
    fn told_of(&self, deleted: u64) -> Result<u64, StoreError> {
        self.changed(usize::try_from(deleted).unwrap_or(usize::MAX / 8), 0);
        Ok(deleted)
    }

    pub(super) async fn delete_seen(&self, before: Millis, most: usize) -> Result<u64, StoreError> {
        let deleted = self.transaction(move |connection| {
            Box::pin(async move {
                let deleted = sqlx::query(
                    "DELETE FROM seen WHERE deduplication IN \
                    (SELECT deduplication FROM seen WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
                )
                .bind(before)
                .bind(limit(most))
                .execute(connection)
                .await
                .map_err(store_error)?;
                Ok(deleted.rows_affected())
            })
        });
        self.told_of(deleted.await?)
    }

    pub(super) async fn replace_payloads(
        &self,
        payloads: Vec<(EntryId, Option<String>, Payload)>,
    ) -> Result<u64, StoreError> {
        self.transaction(move |connection| {
            Box::pin(async move {
                let mut replaced = 0;
                for (id, sealed_under, payload) in payloads {
                    replaced +=
                        sqlx::query("UPDATE entries SET key_id = $1, payload = $2 WHERE id = $3 AND key_id IS $4")
                            .bind(payload.key_id)
                            .bind(payload.bytes)
                            .bind(id.as_bytes().as_slice())
                            .bind(sealed_under)
                            .execute(&mut *connection)
                            .await
                            .map_err(store_error)?
                            .rows_affected();
                }
                Ok(replaced)
            })
        })
        .await
    }

    pub(super) async fn write_note(&self, name: &'static str, note: Note, replace: bool) -> Result<Note, StoreError> {
        self.transaction(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO notes (name, key_id, value) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
                    SET key_id = excluded.key_id, value = excluded.value WHERE $4",
                )
                .bind(name)
                .bind(note.key_id)
                .bind(note.value)
                .bind(replace)
                .execute(&mut *connection)
                .await
                .map_err(store_error)?;
                let kept: NoteColumns = sqlx::query_as("SELECT key_id, value FROM notes WHERE name = $1")
                    .bind(name)
                    .fetch_one(connection)
                    .await
                    .map_err(store_error)?;
                Ok(Note::from(kept))
            })
        })
        .await
    }
}

pub(super) fn purge_query(state: State, before: Millis, filter: Filter, most: usize) -> QueryBuilder<sqlite::Sqlite> {
    let mut query =
        QueryBuilder::new("DELETE FROM entries WHERE sequence IN (SELECT sequence FROM entries WHERE state = ");
    query.push_bind(state.name());
    query.push(" AND settled_at IS NOT NULL AND settled_at < ").push_bind(before);
    // Without the dead letter that blocks it, a lane would be blocked for ever.
    query.push(" AND NOT EXISTS (SELECT 1 FROM lanes WHERE lanes.lane = entries.lane AND blocked_by = entries.id)");
    restrict(&mut query, filter, "+");
    query.push(" ORDER BY settled_at LIMIT ").push_bind(limit(most)).push(")");
    query
}
