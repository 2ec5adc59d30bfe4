//! The deadline of a whole request, up to the head of its response: that of its operation, within that of every request.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::http::{Request, Response, Version};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Layer, Service};

use super::call::Call;
use super::{Problem, ProblemKind, ResponseBody};

/// Puts a [`Deadline`] before a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadlineLayer(pub(crate) Duration);

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { after: self.0, inner }
    }
}

/// Answers 504 when the service behind it has given no response head in time, and drops what it was doing.
#[derive(Clone, Debug)]
pub(crate) struct Deadline<S> {
    after: Duration,
    inner: S,
}

impl<S, B> Service<Request<B>> for Deadline<S>
where
    S: Service<Request<B>, Response = Response<ResponseBody>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let version = request.version();
        let own = request.extensions().get::<Call>().and_then(Call::deadline);
        let after = own.map_or(self.after, |own| own.min(self.after));
        DeadlineFuture { inner: self.inner.call(request), after, timer: None, version }
    }
}

pin_project! {
    /// The future of [`Deadline`]. Its timer is made when the first poll finds the inner future waiting.
    #[derive(Debug)]
    pub(crate) struct DeadlineFuture<F> {
        #[pin]
        inner: F,
        after: Duration,
        #[pin]
        timer: Option<Sleep>,
        version: Version,
    }
}

impl<F> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(response) = this.inner.poll(cx) {
            return Poll::Ready(response);
        }
        if this.timer.is_none() {
            this.timer.set(Some(sleep_until(Instant::now() + *this.after)));
        }
        if let Some(timer) = this.timer.as_pin_mut() {
            ready!(timer.poll(cx));
        }
        Poll::Ready(Ok(Problem::from(ProblemKind::RequestTimeout).response(*this.version)))
    }
}
