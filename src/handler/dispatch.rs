//! Which handler a call goes to: the inbox, the token endpoint of this server, the backend that its operation names, or the environment's.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::receive::Receive;
use super::token_endpoint;
use super::{Handler, HandlerFuture};
use crate::auth::token_endpoint::TokenEndpoint;
use crate::http::Call;
use crate::metrics::{EnvironmentMetrics, TokenMetrics};
use crate::telemetry::OncePerSecond;
use crate::thales::operation::Role;

/// The handlers of an environment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dispatch {
    default: Handler,
    others: Option<Arc<Others>>,
    receive: Option<Receive>,
}

/// Where calls go that do not go to the environment's handler.
#[derive(Debug, Default)]
pub struct Others {
    /// The backends that operations name.
    pub backends: BTreeMap<String, Handler>,
    /// What answers requests for access tokens; `None` = whatever answers the rest.
    pub token_endpoint: Option<Arc<TokenEndpoint>>,
    /// So that requests for tokens that are refused do not flood the log.
    pub(super) refusals: OncePerSecond,
    /// Where requests for tokens are counted.
    pub(super) token_metrics: OnceLock<TokenMetrics>,
}

impl Others {
    /// Nothing goes elsewhere but what is given.
    #[must_use]
    pub fn new(backends: BTreeMap<String, Handler>, token_endpoint: Option<Arc<TokenEndpoint>>) -> Self {
        Self { backends, token_endpoint, refusals: OncePerSecond::default(), token_metrics: OnceLock::new() }
    }

    /// Counts what they do in `metrics` from now on; the first ones stay.
    pub(crate) fn count_in(&self, metrics: &EnvironmentMetrics) {
        for (name, backend) in &self.backends {
            backend.count_in(|| metrics.backend(name));
        }
        if self.token_endpoint.is_some() {
            let _ = self.token_metrics.set(metrics.token_requests());
        }
    }
}

impl Dispatch {
    /// Everything goes to `default` but what `others` is for.
    #[must_use]
    pub fn new(default: Handler, others: Option<Arc<Others>>) -> Self {
        Self { default, others, receive: None }
    }

    /// Notifications go into an inbox, where `receive` takes them.
    #[must_use]
    pub fn receiving(self, receive: Option<Receive>) -> Self {
        Self { receive, ..self }
    }
}

impl From<Handler> for Dispatch {
    fn from(handler: Handler) -> Self {
        Self::new(handler, None)
    }
}

impl Service<Request<Body>> for Dispatch {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = DispatchFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let operation = request.extensions().get::<Call>().and_then(Call::operation);
        if let (Some(receive), Some(operation)) = (&self.receive, operation)
            && let Some(storable) = receive.takes(operation)
        {
            return DispatchFuture::Boxed { future: Box::pin(receive.clone().answer(storable, request)) };
        }
        if let (Some(others), Some(operation)) = (&self.others, operation) {
            if let (Role::TokenEndpoint { expires_in }, Some(endpoint)) = (operation.role, &others.token_endpoint) {
                let answer = token_endpoint::answer(Arc::clone(others), Arc::clone(endpoint), expires_in, request);
                let future = Box::pin(answer);
                return DispatchFuture::Boxed { future };
            }
            if let Some(backend) = operation.backend.as_ref().and_then(|name| others.backends.get(name)) {
                return DispatchFuture::Handler { future: backend.clone().call(request) };
            }
        }
        DispatchFuture::Handler { future: self.default.call(request) }
    }
}

pin_project! {
    /// The future of [`Dispatch`].
    #[project = DispatchFutureProjection]
    #[allow(missing_docs)]
    pub enum DispatchFuture {
        /// Of a handler.
        Handler { #[pin] future: HandlerFuture },
        /// Of the token endpoint, and of the inbox.
        Boxed { future: BoxFuture<'static, Result<Response<Body>, Infallible>> },
    }
}

impl std::fmt::Debug for DispatchFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Handler { .. } => "DispatchFuture::Handler",
            Self::Boxed { .. } => "DispatchFuture::Boxed",
        })
    }
}

impl Future for DispatchFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            DispatchFutureProjection::Handler { future } => future.poll(cx),
            DispatchFutureProjection::Boxed { future } => future.as_mut().poll(cx),
        }
    }
}
