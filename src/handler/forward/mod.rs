//! Passes requests on to a backend, to the path that the caller called, streaming in both directions.
//!
//! * The backend sees its own authority as `host`; the caller's is in `x-forwarded-host`.
//! * No connection within `connect_timeout`: 503, and the request did not leave. The backend broke the exchange: 502. No response
//!   head within `response_timeout`: 504.
//! * A request is sent again only when nothing of it had left: when a pooled connection turned out to be closed before it was
//!   written to. Addresses of the backend's name are tried one after the other while connecting.
//! * When the caller goes away, the exchange with the backend is ended.

mod failure;
mod request;
mod response;
mod span;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use tower::Service;

pub use crate::outgoing::{ClientCredentialPem, ForwardError, ForwardOptions, Protocol};
pub use response::{ForwardFuture, ResponseBodyError};

use crate::metrics::BackendMetrics;
use crate::outgoing::{Client, Meter, ShownChain, Target};
use failure::Complaints;
use request::aim;

/// A pooled client for one backend. Cheap to clone; clones share the pool.
#[derive(Clone, Debug)]
pub struct Forward(Arc<Backend>);

#[derive(Debug)]
struct Backend {
    client: Client<Body>,
    meter: Meter,
    target: Target,
    response_timeout: Duration,
    complaints: Complaints,
    shown: ShownChain,
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
        let meter = Meter::default();
        let client = options.client(target.is_https(), meter.clone())?;
        let response_timeout = options.response_timeout;
        let (complaints, shown, digest) = (Complaints::default(), options.shown(), options.digest());
        Ok(Self(Arc::new(Backend { client, meter, target, response_timeout, complaints, shown, digest })))
    }

    /// Counts what it does in `metrics` from now on; the first one stays.
    pub(crate) fn count_in(&self, metrics: BackendMetrics) {
        self.0.meter.count_in(metrics);
    }

    /// Scheme, host and port of the backend.
    pub(crate) fn address(&self) -> String {
        self.0.target.origin()
    }

    /// The certificates that are shown to the backend.
    pub(crate) fn shown(&self) -> &ShownChain {
        &self.0.shown
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let version = request.version();
        let span = span::open(&self.0.target, &mut request);
        let response = aim(&self.0.target, request).map(|request| self.0.client.request(request));
        ForwardFuture::new(response, Arc::clone(&self.0), version, span)
    }
}
