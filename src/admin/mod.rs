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

use arc_swap::ArcSwap;
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

/// What the admin listener tells of while the server starts.
#[derive(Clone, Debug)]
pub struct AdminOpening {
    /// Whether callers should be sent here.
    pub readiness: Readiness,
    /// The server's counters.
    pub metrics: Metrics,
    /// Who may do what.
    pub access: AdminAccess,
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
    access: AdminAccess,
    metrics: Metrics,
    answers: AdminAnswers,
}

/// What an admin listener answers with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AdminAnswers {
    address: SocketAddr,
    router: Arc<ArcSwap<Router>>,
}

impl AdminAnswers {
    fn new(router: Router, address: SocketAddr) -> Self {
        Self { address, router: Arc::new(ArcSwap::from_pointee(router)) }
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// From the next request on, be it on a connection that is open: everything, and not probes and metrics alone.
    pub fn serve(&self, sources: AdminSources) {
        self.router.store(Arc::new(routes::routes(sources, self.address)));
    }

    /// For one request.
    fn now(&self) -> Router {
        Router::clone(&self.router.load())
    }
}

impl Admin {
    /// Binds `address`, or takes over a socket that is bound to it. It answers probes and metrics, until there is
    /// [more](AdminAnswers::serve) to tell.
    ///
    /// # Errors
    /// [`AdminError`] when it is taken, or not ours.
    pub async fn bind(
        address: SocketAddr,
        passed: Option<std::net::TcpListener>,
        opening: AdminOpening,
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
        let (access, metrics) = (opening.access.clone(), opening.metrics.clone());
        let answers = AdminAnswers::new(routes::while_starting(opening, address), address);
        Ok(Self { listener, access, metrics, answers })
    }

    /// What it answers with.
    #[must_use]
    pub fn answers(&self) -> AdminAnswers {
        self.answers.clone()
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
            let (answers, end) = (self.answers.clone(), end.clone());
            let tls = self.access.now().rules.tls.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = connection::serve(socket, peer, place, tls, answers) => {}
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
