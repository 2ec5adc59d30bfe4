//! What is asked of the database, each time over one connection and with an end.
//!
//! A network that goes silent breaks nothing off: whoever waits for an answer waits until TCP gives up, a quarter of an hour later,
//! and so does whoever gives a connection back, since it is tried before the next one gets it. So nothing is waited for without a
//! limit, and a connection that let one pass is closed. The next exchange makes a new one, which may well get through.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool};

use super::distrust::Distrust;
use super::error::{connection_is_dead, server_is_the_wrong_one};
use super::unreachable::unreachable;
use super::write::Failure;
use crate::inbox::store::StoreError;

/// For what is read by an index: one row, or a few.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(5);
/// For a transaction, with all its tries: more than any wait for a lock, and less than for ever.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// For what looks at many rows.
pub(super) const SCAN_LIMIT: Duration = Duration::from_secs(60);
/// For trying whether a connection that was used is still good.
const RETURN_LIMIT: Duration = Duration::from_secs(2);

/// The connections of a store.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) pool: PgPool,
    /// Most that there are at once.
    pub(super) most: u32,
    /// Which of them are no longer used.
    pub(super) distrust: Distrust,
    /// Host and port, for messages.
    pub(super) place: String,
}

impl Connections {
    /// Does `work` over a connection; over another one where it turned out to be dead before anything was done.
    ///
    /// A connection over which `work` did not come to an end, because `limit` passed or because nobody waits for it any more, is
    /// closed: nobody knows what will yet come over it.
    pub(super) async fn exchange<T: Send>(
        &self,
        limit: Duration,
        work: impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + Sync,
    ) -> Result<T, Failure> {
        let exchanged = async {
            let mut dead = 0;
            loop {
                let mut connection = self.pool.acquire().await.map_err(|error| unreachable(error, &self.place))?;
                connection.close_on_drop();
                let done = work(&mut connection).await;
                if let Err(Failure::Dead(error) | Failure::Database(error)) = &done {
                    self.distrust.learn(error);
                }
                match done {
                    // After a restart of the database all of them are.
                    Err(Failure::Dead(_)) if dead < self.most => dead += 1,
                    Err(error) if !error.spares_connection() => return Err(error),
                    done => {
                        give_back(connection);
                        return done;
                    }
                }
            }
        };
        tokio::time::timeout(limit, exchanged).await.unwrap_or_else(|_| Err(self.silent(limit).into()))
    }

    /// Asks something that may be asked again.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        limit: Duration,
        question: impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + Sync,
    ) -> Result<T, StoreError> {
        let answer = self.exchange(limit, |connection| {
            let answer = question(connection);
            Box::pin(async move { answer.await.map_err(Failure::before_anything) })
        });
        answer.await.map_err(StoreError::from)
    }

    fn silent(&self, limit: Duration) -> StoreError {
        StoreError::Unavailable(format!(
            "{} did not answer within {} s, the connection is closed",
            self.place,
            limit.as_secs()
        ))
    }
}

impl Failure {
    /// For errors before which nothing was done that may not be done again.
    pub(super) fn before_anything(error: sqlx::Error) -> Self {
        if connection_is_dead(&error) { Self::Dead(error) } else { Self::Database(error) }
    }

    fn spares_connection(&self) -> bool {
        match self {
            Self::Dead(_) => false,
            Self::Database(error) => !connection_is_dead(error) && !server_is_the_wrong_one(error),
            Self::Store(_) => true,
        }
    }
}

/// In the background, as is done where a connection is dropped: but there without a limit, and its place is lost meanwhile.
fn give_back(mut connection: PoolConnection<Postgres>) {
    let returned = connection.return_to_pool();
    tokio::spawn(tokio::time::timeout(RETURN_LIMIT, returned));
}
