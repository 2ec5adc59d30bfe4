//! Opens a store, and its connections.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use super::bell::Bell;
use super::distrust::Distrust;
use super::error::{of_migration, store_error};
use super::{Postgres, PostgresOptions};
use crate::inbox::store::{StoreError, millis};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long is waited for a connection: whoever waits has a deadline of his own.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection that was not used for that long is tried before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

impl Postgres {
    /// Connects, and brings the tables up to date; replicas that start together do so one after the other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be reached or logged into, [`StoreError::Rejected`] when the URL cannot be read,
    /// [`StoreError::Corrupt`] when a newer version has changed the tables, else what the database said.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let PostgresOptions { url, connections, deduplication_window } = options;
        let connect = connection_options(&url)?;
        let distrust = Distrust::default();
        let distrusted = distrust.clone();
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // Asked only where there is reason to doubt: a round trip for every transaction would be dear.
            .test_before_acquire(false)
            .before_acquire(move |connection, metadata| {
                let distrusted = distrusted.covers(metadata.age);
                Box::pin(async move {
                    Ok(!distrusted && (metadata.idle_for < TRUSTED_FOR || connection.ping().await.is_ok()))
                })
            })
            .connect_lazy_with(connect.clone());
        MIGRATIONS.run(&pool).await.map_err(of_migration)?;
        let bell = Bell::hang(&pool, connect);
        Ok(Self { pool, distrust, bell, connections, window: millis(deduplication_window) })
    }

    /// Whether commits wait for a standby as well. Where they do not, what is durable is durable on the primary alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn synchronous_standby(&self) -> Result<bool, StoreError> {
        let names: String = sqlx::query_scalar("SELECT current_setting('synchronous_standby_names')")
            .fetch_one(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(!names.trim().is_empty())
    }

    pub(super) async fn disconnect(&self) {
        self.bell.take_down().await;
        self.pool.close().await;
    }
}

fn connection_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(store_error)?.application_name("issuer-host").options([
        // Whatever is set for the database or the role: what is acknowledged is on disk, here and where a standby must have it.
        ("synchronous_commit", "on"),
        // Whoever waited for a row reads it as it is then.
        ("default_transaction_isolation", "read committed"),
        // A replica that hangs in a transaction must not hold its lanes for longer than that.
        ("idle_in_transaction_session_timeout", "10s"),
        ("lock_timeout", "5s"),
        // None for statements: a commit that is waiting for its standby would be ended by it, and reported as done.
        ("statement_timeout", "0"),
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ]);
    Ok(options.disable_statement_logging())
}
