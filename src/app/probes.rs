//! The admin listener of a server: open from the start to the end.

use std::net::{SocketAddr, TcpListener};

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::info;

use crate::admin::{Admin, AdminAnswers, AdminError, AdminOpening, AdminSources};
use crate::telemetry::events;

/// The admin listener, which answers on the current runtime until it is dropped.
#[derive(Debug)]
pub(super) struct Probes {
    answers: AdminAnswers,
    end: DropGuard,
    answering: JoinHandle<()>,
}

impl Probes {
    /// Answers probes and metrics at `address`, over a socket that was `passed` where one was.
    pub(super) async fn open(
        address: SocketAddr,
        passed: Option<TcpListener>,
        opening: AdminOpening,
    ) -> Result<Self, AdminError> {
        let admin = Admin::bind(address, passed, opening).await?;
        let (answers, end) = (admin.answers(), CancellationToken::new());
        let answering = tokio::spawn(admin.run(end.clone()));
        Ok(Self { answers, end: end.drop_guard(), answering })
    }

    /// Says where they can be asked.
    pub(super) fn announce(&self) {
        info!(event = events::ADMIN_LISTENING, address = %self.address(), "health, metrics, status and the console, to whom [admin] lets in");
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.answers.local_addr()
    }

    /// Everything else is there to be told as well.
    pub(super) fn serve(&self, sources: AdminSources) {
        self.answers.serve(sources);
    }

    /// Waits until nobody is answered any more.
    pub(super) async fn end(self) {
        drop(self.end);
        let _ = self.answering.await;
    }
}
