//! One transaction at a time.

use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteTransaction};

use super::error::store_error;
use super::{Sqlite, receive, settle};
use crate::inbox::store::{Batch, BatchOutcome, Claim, Lease, StoreError, columns, millis};
use crate::telemetry::events;

impl Sqlite {
    pub(super) async fn write_batch(&self, batch: Batch) -> Result<BatchOutcome, StoreError> {
        let window = self.window;
        let now = self.clock.now();
        let rows = batch.receive.len() + batch.settle.len();
        let bytes = batch.receive.iter().map(|row| row.payload.bytes.len()).sum();
        let done = self.transaction(move |transaction| {
            Box::pin(async move {
                let settled = settle::settle(transaction, batch.settle, now).await?;
                let mut outcome = BatchOutcome { settled, ..BatchOutcome::default() };
                for renewal in batch.renew {
                    outcome.lost.push(settle::renew(transaction, renewal, now).await?);
                }
                outcome.received = receive::receive(transaction, batch.receive, window, now).await?;
                for claim in batch.claim {
                    outcome.claimed.push(lease(transaction, claim, now).await?);
                }
                Ok(outcome)
            })
        });
        let outcome = done.await?;
        let claimed: usize = outcome.claimed.iter().map(Vec::len).sum();
        self.changed(rows + claimed, bytes);
        Ok(outcome)
    }

    /// So many rows are in the log that were not.
    pub(super) fn changed(&self, rows: usize, bytes: usize) {
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.changed(rows, bytes);
        }
    }

    /// Does all of `work` or nothing of it, alone. After an error that says nothing against `work` itself the connection is given
    /// up: the next one finds out whether there is room again, or the file can be written to again.
    pub(super) async fn transaction<T: Send>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer.lock().await;
        if let Err(error) = self.place.is_kept().await {
            // A log that was deleted lives on until this process ends, and with it what was acknowledged.
            if let Some(checkpoints) = &self.checkpoints {
                checkpoints.rescue();
            }
            return Err(error);
        }
        // Taken out: should this future be dropped half-way, its connection ends with it, and the transaction with that.
        let mut connection = match writer.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let done = begun_and_committed(&mut connection, work).await;
        if matches!(done, Ok(_) | Err(StoreError::Rejected(_))) {
            *writer = Some(connection);
        }
        done
    }
}

async fn begun_and_committed<T: Send>(
    connection: &mut SqliteConnection,
    work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    // Immediate: whoever reads first and writes then may find that it read what is no longer so.
    let mut transaction: SqliteTransaction<'_> = connection.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
    match work(&mut transaction).await {
        Ok(done) => {
            transaction.commit().await.map_err(store_error)?;
            Ok(done)
        }
        Err(error) => {
            if let Err(error) = transaction.rollback().await {
                tracing::debug!(event = events::INBOX_DISORDER, %error, "the transaction could not be taken back in order");
            }
            Err(error)
        }
    }
}

/// Leases lanes that are due.
async fn lease(connection: &mut SqliteConnection, claim: Claim, now: i64) -> Result<Vec<Lease>, StoreError> {
    let Claim { destination, lease, most } = claim;
    let leased: Vec<(Vec<u8>, i64)> = sqlx::query_as(CLAIM)
        .bind(now.saturating_add(millis(lease)))
        .bind(destination.environment)
        .bind(destination.destination)
        .bind(now)
        .bind(columns::limit(most))
        .fetch_all(&mut *connection)
        .await
        .map_err(store_error)?;
    if !leased.is_empty() {
        sqlx::query("UPDATE fences SET last = last + 1").execute(connection).await.map_err(store_error)?;
    }
    leased.into_iter().map(|(lane, fence)| Ok(Lease { lane: columns::fixed(lane)?, fence })).collect()
}

pub(super) const CLAIM: &str = "UPDATE lanes SET leased = 1, due_at = $1, fence = (SELECT last + 1 FROM fences) WHERE number IN \
            (SELECT number FROM lanes WHERE environment = $2 AND destination = $3 AND blocked_by IS NULL AND due_at <= $4 \
            ORDER BY due_at LIMIT $5) RETURNING lane, fence";
