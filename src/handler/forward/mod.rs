//! Passes requests on to a backend, to the path that the caller called, streaming in both directions.
//!
//! * The backend sees its own authority as `host`; the caller's is in `x-forwarded-host`.
//! * No connection within `connect_timeout`: 503, and the request did not leave. The backend broke the exchange: 502. No response
//!   head within `response_timeout`: 504.
//! * A request is sent again only when nothing of it had left: when a pooled connection turned out to be closed before it was
//!   written to. Addresses of the backend's name are tried one after the other while connecting.
//! * When the caller goes away, the exchange with the backend is ended.

mod failure;
mod options;
mod request;
mod response;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;

pub use options::{ClientCredentialPem, ForwardError, ForwardOptions, Protocol};
pub use response::{ForwardFuture, ResponseBodyError};

use crate::outgoing::connect::{self, Connector};
use failure::Complaints;
use request::Target;

/// Between pings on an HTTP/2 connection with requests on it: all requests share it, so a backend that vanished without a word
/// would fail every one of them until TCP gives up.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(10);
/// How long a pong may take before the connection is given up.
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A pooled client for one backend. Cheap to clone; clones share the pool.
#[derive(Clone, Debug)]
pub struct Forward(Arc<Backend>);

#[derive(Debug)]
struct Backend {
    client: Client<Connector, Body>,
    target: Target,
    response_timeout: Duration,
    complaints: Complaints,
    /// Of the options that it was made from.
    digest: [u8; 32],
}

impl Forward {
    /// A client for the backend at `options.url`. Connects when the first request comes.
    ///
    /// # Errors
    /// [`ForwardError`] when the URL, the CA certificates or the client credential cannot be used.
    pub fn new(options: &ForwardOptions) -> Result<Self, ForwardError> {
        let target = Target::new(options)?;
        let connector = connect::connector(options.connect_options(target.is_https())?)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_max_idle_per_host(options.max_idle)
            .pool_idle_timeout(options.idle_timeout)
            .http2_only(options.protocol == Protocol::Http2)
            .http2_keep_alive_interval(HTTP2_PING_INTERVAL)
            .http2_keep_alive_timeout(HTTP2_PING_TIMEOUT)
            // Canceled is what was never written: the request is still whole, and nobody has seen it.
            .retry_canceled_requests(true)
            .build(connector);
        let response_timeout = options.response_timeout;
        let (complaints, digest) = (Complaints::default(), options.digest());
        Ok(Self(Arc::new(Backend { client, target, response_timeout, complaints, digest })))
    }

    /// SHA-256 over the options that it was made from.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.0.digest
    }

    /// Whether `other` was made from the same options.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Service<Request<Body>> for Forward {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ForwardFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let version = request.version();
        let response = self.0.target.aim(request).map(|request| self.0.client.request(request));
        ForwardFuture::new(response, Arc::clone(&self.0), version)
    }
}
