//! What answers a request, once the stack of [`crate::http`] let it through.

pub mod dispatch;
pub mod embed;
pub mod forward;
pub mod receive;
mod token_endpoint;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

pub use dispatch::{Dispatch, Others};
pub use forward::{Forward, ForwardError, ForwardOptions};
pub use receive::Receive;

use crate::metrics::BackendMetrics;
use crate::outgoing::ShownChain;

/// The handler of an environment. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Handler {
    /// Passes requests on to a backend.
    Forward(Forward),
    /// Calls a router of the embedding program. The environment's `max_body_size` takes the place of axum's default body limit.
    Embed(axum::Router),
}

impl Handler {
    /// Counts what it does as that of a backend, where it passes requests on to one.
    pub(crate) fn count_in(&self, metrics: impl FnOnce() -> BackendMetrics) {
        if let Self::Forward(forward) = self {
            forward.count_in(metrics());
        }
    }

    /// Scheme, host and port of the backend; `None` where there is none.
    pub(crate) fn address(&self) -> Option<String> {
        match self {
            Self::Forward(forward) => Some(forward.address()),
            Self::Embed(_) => None,
        }
    }

    /// The certificates that are shown to the backend; `None` where there is none.
    pub(crate) fn shown(&self) -> Option<&ShownChain> {
        match self {
            Self::Forward(forward) => Some(forward.shown()),
            Self::Embed(_) => None,
        }
    }

    /// Whether both pass requests on to one backend in the same way. Of routers nobody can tell.
    #[must_use]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Forward(one), Self::Forward(other)) if one.is_same(other))
    }
}

impl From<Forward> for Handler {
    fn from(forward: Forward) -> Self {
        Self::Forward(forward)
    }
}

impl From<axum::Router> for Handler {
    fn from(router: axum::Router) -> Self {
        Self::Embed(router)
    }
}

impl Service<Request<Body>> for Handler {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = HandlerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self {
            Self::Forward(forward) => HandlerFuture::Forward { future: forward.call(request) },
            Self::Embed(router) => HandlerFuture::Embed { future: embed::call(router, request) },
        }
    }
}

pin_project! {
    /// The future of [`Handler`].
    #[project = HandlerFutureProjection]
    #[allow(missing_docs)]
    pub enum HandlerFuture {
        /// Of [`Handler::Forward`].
        Forward { #[pin] future: forward::ForwardFuture },
        /// Of [`Handler::Embed`].
        Embed { #[pin] future: embed::EmbedFuture },
    }
}

impl std::fmt::Debug for HandlerFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Forward { .. } => "HandlerFuture::Forward",
            Self::Embed { .. } => "HandlerFuture::Embed",
        })
    }
}

impl Future for HandlerFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            HandlerFutureProjection::Forward { future } => future.poll(cx),
            HandlerFutureProjection::Embed { future } => future.poll(cx),
        }
    }
}
