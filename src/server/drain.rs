//! The end of a server: say so, finish what is in flight, take nothing new.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a connection on which nothing is in flight is kept for one more request once the end was announced. Without it, a caller
/// that sends one just then finds the connection closed, and cannot know whether it was dealt with (RFC 9112 section 9.3.1).
pub const LAST_REQUEST: Duration = Duration::from_secs(5);

/// The three steps of the end, and everyone who has to hear of them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    announced: CancellationToken,
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
    /// The first step: connections are still taken, and each says with its next answer that it is the last one.
    pub fn announce(&self) {
        self.announced.cancel();
    }

    /// Completes when the end was announced.
    pub async fn announced(&self) {
        self.announced.cancelled().await;
    }

    /// The second step: listeners close.
    pub fn begin(&self) {
        self.announce();
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

    /// The same on another runtime.
    pub(super) fn spawn_on<F>(&self, runtime: &Handle, connection: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.connections.spawn_on(connection, runtime);
    }

    /// Connections that have not ended.
    pub fn open(&self) -> usize {
        self.connections.len()
    }

    /// Begins, waits until every connection has ended, and cuts those that are open after `timeout`.
    pub async fn drain(&self, timeout: Duration) -> Drained {
        self.begin();
        self.connections.close();
        if tokio::time::timeout(timeout, self.connections.wait()).await.is_ok() {
            return Drained::Completely;
        }
        let connections = self.open();
        self.cut.cancel();
        self.connections.wait().await;
        Drained::AfterCutting { connections }
    }
}
