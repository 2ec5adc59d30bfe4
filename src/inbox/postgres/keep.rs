//! What is done to a store to keep it in order.

use std::sync::Arc;

use sqlx::QueryBuilder;

use super::Postgres;
use super::exchange::SCAN_LIMIT;
use crate::inbox::entry::{EntryId, Millis, State};
use crate::inbox::store::columns::{NoteColumns, limit, restrict};
use crate::inbox::store::{Filter, Note, Payload, StoreError};

impl Postgres {
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
        let deleted = self.connections.exchange(SCAN_LIMIT, move |connection| {
            let mut query =
                QueryBuilder::new("DELETE FROM entries WHERE sequence IN (SELECT sequence FROM entries WHERE state = ");
            query.push_bind(state.name());
            query.push(" AND settled_at IS NOT NULL AND settled_at < ").push_bind(before);
            // Without the dead letter that blocks it, a lane would be blocked for ever.
            query.push(
                " AND NOT EXISTS (SELECT 1 FROM lanes WHERE lanes.lane = entries.lane AND blocked_by = entries.id)",
            );
            restrict(&mut query, filter.clone(), "");
            // Locked: one that is being replayed is not deleted, and who waits for it does not make the others wait.
            query.push(" ORDER BY settled_at LIMIT ").push_bind(limit(most)).push(" FOR UPDATE SKIP LOCKED)");
            Box::pin(async move { Ok(query.build().execute(connection).await?.rows_affected()) })
        });
        deleted.await.map_err(StoreError::from)
    }

    pub(super) async fn delete_seen(&self, before: Millis, most: usize) -> Result<u64, StoreError> {
        let deleted = self.connections.exchange(SCAN_LIMIT, move |connection| {
            let deletion = sqlx::query(
                "DELETE FROM seen WHERE deduplication IN (SELECT deduplication FROM seen WHERE received_at < $1 \
                ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
            );
            let deletion = deletion.bind(before).bind(limit(most));
            Box::pin(async move { Ok(deletion.execute(connection).await?.rows_affected()) })
        });
        deleted.await.map_err(StoreError::from)
    }

    pub(super) async fn replace_payloads(
        &self,
        payloads: Vec<(EntryId, Option<String>, Payload)>,
    ) -> Result<u64, StoreError> {
        let payloads = Arc::new(payloads);
        self.transaction(move |connection| {
            let payloads = Arc::clone(&payloads);
            Box::pin(async move {
                let mut replaced = 0;
                for (id, sealed_under, payload) in payloads.iter() {
                    replaced += sqlx::query(
                        "UPDATE entries SET key_id = $1, payload = $2 WHERE id = $3 AND key_id IS NOT DISTINCT FROM $4",
                    )
                    .bind(&payload.key_id)
                    .bind(&payload.bytes)
                    .bind(id.as_bytes().as_slice())
                    .bind(sealed_under)
                    .execute(&mut *connection)
                    .await?
                    .rows_affected();
                }
                Ok(replaced)
            })
        })
        .await
    }

    pub(super) async fn write_note(&self, name: &'static str, note: Note, replace: bool) -> Result<Note, StoreError> {
        let note = Arc::new(note);
        self.transaction(move |connection| {
            let note = Arc::clone(&note);
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO notes (name, key_id, value) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
                    SET key_id = excluded.key_id, value = excluded.value WHERE $4",
                )
                .bind(name)
                .bind(&note.key_id)
                .bind(&note.value)
                .bind(replace)
                .execute(&mut *connection)
                .await?;
                let kept: NoteColumns = sqlx::query_as("SELECT key_id, value FROM notes WHERE name = $1")
                    .bind(name)
                    .fetch_one(connection)
                    .await?;
                Ok(Note::from(kept))
            })
        })
        .await
    }
}
