//! The admin listener: probes, metrics and what administrators ask for; never on the port that Thales calls.

mod access;
mod audit;
mod connection;
mod console;
mod forgery;
mod guard;
mod health;
mod inbox;
mod log_level;
mod login;
mod place;
mod rebinding;
mod refusal;
mod routes;
mod session;
mod status;
mod token;
mod turn;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use access::{AdminAccess, AdminOptions, AdminRules};
pub use health::Readiness;
pub use inbox::InboxSource;
pub use status::{
    BackendStatus, CertificateStatus, ConfigurationStatus, DestinationStatus, EnvironmentStatus, FailureStatus,
    InboxStatus, ReloadStatus, RevocationListStatus, SecondKeyStatus, StatusReport,
};
pub use token::{AdminTokenError, SHORTEST_TOKEN, admin_token};

use crate::metrics::Metrics;
use crate::server::AcceptErrors;
use crate::telemetry::LogLevel;
use place::Places;

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
    metrics: Metrics,
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
        let (access, metrics) = (sources.access.clone(), sources.metrics.clone());
        Ok(Self { listener, address, access, metrics, router: routes::routes(sources, address) })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `end`.
    pub async fn run(self, end: CancellationToken) {
        let places = Places::new(self.metrics.admin_slots());
        let mut errors = AcceptErrors::new("admin", self.metrics.clone());
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = end.cancelled() => return,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    let Some(pause) = errors.met(&error) else { continue };
                    tokio::select! {
                        () = tokio::time::sleep(pause) => continue,
                        () = end.cancelled() => return,
                    }
                }
            };
            errors.over();
            let place = places.take(peer.ip());
            let (router, end) = (self.router.clone(), end.clone());
            let tls = self.access.now().rules.tls.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = connection::serve(socket, peer, place, tls, router) => {}
                    () = end.cancelled() => {}
                }
            });
            // Whoever has come is heard before the next one is taken, so that a burst displaces nobody who had no chance to ask.
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests;
