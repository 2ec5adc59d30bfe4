//! Opens a store, and its connections.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tracing::warn;

use super::bell::Bell;
use super::distrust::Distrust;
use super::error::{of_first_migration, of_migration, store_error};
use super::exchange::{Connections, READ_LIMIT};
use super::unreachable::unreachable;
use super::{Postgres, PostgresOptions};
use crate::inbox::store::tables::{LIST, are_up_to_date, of_an_older_version};
use crate::inbox::store::{StoreError, millis};
use crate::telemetry::events;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long is waited for a connection: whoever waits has a deadline of his own.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection that was not used for that long is tried before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// For that, so that there is time for making another one.
const TRIAL_LIMIT: Duration = Duration::from_millis(700);
/// For bringing the tables up to date, and for another replica that is at it.
const MIGRATION_LIMIT: Duration = Duration::from_secs(600);
/// How long closing waits for what is under way.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

impl Postgres {
    /// Connects, and brings the tables up to date where `options` say so; replicas that start together do so one after the other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be reached, [`StoreError::Denied`] when it cannot be logged into,
    /// [`StoreError::Rejected`] when the URL cannot be read, for a command [`StoreError::Outdated`] when its tables are those of an older
    /// version, [`StoreError::Newer`] when a newer version has changed the tables, else what the database said.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let PostgresOptions { url, connections, serves, deduplication_window } = options;
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
                Box::pin(
                    async move { Ok(!distrusted && (metadata.idle_for < TRUSTED_FOR || answers(connection).await)) },
                )
            })
            .connect_lazy_with(connect.clone());
        let connections = Connections { pool, most: connections.max(1), distrust, place: place(&connect) };
        let limit = if serves { MIGRATION_LIMIT } else { READ_LIMIT };
        let migrated = connections.exchange(limit, move |connection| {
            Box::pin(async move {
                if serves {
                    return Ok(MIGRATIONS.run_direct(None, connection, false).await.map_err(of_first_migration)?);
                }
                let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                    .bind(LIST)
                    .fetch_one(&mut *connection)
                    .await?;
                let good = there && are_up_to_date(&MIGRATIONS, connection).await.map_err(of_migration)?;
                Ok(good.then_some(()).ok_or_else(of_an_older_version)?)
            })
        });
        match migrated.await.map_err(StoreError::from) {
            // The pool has tried again and again, and does not tell why in vain.
            Err(StoreError::Unavailable(words)) => return Err(reason(&connect, words).await),
            done => done?,
        }
        // Told once it works: a server tries again and again to open a store that is away.
        if crosses_in_clear(&connect) {
            warn!(
                event = events::INBOX_PLAINTEXT,
                place = place(&connect),
                "notifications and the password may cross the network in clear, since the url does not insist on TLS: add \
                ?sslmode=verify-full&sslrootcert=/path/of/ca.pem to it"
            );
        }
        let bell = Bell::hang(&connections, connect);
        Ok(Self { connections, bell, window: millis(deduplication_window) })
    }

    /// Whether commits wait for a standby as well. Where they do not, what is durable is durable on the primary alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn synchronous_standby(&self) -> Result<bool, StoreError> {
        let asked = "SELECT current_setting('synchronous_standby_names')";
        let names: String = self
            .connections
            .ask(READ_LIMIT, |connection| Box::pin(sqlx::query_scalar(asked).fetch_one(connection)))
            .await?;
        Ok(!names.trim().is_empty())
    }

    /// Connections that are still in use afterwards are closed when their exchange ends.
    pub(super) async fn disconnect(&self) {
        self.bell.take_down();
        // Over a network that is silent nothing ends, but the server has to.
        let _ = tokio::time::timeout(CLOSE_LIMIT, self.connections.pool.close()).await;
    }
}

/// Why nobody gets a connection.
async fn reason(connect: &PgConnectOptions, otherwise: String) -> StoreError {
    match tokio::time::timeout(ACQUIRE_TIMEOUT, connect.connect()).await {
        Ok(Err(error)) => unreachable(error, &place(connect)),
        _ => StoreError::Unavailable(otherwise),
    }
}

/// Whether TLS may be left out without a word, on a way that others may listen to. Who wrote `sslmode=disable` knows that.
fn crosses_in_clear(connect: &PgConnectOptions) -> bool {
    let host = connect.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let local = connect.get_socket().is_some()
        // A socket as well.
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback());
    !local && matches!(connect.get_ssl_mode(), PgSslMode::Prefer | PgSslMode::Allow)
}

async fn answers(connection: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(TRIAL_LIMIT, connection.ping()).await, Ok(Ok(())))
}

/// Host and port, or the socket. Never the user or the password.
fn place(connect: &PgConnectOptions) -> String {
    match connect.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", connect.get_host(), connect.get_port()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_does_not_insist_on_tls_is_warned_of_where_others_may_listen() {
        for (url, clear) in [
            ("postgres://inbox:hunter2@db.example/inbox", true),
            ("postgres://inbox:hunter2@192.0.2.1:5432/inbox", true),
            ("postgres://inbox@db.example/inbox?sslmode=prefer", true),
            ("postgres://inbox@db.example/inbox?sslmode=require", false),
            ("postgres://inbox@db.example/inbox?sslmode=verify-full", false),
            ("postgres://inbox@db.example/inbox?sslmode=disable", false),
            ("postgres://inbox@localhost/inbox", false),
            ("postgres://inbox@127.0.0.1/inbox", false),
            ("postgres://inbox@[::1]/inbox", false),
            ("postgres://inbox@%2Fvar%2Frun%2Fpostgresql/inbox", false),
        ] {
            assert_eq!(crosses_in_clear(&connection_options(url).unwrap()), clear, "{url}");
        }
    }
}
