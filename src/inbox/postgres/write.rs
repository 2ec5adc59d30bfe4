//! A batch in one transaction.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::error::{lost_against_another, store_error};
use super::exchange::WRITE_LIMIT;
use super::{Postgres, receive, settle};
use crate::inbox::store::{Batch, BatchOutcome, Claim, Lease, StoreError, columns, millis};

/// The time in milliseconds, as SQL; that of the statement, so that an index can be searched by it.
macro_rules! now {
    () => {
        "(extract(epoch FROM statement_timestamp()) * 1000)::bigint"
    };
}
pub(super) use now;

/// How often a transaction that lost against another is run.
const TRIES: u32 = 5;

/// What went wrong inside a transaction.
#[derive(Debug)]
pub(super) enum Failure {
    Database(sqlx::Error),
    Store(StoreError),
    /// The connection turned out to be dead before anything was done over it.
    Dead(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) | Failure::Dead(error) => store_error(error),
            Failure::Store(error) => error,
        }
    }
}

impl Postgres {
    pub(super) async fn write_batch(&self, batch: Batch) -> Result<BatchOutcome, StoreError> {
        let brings_work = !batch.receive.is_empty();
        let window = self.window;
        let batch = Arc::new(batch);
        let outcome = self
            .transaction(move |connection| {
                // Once more for each try.
                let batch = Arc::clone(&batch);
                Box::pin(async move { write(connection, &batch, window).await })
            })
            .await?;
        if brings_work {
            self.bell.ring();
        }
        Ok(outcome)
    }

    /// Does all of `work` or nothing of it; again, where it lost against another transaction.
    pub(super) async fn transaction<T: Send>(
        &self,
        work: impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let work = Arc::new(work);
        let done = self.connections.exchange(WRITE_LIMIT, |connection| {
            let work = Arc::clone(&work);
            let tried = async move {
                let mut tries = 1;
                loop {
                    match once(connection, work.as_ref()).await {
                        Err(Failure::Database(error)) if lost_against_another(&error) && tries < TRIES => tries += 1,
                        done => return done,
                    }
                }
            };
            Box::pin(tried)
        });
        done.await.map_err(StoreError::from)
    }
}

async fn once<T: Send>(
    connection: &mut PgConnection,
    work: &(impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + Sync),
) -> Result<T, Failure> {
    // Nothing was sent over it yet.
    let mut transaction = connection.begin().await.map_err(Failure::before_anything)?;
    let done = work(&mut transaction).await?;
    transaction.commit().await?;
    Ok(done)
}

async fn write(connection: &mut PgConnection, batch: &Batch, window: i64) -> Result<BatchOutcome, Failure> {
    let mut outcome = BatchOutcome::default();
    // Keys before lanes, unless a dead letter of this very batch gives one free.
    let buries = settle::buries(&batch.settle);
    let mut fresh = None;
    if buries {
        settle::lock_keys(connection, &batch.settle, &batch.receive).await?;
    } else {
        fresh = Some(receive::claim_keys(connection, &batch.receive, window).await?);
    }
    settle::lock_lanes(connection, batch).await?;
    outcome.settled = settle::settle(connection, &batch.settle).await?;
    for renewal in &batch.renew {
        outcome.lost.push(settle::renew(connection, renewal).await?);
    }
    let fresh = match fresh {
        Some(fresh) => fresh,
        None => receive::claim_keys(connection, &batch.receive, window).await?,
    };
    outcome.received = receive::receive(connection, &batch.receive, &fresh).await?;
    for claim in &batch.claim {
        outcome.claimed.push(lease(connection, claim).await?);
    }
    Ok(outcome)
}

/// Leases lanes that are due, past those that somebody is busy with.
async fn lease(connection: &mut PgConnection, claim: &Claim) -> Result<Vec<Lease>, Failure> {
    let leased: Vec<(Vec<u8>, i64)> = sqlx::query_as(CLAIM)
        .bind(&claim.destination.environment)
        .bind(&claim.destination.destination)
        .bind(columns::limit(claim.most))
        .bind(millis(claim.lease))
        .fetch_all(connection)
        .await?;
    leased.into_iter().map(|(lane, fence)| Ok(Lease { lane: columns::fixed(lane)?, fence })).collect()
}

pub(super) const CLAIM: &str = concat!(
    "WITH due AS (SELECT lane FROM lanes WHERE environment = $1 AND destination = $2 AND blocked_by IS NULL AND due_at <= ",
    now!(),
    " ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED) UPDATE lanes SET leased = TRUE, fence = nextval('fences'), due_at = ",
    now!(),
    " + $4 FROM due WHERE lanes.lane = due.lane RETURNING lanes.lane, lanes.fence"
);
