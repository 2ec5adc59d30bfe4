//! A layer that asks a list of checks about a request's head, in order, before the service behind it is called.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use ::http::request::Parts;
use ::http::{Request, Response};
use futures_util::future::Either;
use tower::{Layer, Service};

use super::stack::Connection;
use super::{Problem, ResponseBody};

/// Looks at, and may change, the head of a request; an error is the answer to it.
pub(crate) type Check = fn(&mut Parts, &Connection) -> Result<(), Problem>;

/// Puts a [`Gate`] before a service.
#[derive(Clone, Debug)]
pub(crate) struct GateLayer {
    checks: &'static [Check],
    connection: Arc<Connection>,
}

impl GateLayer {
    pub(crate) fn new(checks: &'static [Check], connection: &Arc<Connection>) -> Self {
        Self { checks, connection: Arc::clone(connection) }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate { checks: self.checks, connection: Arc::clone(&self.connection), inner }
    }
}

/// Calls the service behind it when every check passed. Allocates nothing of its own.
#[derive(Clone, Debug)]
pub(crate) struct Gate<S> {
    checks: &'static [Check],
    connection: Arc<Connection>,
    inner: S,
}

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>, Response = Response<ResponseBody>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<S::Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        for check in self.checks {
            if let Err(problem) = check(&mut parts, &self.connection) {
                self.connection.tell_refused(problem);
                return Either::Left(ready(Ok(problem.response(parts.version))));
            }
        }
        Either::Right(self.inner.call(Request::from_parts(parts, body)))
    }
}
