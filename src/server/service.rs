//! The seam between hyper and the stack: counts a request as in flight from its head to the end of its answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::Environment;
use super::deadline::{Activity, InFlight};
use super::http1_guard::{Exchange, GuardHandle};
use crate::handler::Dispatch;
use crate::http::Stack;

/// Answers the requests of a connection.
pub(super) trait Answers: Unpin + 'static {
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;
    type Future: Future<Output = Result<Response<Self::Body>, Infallible>> + Send + 'static;

    fn answer(&self, request: Request<Incoming>) -> Self::Future;

    /// Gives back what is made anew with the next request.
    fn put_aside(&self);
}

/// The stack of an environment, bound to a connection: that which is in force when a request comes, so that a configuration which
/// was reloaded counts on connections that are kept, too.
pub(super) struct CurrentStack<S, F> {
    environment: Arc<Environment>,
    bind: F,
    /// None yet, or none any more. On the heap, so that a connection which rests has no room for it.
    bound: Mutex<Option<Box<Bound<S>>>>,
}

/// With the stack that it was made of.
struct Bound<S> {
    stack: Arc<Stack<Dispatch>>,
    service: S,
}

impl<S, F: Fn(&Stack<Dispatch>) -> S> CurrentStack<S, F> {
    pub(super) fn new(environment: Arc<Environment>, bind: F) -> Self {
        Self { environment, bind, bound: Mutex::new(None) }
    }
}

impl<S, B, F> Answers for CurrentStack<S, F>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Send
        + Unpin
        + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    F: Fn(&Stack<Dispatch>) -> S + Unpin + 'static,
{
    type Body = B;
    type Future = S::Future;

    fn answer(&self, request: Request<Incoming>) -> S::Future {
        // The connection's own: its requests come one after the other.
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.environment.stack.load();
        if bound.as_ref().is_some_and(|bound| !Arc::ptr_eq(&current, &bound.stack)) {
            *bound = None;
        }
        let bound = bound
            .get_or_insert_with(|| Box::new(Bound { stack: Arc::clone(&current), service: (self.bind)(&current) }));
        // The stack is always ready: it holds no permits of its own (each of its layers passes readiness on, and the handlers take
        // any number of requests), so that it may be called at once.
        bound.service.call(request)
    }

    fn put_aside(&self) {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A tower service as hyper wants it, with each request accounted for in the connection's [`Activity`].
#[derive(Debug)]
pub(super) struct Counted<A> {
    answers: A,
    activity: Arc<Activity>,
    /// The guard of HTTP/1.1, which has to know when an exchange ends; none with HTTP/2.
    guard: Option<GuardHandle>,
}

impl<A: Answers> Counted<A> {
    pub(super) fn new(answers: A, activity: Arc<Activity>) -> Self {
        Self { answers, activity, guard: None }
    }

    pub(super) fn guarded_by(self, guard: GuardHandle) -> Self {
        Self { guard: Some(guard), ..self }
    }

    /// Gives back what is made anew with the next request.
    pub(super) fn put_aside(&self) {
        self.answers.put_aside();
    }
}

impl<A: Answers> hyper::service::Service<Request<Incoming>> for Counted<A> {
    type Response = Response<CountedBody<A::Body>>;
    type Error = Infallible;
    type Future = CountedFuture<A::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let answer = self.answers.answer(request);
        let exchange = self.guard.as_ref().map(GuardHandle::exchange);
        let last_word = self.guard.is_some().then(|| Arc::clone(&self.activity));
        CountedFuture { answer, in_flight: Some((self.activity.begin(), exchange)), last_word }
    }
}

pin_project! {
    /// Resolves to the answer, whose body carries the count on.
    #[derive(Debug)]
    pub(super) struct CountedFuture<F> {
        #[pin]
        answer: F,
        in_flight: Option<(InFlight, Option<Exchange>)>,
        // Knows whether the connection has to say that it ends. HTTP/2 has frames for that.
        last_word: Option<Arc<Activity>>,
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
        let is_last = this.last_word.as_ref().is_some_and(|activity| activity.is_last());
        Poll::Ready(answer.map(|mut response| {
            if is_last {
                // The parser closes after an answer that says so.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response.map(|body| CountedBody { body, in_flight })
        }))
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
