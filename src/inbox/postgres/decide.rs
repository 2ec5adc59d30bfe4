//! Carries out what somebody decided about an entry.

use sqlx::FromRow;
use sqlx::postgres::PgConnection;

use super::Postgres;
use super::write::{Failure, now};
use crate::inbox::entry::{EntryId, State};
use crate::inbox::store::{Decided, Decision, StoreError, columns};

#[derive(FromRow)]
struct Subject {
    id: Vec<u8>,
    lane: Vec<u8>,
    environment: String,
    destination: String,
    deduplication: Option<Vec<u8>>,
    received_at: i64,
}

impl Postgres {
    pub(super) async fn carry_out(&self, id: EntryId, decision: Decision) -> Result<Decided, StoreError> {
        let decided =
            self.transaction(move |connection| Box::pin(async move { decide(connection, id, decision).await })).await?;
        if decided == Decided::Done && decision == Decision::Replay {
            self.bell.ring();
        }
        Ok(decided)
    }
}

async fn decide(connection: &mut PgConnection, id: EntryId, decision: Decision) -> Result<Decided, Failure> {
    let id = id.as_bytes().as_slice();
    // What does not change about it says what is to be locked, in order, before its state is asked for.
    let subject: Option<Subject> = sqlx::query_as(
        "SELECT id, lane, environment, destination, deduplication, received_at FROM entries WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(subject) = subject else { return Ok(Decided::Unknown) };
    sqlx::query("SELECT 1 FROM seen WHERE deduplication = $1 FOR UPDATE")
        .bind(&subject.deduplication)
        .execute(&mut *connection)
        .await?;
    sqlx::query("SELECT 1 FROM lanes WHERE lane = $1 FOR UPDATE").bind(&subject.lane).execute(&mut *connection).await?;
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM entries WHERE id = $1 FOR UPDATE")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(state) = state else { return Ok(Decided::Unknown) };
    match (decision, columns::state(&state)?) {
        (Decision::Discard, state @ State::Delivered) => return Ok(Decided::Refused(state)),
        (Decision::Discard, State::Discarded) => {}
        (Decision::Discard, state) => discard(connection, &subject, state).await?,
        (Decision::Replay, State::Pending) => hasten(connection, &subject).await?,
        (Decision::Replay, _) => replay(connection, &subject).await?,
    }
    Ok(Decided::Done)
}

async fn discard(connection: &mut PgConnection, subject: &Subject, state: State) -> Result<(), Failure> {
    sqlx::query(concat!("UPDATE entries SET state = 'discarded', settled_at = ", now!(), " WHERE id = $1"))
        .bind(&subject.id)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM seen WHERE entry = $1").bind(&subject.id).execute(&mut *connection).await?;
    if state == State::Pending {
        sqlx::query("UPDATE lanes SET pending = pending - 1 WHERE lane = $1")
            .bind(&subject.lane)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(concat!(
        "UPDATE lanes SET blocked_by = NULL, due_at = ",
        now!(),
        " WHERE lane = $1 AND blocked_by = $2"
    ))
    .bind(&subject.lane)
    .bind(&subject.id)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM lanes WHERE lane = $1 AND pending = 0 AND NOT leased AND blocked_by IS NULL")
        .bind(&subject.lane)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whoever has the lane is about to try its head anyway.
async fn hasten(connection: &mut PgConnection, subject: &Subject) -> Result<(), Failure> {
    sqlx::query(concat!("UPDATE lanes SET due_at = least(due_at, ", now!(), ") WHERE lane = $1 AND NOT leased"))
        .bind(&subject.lane)
        .execute(connection)
        .await?;
    Ok(())
}

async fn replay(connection: &mut PgConnection, subject: &Subject) -> Result<(), Failure> {
    if let Some(deduplication) = &subject.deduplication {
        sqlx::query(
            "INSERT INTO seen (deduplication, entry, received_at) VALUES ($1, $2, $3) \
            ON CONFLICT (deduplication) DO NOTHING",
        )
        .bind(deduplication)
        .bind(&subject.id)
        .bind(subject.received_at)
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query(concat!(
        "INSERT INTO lanes (lane, environment, destination, pending, due_at, leased, fence) VALUES ($1, $2, $3, 1, ",
        now!(),
        ", FALSE, 0) ON CONFLICT (lane) DO UPDATE SET pending = lanes.pending + 1, \
        due_at = CASE WHEN lanes.leased THEN lanes.due_at ELSE excluded.due_at END, \
        blocked_by = nullif(lanes.blocked_by, $4)"
    ))
    .bind(&subject.lane)
    .bind(&subject.environment)
    .bind(&subject.destination)
    .bind(&subject.id)
    .execute(&mut *connection)
    .await?;
    sqlx::query(concat!(
        "UPDATE entries SET state = 'pending', attempts = 0, replays = replays + 1, settled_at = NULL, pending_since = ",
        now!(),
        " WHERE id = $1"
    ))
    .bind(&subject.id)
    .execute(connection)
    .await?;
    Ok(())
}
