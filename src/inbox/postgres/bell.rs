//! Tells other replicas that there is work, and hears it from them.
//!
//! `NOTIFY` in the transaction that brings the work would have all such transactions commit one after the other, each with its own
//! fsync: PostgreSQL holds a lock over the commit of whoever notifies. So it is said afterwards, once for all that came meanwhile.
//! A word that is lost costs time, nothing else: deliverers look again when the next lane is due.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::exchange::{Connections, READ_LIMIT};
use super::write::Failure;
use crate::new_uuid::new_uuid;

const CHANNEL: &str = "issuer_host_inbox";
/// Least time between two words: what comes meanwhile goes with the second.
const PACE: Duration = Duration::from_millis(20);
/// How long is waited before the database is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// After so much silence the database is asked for a sign of life: over a network that went silent, nobody would ever be heard.
const SILENCE: Duration = Duration::from_secs(15);

/// Rings at the other replicas, and is rung by them.
pub(super) struct Bell {
    ring: Arc<Notify>,
    rung: Arc<Notify>,
    tasks: [AbortOnDropHandle<()>; 2],
}

impl Bell {
    /// Rings over `connections`, and listens over a connection of its own.
    pub(super) fn hang(connections: &Connections, connect: PgConnectOptions) -> Self {
        let (ring, rung) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        // Who rings knows his own name, and does not get up for himself.
        let name = new_uuid().to_string();
        let ringing = tokio::spawn(ring_others(connections.clone(), Arc::clone(&ring), name.clone()));
        let hearing = tokio::spawn(hear_others(connect, Arc::clone(&rung), name));
        Self { ring, rung, tasks: [AbortOnDropHandle::new(ringing), AbortOnDropHandle::new(hearing)] }
    }

    /// There is work that another replica may take.
    pub(super) fn ring(&self) {
        self.ring.notify_one();
    }

    /// Ends when another replica has rung since this was called.
    pub(super) fn rung(&self) -> BoxFuture<'_, ()> {
        // Made here and not when it is polled first: what rings between the two counts.
        let rung = self.rung.notified();
        Box::pin(rung)
    }

    /// Rings no more, and is rung no more.
    pub(super) fn take_down(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn ring_others(connections: Connections, ring: Arc<Notify>, name: String) {
    loop {
        ring.notified().await;
        match notify(&connections, &name).await {
            Ok(()) => tokio::time::sleep(PACE).await,
            // Others look for themselves when a lane is due.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn notify(connections: &Connections, name: &str) -> Result<(), Failure> {
    let name: Arc<str> = name.into();
    let notified = connections.exchange(READ_LIMIT, |connection| {
        let name = Arc::clone(&name);
        Box::pin(async move {
            let mut transaction = connection.begin().await.map_err(Failure::before_anything)?;
            // Nothing is lost with it.
            sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
            sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(&*name).execute(&mut *transaction).await?;
            Ok(transaction.commit().await?)
        })
    });
    notified.await
}

async fn hear_others(connect: PgConnectOptions, rung: Arc<Notify>, name: String) {
    loop {
        // A connection that is silent leaves its pool only when TCP gives up. The next one has a pool of its own.
        let listening = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(READ_LIMIT)
            .connect_lazy_with(connect.clone());
        // However it ended, what was said meanwhile was not heard.
        let _ = listen(&listening, &rung, &name).await;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Until the connection is lost.
async fn listen(listening: &PgPool, rung: &Notify, name: &str) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(listening).await?;
    listener.eager_reconnect(false);
    within(READ_LIMIT, listener.listen(CHANNEL)).await?;
    // Somebody may have rung before.
    rung.notify_waiters();
    loop {
        match tokio::time::timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(word))) if word.payload() == name => {}
            Ok(Ok(Some(_))) => rung.notify_waiters(),
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                within(READ_LIMIT, sqlx::query("SELECT 1").execute(&mut listener)).await?;
            }
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
