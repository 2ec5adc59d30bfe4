//! The end of a server: finish what is in flight, take nothing new.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The two steps of the end, and everyone who has to hear of them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    cut: CancellationToken,
    connections: TaskTracker,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection ended by itself.
    Completely,
    /// Some had to be cut.
    AfterCutting {
        /// Connections that were open when time was up.
        connections: usize,
    },
}

impl Shutdown {
    /// The first step: listeners close, connections say goodbye.
    pub fn begin(&self) {
        self.drain.cancel();
    }

    /// Completes when the drain has begun.
    pub async fn begun(&self) {
        self.drain.cancelled().await;
    }

    /// Completes when connections are cut.
    pub async fn cutting(&self) {
        self.cut.cancelled().await;
    }

    /// Runs a connection to its end under the eyes of [`Shutdown::drain`].
    pub fn spawn<F>(&self, connection: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.connections.spawn(connection);
    }

    /// Begins, waits until every connection has ended, and cuts those that are open after `timeout`.
    pub async fn drain(&self, timeout: Duration) -> Drained {
        self.begin();
        self.connections.close();
        if tokio::time::timeout(timeout, self.connections.wait()).await.is_ok() {
            return Drained::Completely;
        }
        let connections = self.connections.len();
        self.cut.cancel();
        self.connections.wait().await;
        Drained::AfterCutting { connections }
    }
}
