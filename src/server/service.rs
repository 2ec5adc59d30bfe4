//! The seam between hyper and the stack: counts a request as in flight from its head to the end of its answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::deadline::{Activity, InFlight};
use super::http1_guard::{Exchange, GuardHandle};

/// What can answer requests on a connection: the stack of an environment, bound to a caller.
pub(super) trait Answer:
    tower::Service<Request<Incoming>, Response = Response<Self::Body>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Unpin
    + 'static
{
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;
}

impl<S, B> Answer for S
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + Unpin
        + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    type Body = B;
}

/// A tower service as hyper wants it, with each request accounted for in the connection's [`Activity`].
#[derive(Clone, Debug)]
pub(super) struct Counted<S> {
    inner: S,
    activity: Arc<Activity>,
    /// The HTTP/1.1 guard, which has to know when an exchange ends.
    guard: Option<GuardHandle>,
}

impl<S> Counted<S> {
    pub(super) fn new(inner: S, activity: Arc<Activity>) -> Self {
        Self { inner, activity, guard: None }
    }

    pub(super) fn guarded_by(self, guard: GuardHandle) -> Self {
        Self { guard: Some(guard), ..self }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Counted<S>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<CountedBody<B>>;
    type Error = Infallible;
    type Future = CountedFuture<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // The stack is always ready: it holds no permits of its own (each of its layers passes readiness on, and the handlers
        // take any number of requests), so the clone that tower's contract asks for may be called at once.
        let answer = self.inner.clone().call(request);
        let exchange = self.guard.as_ref().map(GuardHandle::exchange);
        CountedFuture { answer, in_flight: Some((self.activity.begin(), exchange)) }
    }
}

pin_project! {
    /// Resolves to the answer, whose body carries the count on.
    #[derive(Debug)]
    pub(super) struct CountedFuture<F> {
        #[pin]
        answer: F,
        in_flight: Option<(InFlight, Option<Exchange>)>,
    }
}

impl<F, B> Future for CountedFuture<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<CountedBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(context));
        let in_flight = this.in_flight.take();
        Poll::Ready(answer.map(|response| response.map(|body| CountedBody { body, in_flight })))
    }
}

pin_project! {
    /// An answer's body; the request is in flight until it is dropped.
    #[derive(Debug)]
    pub(super) struct CountedBody<B> {
        #[pin]
        body: B,
        in_flight: Option<(InFlight, Option<Exchange>)>,
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
