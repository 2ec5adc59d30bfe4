//! The admin listener: probes, metrics and what administrators ask for; never on the port that Thales calls.

mod access;
mod connection;
mod console;
mod forgery;
mod guard;
mod health;
mod inbox;
mod log_level;
mod login;
mod rebinding;
mod refusal;
mod routes;
mod session;
mod status;
mod token;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use access::{AdminAccess, AdminOptions, AdminRules};
pub use health::Readiness;
pub use inbox::InboxSource;
pub use status::{
    CertificateStatus, ConfigurationStatus, DestinationStatus, EnvironmentStatus, InboxStatus, ReloadStatus,
    RevocationListStatus, SecondKeyStatus, StatusReport,
};

use crate::metrics::Metrics;
use crate::telemetry::LogLevel;

/// Probes, scrapers and administrators at once.
const MAX_CONNECTIONS: usize = 64;
/// After an error of accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Tells what the server is doing, at each call.
pub type StatusSource = Arc<dyn Fn() -> StatusReport + Send + Sync>;

/// Reads everything again: whether all of it is good, and the report. Nothing when the server has ended.
pub type ReloadSource = Arc<dyn Fn() -> BoxFuture<'static, Option<(bool, serde_json::Value)>> + Send + Sync>;

/// What the admin listener tells of, and what it can ask for. Cheap to clone.
#[derive(Clone)]
pub struct AdminSources {
    /// Whether callers should be sent here.
    pub readiness: Readiness,
    /// The server's counters.
    pub metrics: Metrics,
    /// What the server is doing.
    pub status: StatusSource,
    /// Reads everything again.
    pub reload: ReloadSource,
    /// The level of the process' log, where it is ours.
    pub log_level: Option<LogLevel>,
    /// The inbox, where there is one.
    pub inbox: Option<InboxSource>,
    /// Who may do what.
    pub access: AdminAccess,
}

impl std::fmt::Debug for AdminSources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminSources").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

/// The admin listener cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for probes: {source} (see [admin] listen; another process may listen there)")]
pub struct AdminError {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system said.
    pub source: io::Error,
}

/// A bound admin listener.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
    access: AdminAccess,
    router: Router,
}

impl Admin {
    /// Binds `address`, or takes over a socket that is bound to it.
    ///
    /// # Errors
    /// [`AdminError`] when it is taken, or not ours.
    pub async fn bind(
        address: SocketAddr,
        passed: Option<std::net::TcpListener>,
        sources: AdminSources,
    ) -> Result<Self, AdminError> {
        let bind = async {
            let listener = match passed {
                Some(socket) => {
                    socket.set_nonblocking(true)?;
                    TcpListener::from_std(socket)?
                }
                None => TcpListener::bind(address).await?,
            };
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bind.await.map_err(|source| AdminError { address, source })?;
        let access = sources.access.clone();
        Ok(Self { listener, address, access, router: routes::routes(sources, address) })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `end`.
    pub async fn run(self, end: CancellationToken) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = end.cancelled() => return,
            };
            let Ok((socket, peer)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (router, end) = (self.router.clone(), end.clone());
            let tls = self.access.now().rules.tls.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = connection::serve(socket, peer, tls, router) => {}
                    () = end.cancelled() => {}
                }
                drop(permit);
            });
        }
    }
}

#[cfg(test)]
mod tests;
