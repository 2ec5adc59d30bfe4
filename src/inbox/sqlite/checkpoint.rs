//! Copies the log into the database, beside whoever writes.
//!
//! `SQLite` does that at a commit once the log has grown long, and everybody who waits for that commit waits for it too. Done beside, by a
//! connection that waits for nobody and stops nobody (`PASSIVE`), it leaves little to be done then. What goes wrong with it is no harm:
//! the log is longer, and a commit copies it. `SQLite` takes a checkpoint beside a writer from 3.51.3 on (before, a log that was begun
//! anew at the same moment could be copied wrongly); `Cargo.toml` asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::telemetry::{OncePerSecond, events};

/// Pages that are written between two copies, about: well below those after which a commit does it. Not fewer, since a page that is
/// written many times is copied once.
const PAGES: usize = 6000;
/// What a row costs: its place in the indices.
const PAGES_OF_A_ROW: usize = 3;
const PAGE_BYTES: usize = 4096;

/// The task that copies; ends with this.
#[derive(Debug)]
pub(super) struct Checkpoints {
    due: Arc<Due>,
    end: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
    _end_when_dropped: DropGuard,
}

#[derive(Debug, Default)]
struct Due {
    pages: AtomicUsize,
    enough: Notify,
}

impl Checkpoints {
    /// On `connection`, which was opened with the store: what stands under its name later may be another file.
    pub(super) fn begin(connection: SqliteConnection) -> Self {
        let (due, end) = (Arc::new(Due::default()), CancellationToken::new());
        let task = tokio::spawn(run(connection, Arc::clone(&due), end.clone()));
        Self { due, task: Mutex::new(Some(task)), _end_when_dropped: end.clone().drop_guard(), end }
    }

    /// So many more rows were changed, with so many bytes of payload.
    pub(super) fn changed(&self, rows: usize, bytes: usize) {
        let pages = rows * PAGES_OF_A_ROW + bytes / PAGE_BYTES;
        if self.due.pages.fetch_add(pages, Ordering::Relaxed) + pages >= PAGES {
            self.due.enough.notify_one();
        }
    }

    /// Copies what there is: nobody else may be able to, any more.
    pub(super) fn rescue(&self) {
        self.due.enough.notify_one();
    }

    /// Until its connection is closed.
    pub(super) async fn end(&self) {
        self.end.cancel();
        if let Some(task) = self.task.lock().await.take() {
            // One that panicked has ended as well.
            let _ = task.await;
        }
    }
}

async fn run(mut connection: SqliteConnection, due: Arc<Due>, end: CancellationToken) {
    let complaints = OncePerSecond::default();
    loop {
        tokio::select! {
            () = due.enough.notified() => {}
            () = end.cancelled() => break,
        }
        due.pages.store(0, Ordering::Relaxed);
        let copied = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await;
        if let Err(error) = copied
            && let Some(unsaid) = complaints.turn("checkpoint")
        {
            tracing::warn!(event = events::INBOX_LOG_NOT_COPIED, %error, unsaid, "the log of the inbox cannot be copied into its database, and grows");
        }
    }
    if let Err(error) = connection.close().await {
        tracing::debug!(event = events::INBOX_DISORDER, %error, "the connection that copies was not closed in order");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::ConnectOptions as _;
    use sqlx::sqlite::SqliteConnectOptions;
    use tempfile::TempDir;

    use super::super::Sqlite;
    use super::super::tests::{options, receive};
    use super::*;
    use crate::inbox::store::{Received, StoreError};

    /// Before 3.51.3 a log that was begun anew while another connection copied it could be copied wrongly.
    #[tokio::test]
    async fn this_sqlite_takes_a_checkpoint_beside_a_writer() {
        let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.unwrap();
        let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
        assert!(parts >= vec![3, 51, 3], "{version}");
    }

    #[tokio::test]
    async fn what_was_acknowledged_is_saved_from_a_log_that_was_deleted() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("inbox.db");
        let store = Sqlite::open(options(&path)).await.unwrap();
        assert_eq!(receive(&store).await.unwrap(), [Received::Stored]);
        std::fs::remove_file(folder.path().join("inbox.db-wal")).unwrap();
        assert!(matches!(receive(&store).await, Err(StoreError::ReadOnly(_))));
        // As a copy of the file alone would find it, which is all that is left when the process dies.
        let copy = folder.path().join("copy.db");
        let mut found = 0;
        for _ in 0..200 {
            std::fs::copy(&path, &copy).unwrap();
            let mut connection = SqliteConnectOptions::new().filename(&copy).connect().await.unwrap();
            found = sqlx::query_scalar("SELECT count(*) FROM entries").fetch_one(&mut connection).await.unwrap_or(0);
            connection.close().await.unwrap();
            for name in ["copy.db", "copy.db-wal", "copy.db-shm"] {
                let _ = std::fs::remove_file(folder.path().join(name));
            }
            if found == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(found, 1);
    }
}
