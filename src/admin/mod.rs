//! The admin listener: plain HTTP for probes and scrapers, never on the port that Thales calls.

mod health;
mod inbox;
mod rebinding;
mod status;
mod token;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::future::BoxFuture;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use health::Readiness;
pub use inbox::InboxSource;
pub use status::{
    CertificateStatus, ConfigurationStatus, DestinationStatus, EnvironmentStatus, InboxStatus, ReloadStatus,
    RevocationListStatus, SecondKeyStatus, StatusReport,
};
pub use token::AdminToken;

use crate::metrics::Metrics;

/// Probes and scrapers at once.
const MAX_CONNECTIONS: usize = 64;
/// A head that takes longer comes from nobody who probes; it also ends kept connections that idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Age at which a connection says goodbye, and how much later it is cut: one whose answers nobody takes would hold its place.
const AGE: Duration = Duration::from_secs(300);
const GRACE: Duration = Duration::from_secs(10);
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
    /// The inbox, where there is one.
    pub inbox: Option<InboxSource>,
    /// What somebody has to show to see the inbox.
    pub token: AdminToken,
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
    router: Router,
}

impl Admin {
    /// Binds `address`.
    ///
    /// # Errors
    /// [`AdminError`] when it is taken, or not ours.
    pub async fn bind(address: SocketAddr, sources: AdminSources) -> Result<Self, AdminError> {
        let AdminSources { readiness, metrics, status, reload, inbox, token } = sources;
        let bind = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bind.await.map_err(|source| AdminError { address, source })?;
        let facts = Router::new()
            .route("/metrics", get(async move || openmetrics(&metrics)))
            .route("/status", get(async move || axum::Json(status())))
            .route("/reload", post(async move |headers: HeaderMap| reloaded(&headers, &reload).await))
            .merge(inbox::routes(inbox, token))
            .layer(axum::middleware::from_fn_with_state(address, rebinding::refuse));
        let router = Router::new()
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(async move || readiness.answer()))
            .merge(facts)
            .fallback(async || (StatusCode::NOT_FOUND, "not found: /livez /readyz /metrics /status /reload /inbox\n"))
            .layer(axum::middleware::map_response(uncached));
        Ok(Self { listener, address, router })
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
            let Ok((socket, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let service = TowerToHyperService::new(self.router.clone());
            let end = end.clone();
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(socket), service);
                let mut connection = pin!(connection);
                let aged = async {
                    if tokio::time::timeout(AGE, connection.as_mut()).await.is_err() {
                        connection.as_mut().graceful_shutdown();
                        let _ = tokio::time::timeout(GRACE, connection).await;
                    }
                };
                tokio::select! {
                    // A prober that goes away is nothing to report.
                    () = aged => {}
                    () = end.cancelled() => {}
                }
                drop(permit);
            });
        }
    }
}

fn openmetrics(metrics: &Metrics) -> Response {
    const TYPE: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(header::CONTENT_TYPE, TYPE)], metrics.encode()).into_response()
}

/// 200 when all that was found is good; 422, with the same report, when something is not and what was before stays.
async fn reloaded(headers: &HeaderMap, reload: &ReloadSource) -> Response {
    // A page in an administrator's browser can post here without being able to read the answer; no script of theirs sends this.
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "no browser may ask for a reload\n").into_response();
    }
    match reload().await {
        Some((true, report)) => axum::Json(report).into_response(),
        Some((false, report)) => (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(report)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the server is ending\n").into_response(),
    }
}

async fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
