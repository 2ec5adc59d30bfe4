//! The bounds of a request's body: its size, its deadline, and what its trailers may say.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName};
use ::http::{Request, Response, Version};
use axum::body::Body as HandlerBody;
use bytes::{Buf, Bytes};
use futures_util::future::Either;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{BoxError, Layer, Service};

use super::access::Observed;
use super::call::Call;
use super::{Problem, ProblemKind, ResponseBody, hop_by_hop, identity_headers};

/// Why a request's body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the limit.
    #[error("the body of the request is larger than the limit")]
    TooLarge,
    /// It did not arrive within its deadline.
    #[error("the body of the request did not arrive in time")]
    TimedOut,
    /// The connection to the caller broke, or what it sent was malformed.
    #[error("the body of the request could not be read")]
    Broken(#[source] BoxError),
}

/// Puts [`BodyBounds`] before a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyBoundsLayer {
    /// Bytes.
    pub(crate) max_size: u64,
    /// From the first poll of the body to its end.
    pub(crate) timeout: Duration,
}

impl<S> Layer<S> for BodyBoundsLayer {
    type Service = BodyBounds<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BodyBounds { bounds: *self, inner }
    }
}

/// Refuses a body that is known to be too large before a byte of it is read (so that no `100 Continue` is sent), bounds any
/// other, and answers 413 or 408 when a bound was reached before the response head was there, whatever the handler made of
/// the body's error. What a backend says of a notification before the whole of it has left is held back until then: to acknowledge
/// what nobody has would lose it. From here on the body has the type that handlers take.
#[derive(Clone, Debug)]
pub(crate) struct BodyBounds<S> {
    bounds: BodyBoundsLayer,
    inner: S,
}

impl<S, B> Service<Request<B>> for BodyBounds<S>
where
    S: Service<Request<HandlerBody>, Response = Response<ResponseBody>, Error = Infallible>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = Either<std::future::Ready<Result<S::Response, Infallible>>, BodyBoundsFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let version = request.version();
        if announced_size(&request) > self.bounds.max_size {
            return Either::Left(std::future::ready(Ok(Problem::from(ProblemKind::TooLarge).response(version))));
        }
        let (parts, body) = request.into_parts();
        let (body, outcome) = if body.is_end_stream() {
            (HandlerBody::empty(), None)
        } else {
            let outcome = Arc::new(Outcome::default());
            let observed = parts.extensions.get::<Observed>().cloned();
            (HandlerBody::new(BoundedBody::new(body, self.bounds, Arc::clone(&outcome), observed)), Some(outcome))
        };
        let holds_back = outcome.is_some() && parts.extensions.get::<Call>().is_some_and(Call::is_notification);
        let inner = self.inner.call(Request::from_parts(parts, body));
        Either::Right(BodyBoundsFuture { inner, outcome, version, holds_back, held: None })
    }
}

fn announced_size<B: Body>(request: &Request<B>) -> u64 {
    let header = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    header.unwrap_or(0).max(request.body().size_hint().lower())
}

pin_project! {
    /// The future of [`BodyBounds`].
    #[derive(Debug)]
    pub(crate) struct BodyBoundsFuture<F> {
        #[pin]
        inner: F,
        outcome: Option<Arc<Outcome>>,
        version: Version,
        // Whether a success waits for the end of the request's body.
        holds_back: bool,
        held: Option<Response<ResponseBody>>,
    }
}

impl<F> Future for BodyBoundsFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.held.take() {
            Some(response) => response,
            None => match ready!(this.inner.poll(cx)) {
                Ok(response) => response,
            },
        };
        let Some(outcome) = this.outcome else { return Poll::Ready(Ok(response)) };
        if let Some(problem) = outcome.problem() {
            return Poll::Ready(Ok(problem.response(*this.version)));
        }
        let passed_on = response.extensions().get::<FromBackend>().is_some();
        if !(*this.holds_back && passed_on && response.status().is_success()) {
            return Poll::Ready(Ok(response));
        }
        match outcome.poll_end(cx) {
            Poll::Pending => {
                *this.held = Some(response);
                Poll::Pending
            }
            Poll::Ready(BodyEnd::Whole) => Poll::Ready(Ok(response)),
            Poll::Ready(BodyEnd::Problem(problem)) => Poll::Ready(Ok(problem.response(*this.version))),
        }
    }
}

/// Marks a response that came from a backend, which got the request's body from here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromBackend;

/// What the body found out, for the future that waits for the response.
#[derive(Debug, Default)]
struct Outcome {
    state: AtomicU8,
    waiting: AtomicWaker,
}

/// How a body ended.
enum BodyEnd {
    Whole,
    Problem(Problem),
}

impl Outcome {
    const TOO_LARGE: u8 = 1;
    const TIMED_OUT: u8 = 2;
    /// It ended as it should.
    const WHOLE: u8 = 3;
    /// It broke, or whoever read it stopped before its end.
    const CUT: u8 = 4;

    /// Records what came first.
    fn record(&self, outcome: u8) {
        let _ = self.state.compare_exchange(0, outcome, Ordering::AcqRel, Ordering::Acquire);
        self.waiting.wake();
    }

    fn poll_end(&self, cx: &Context<'_>) -> Poll<BodyEnd> {
        self.waiting.register(cx.waker());
        match self.state.load(Ordering::Acquire) {
            0 => Poll::Pending,
            Self::WHOLE => Poll::Ready(BodyEnd::Whole),
            _ => Poll::Ready(BodyEnd::Problem(self.problem().unwrap_or(ProblemKind::BackendBroken.into()))),
        }
    }

    fn problem(&self) -> Option<Problem> {
        match self.state.load(Ordering::Acquire) {
            Self::TOO_LARGE => Some(ProblemKind::TooLarge.into()),
            Self::TIMED_OUT => Some(ProblemKind::BodyTimeout.into()),
            _ => None,
        }
    }
}

pin_project! {
    /// A body within bounds. The deadline is absolute, from the first poll; its timer is made when a poll first finds the body
    /// waiting, so that a body which is already there costs none.
    struct BoundedBody<B: Body> {
        #[pin]
        inner: B,
        left: u64,
        timeout: Duration,
        deadline: Option<Instant>,
        #[pin]
        timer: Option<Sleep>,
        outcome: Arc<Outcome>,
        observed: Option<Observed>,
        ended: bool,
    }

    impl<B: Body> PinnedDrop for BoundedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // Who has the announced length does not ask for the end.
            let whole = !*this.ended && this.inner.is_end_stream();
            this.outcome.record(if whole { Outcome::WHOLE } else { Outcome::CUT });
        }
    }
}

impl<B: Body> BoundedBody<B> {
    fn new(inner: B, bounds: BodyBoundsLayer, outcome: Arc<Outcome>, observed: Option<Observed>) -> Self {
        let BodyBoundsLayer { max_size, timeout } = bounds;
        Self { inner, left: max_size, timeout, deadline: None, timer: None, outcome, observed, ended: false }
    }
}

impl<B> Body for BoundedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let deadline = *this.deadline.get_or_insert_with(|| Instant::now() + *this.timeout);
        let polled = loop {
            match this.inner.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let (Some(observed), Some(data)) = (this.observed.as_ref(), frame.data_ref()) {
                        observed.received(u64::try_from(data.len()).unwrap_or(u64::MAX));
                    }
                    match bounded(frame, this.left) {
                        Ok(Some(frame)) => break Poll::Ready(Some(Ok(frame))),
                        Ok(None) => {}
                        Err(error) => {
                            this.outcome.record(Outcome::TOO_LARGE);
                            break Poll::Ready(Some(Err(error)));
                        }
                    }
                }
                Poll::Ready(Some(Err(error))) => break Poll::Ready(Some(Err(BodyError::Broken(error.into())))),
                Poll::Ready(None) => break Poll::Ready(None),
                Poll::Pending => break Poll::Pending,
            }
        };
        let waiting = polled.is_pending();
        if waiting && this.timer.is_none() {
            this.timer.set(Some(sleep_until(deadline)));
        }
        // Data that keeps coming does not put the deadline off.
        let timed_out = waiting && this.timer.as_mut().as_pin_mut().is_some_and(|timer| timer.poll(cx).is_ready());
        let polled = if timed_out {
            this.outcome.record(Outcome::TIMED_OUT);
            Poll::Ready(Some(Err(BodyError::TimedOut)))
        } else {
            polled
        };
        *this.ended = matches!(&polled, Poll::Ready(None | Some(Err(_))));
        match &polled {
            Poll::Ready(None) => this.outcome.record(Outcome::WHOLE),
            Poll::Ready(Some(Err(_))) => this.outcome.record(Outcome::CUT),
            Poll::Ready(Some(Ok(_))) if this.inner.is_end_stream() => this.outcome.record(Outcome::WHOLE),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Takes the data of `frame` from what is `left`, and what must not be in trailers from its trailers.
fn bounded(frame: Frame<Bytes>, left: &mut u64) -> Result<Option<Frame<Bytes>>, BodyError> {
    match frame.into_data() {
        Ok(data) => {
            let size = u64::try_from(data.remaining()).unwrap_or(u64::MAX);
            *left = left.checked_sub(size).ok_or(BodyError::TooLarge)?;
            Ok(Some(Frame::data(data)))
        }
        Err(frame) => Ok(frame.into_trailers().ok().and_then(harmless).map(Frame::trailers)),
    }
}

/// Trailers without identity, framing, routing, authentication and correlation fields (RFC 9110 section 6.5.1): a backend
/// that merges trailers into headers must learn nothing there that it would not from us.
fn harmless(mut trailers: HeaderMap) -> Option<HeaderMap> {
    let refused: Vec<HeaderName> = trailers.keys().filter(|name| !may_trail(name.as_str())).cloned().collect();
    for name in refused {
        trailers.remove(name);
    }
    (!trailers.is_empty()).then_some(trailers)
}

fn may_trail(name: &str) -> bool {
    const NEVER: [&str; 14] = [
        "authorization",
        "cache-control",
        "cookie",
        "expect",
        "host",
        "max-forwards",
        "pragma",
        "range",
        "traceparent",
        "tracestate",
        "x-correlation-id",
        "x-http-method-override",
        "x-issuer-id",
        "x-request-id",
    ];
    let content = name.starts_with("content-") && !matches!(name, "content-digest" | "content-md5");
    !content && !NEVER.contains(&name) && !hop_by_hop::is_hop_by_hop(name) && !identity_headers::is_identity(name)
}
