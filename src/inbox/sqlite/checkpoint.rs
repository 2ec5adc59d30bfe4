//! Copies the log into the database, beside whoever writes.
//!
//! `SQLite` does that at a commit once the log has grown long, and everybody who waits for that commit waits for it too. Done beside, by a
//! connection that waits for nobody and stops nobody (`PASSIVE`), it leaves little to be done then. What goes wrong with it is no harm:
//! the log is longer, and the next commit copies it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Entries and lanes that are changed between two copies: some 6,000 pages, well below those after which a commit does it. Rare, since
/// a page that many of them change is copied once.
const CHANGES: usize = 2048;

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
    changes: AtomicUsize,
    enough: Notify,
}

impl Checkpoints {
    /// On `connection`, which was opened with the store: what stands under its name later may be another file.
    pub(super) fn begin(connection: SqliteConnection) -> Self {
        let (due, end) = (Arc::new(Due::default()), CancellationToken::new());
        let task = tokio::spawn(run(connection, Arc::clone(&due), end.clone()));
        Self { due, task: Mutex::new(Some(task)), _end_when_dropped: end.clone().drop_guard(), end }
    }

    /// So many more entries and lanes were changed.
    pub(super) fn changed(&self, changes: usize) {
        if self.due.changes.fetch_add(changes, Ordering::Relaxed) + changes >= CHANGES {
            self.due.enough.notify_one();
        }
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
    loop {
        tokio::select! {
            () = due.enough.notified() => {}
            () = end.cancelled() => break,
        }
        due.changes.store(0, Ordering::Relaxed);
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await {
            tracing::debug!(%error, "the log was not copied beside; a commit will do it");
        }
    }
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "the connection that copies was not closed in order");
    }
}
