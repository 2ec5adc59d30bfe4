//! Carries out what somebody decided about an entry.

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;

use super::Sqlite;
use super::error::store_error;
use crate::inbox::entry::{EntryId, Millis, State};
use crate::inbox::store::{Decided, Decision, StoreError, columns};

#[derive(FromRow)]
struct Subject {
    id: Vec<u8>,
    lane: Vec<u8>,
    environment: String,
    destination: String,
    deduplication: Option<Vec<u8>>,
    received_at: i64,
    state: String,
}

impl Sqlite {
    pub(super) async fn carry_out(&self, id: EntryId, decision: Decision) -> Result<Decided, StoreError> {
        let now = self.clock.now();
        self.transaction(move |connection| {
            Box::pin(async move {
                let subject: Option<Subject> = sqlx::query_as("SELECT * FROM entries WHERE id = $1")
                    .bind(id.as_bytes().as_slice())
                    .fetch_optional(&mut *connection)
                    .await
                    .map_err(store_error)?;
                let Some(subject) = subject else { return Ok(Decided::Unknown) };
                match (decision, columns::state(&subject.state)?) {
                    (Decision::Discard, state @ State::Delivered) => return Ok(Decided::Refused(state)),
                    (Decision::Discard, State::Discarded) => {}
                    (Decision::Discard, state) => discard(connection, subject, state, now).await?,
                    (Decision::Replay, State::Pending) => hasten(connection, &subject, now).await?,
                    (Decision::Replay, _) => replay(connection, subject, now).await?,
                }
                Ok(Decided::Done)
            })
        })
        .await
    }
}

async fn discard(
    connection: &mut SqliteConnection,
    subject: Subject,
    state: State,
    now: Millis,
) -> Result<(), StoreError> {
    let Subject { id, lane, .. } = subject;
    sqlx::query("UPDATE entries SET state = 'discarded', settled_at = $2 WHERE id = $1")
        .bind(id.as_slice())
        .bind(now)
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    sqlx::query("DELETE FROM seen WHERE entry = $1")
        .bind(id.as_slice())
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    if state == State::Pending {
        sqlx::query("UPDATE lanes SET pending = pending - 1 WHERE lane = $1")
            .bind(lane.as_slice())
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
    }
    sqlx::query("UPDATE lanes SET blocked_by = NULL, due_at = $3 WHERE lane = $1 AND blocked_by = $2")
        .bind(lane.as_slice())
        .bind(id)
        .bind(now)
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    sqlx::query("DELETE FROM lanes WHERE lane = $1 AND pending = 0 AND leased = 0 AND blocked_by IS NULL")
        .bind(lane)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Whoever has the lane is about to try its head anyway.
async fn hasten(connection: &mut SqliteConnection, subject: &Subject, now: Millis) -> Result<(), StoreError> {
    sqlx::query("UPDATE lanes SET due_at = $2 WHERE lane = $1 AND leased = 0 AND due_at > $2")
        .bind(subject.lane.as_slice())
        .bind(now)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn replay(connection: &mut SqliteConnection, subject: Subject, now: Millis) -> Result<(), StoreError> {
    let Subject { id, lane, environment, destination, deduplication, received_at, .. } = subject;
    if let Some(deduplication) = deduplication {
        sqlx::query(
            "INSERT INTO seen (deduplication, entry, received_at) VALUES ($1, $2, $3) \
            ON CONFLICT (deduplication) DO NOTHING",
        )
        .bind(deduplication)
        .bind(id.as_slice())
        .bind(received_at)
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    }
    sqlx::query(
        "INSERT INTO lanes (lane, environment, destination, pending, due_at, leased, fence) \
        VALUES ($1, $2, $3, 1, $4, 0, 0) ON CONFLICT (lane) DO UPDATE SET pending = pending + 1, \
        due_at = CASE WHEN leased = 1 THEN due_at ELSE excluded.due_at END, \
        blocked_by = CASE WHEN blocked_by = $5 THEN NULL ELSE blocked_by END",
    )
    .bind(lane)
    .bind(environment)
    .bind(destination)
    .bind(now)
    .bind(id.as_slice())
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query(
        "UPDATE entries SET state = 'pending', attempts = 0, replays = replays + 1, pending_since = $2, \
        settled_at = NULL, lane_number = (SELECT number FROM lanes WHERE lane = entries.lane) WHERE id = $1",
    )
    .bind(id)
    .bind(now)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
