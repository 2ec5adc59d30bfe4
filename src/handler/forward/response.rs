//! A response as it comes from the backend: its head within a deadline, its body without a long silence.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body as HandlerBody;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Backend, failure, span};
use crate::http::body::FromBackend;
use crate::http::{Problem, ProblemKind, strip_response};
use crate::metrics::{BackendFailure, BackendMetrics, Held};
use crate::outgoing::{Answer, AnswerBody, causes};
use crate::traces::Span;

pin_project! {
    /// The future of [`Forward`](super::Forward). When it is dropped, the exchange with the backend ends.
    pub struct ForwardFuture {
        #[pin]
        response: Result<BoxFuture<'static, Answer<HandlerBody>>, Problem>,
        #[pin]
        timer: Option<Sleep>,
        backend: Arc<Backend>,
        version: Version,
        under_way: UnderWay,
    }
}

/// What lasts from the head of a request to the end of the answer's body.
#[derive(Debug, Default)]
struct UnderWay {
    _counted: Option<Held>,
    span: Option<Span>,
}

impl ForwardFuture {
    pub(super) fn new(
        response: Result<BoxFuture<'static, Answer<HandlerBody>>, Problem>,
        backend: Arc<Backend>,
        version: Version,
        span: Option<Span>,
    ) -> Self {
        let under_way = UnderWay { _counted: backend.meter.metrics().map(BackendMetrics::request_began), span };
        Self { response, timer: None, backend, version, under_way }
    }
}

impl UnderWay {
    fn fail(&mut self, problem: &'static str) {
        if let Some(span) = &mut self.span {
            span.fail(problem);
        }
    }
}

impl std::fmt::Debug for ForwardFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForwardFuture").finish_non_exhaustive()
    }
}

impl Future for ForwardFuture {
    type Output = Result<Response<HandlerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let version = *this.version;
        let polled = match this.response.get_mut() {
            Ok(response) => response.as_mut().poll(cx),
            Err(problem) => {
                this.under_way.fail(problem.name());
                return Poll::Ready(Ok(problem.response(version)));
            }
        };
        match polled {
            Poll::Ready(Ok(response)) => {
                Poll::Ready(Ok(passed_on(response, this.backend, version, std::mem::take(this.under_way))))
            }
            Poll::Ready(Err(error)) => {
                let problem = failure::problem(&error);
                this.under_way.fail(problem.name());
                if problem.status().is_server_error() {
                    let unavailable = problem.kind() == ProblemKind::BackendUnavailable;
                    let failure = if unavailable { BackendFailure::Unavailable } else { BackendFailure::Broken };
                    this.backend.complain(failure, problem, Some(&error));
                }
                Poll::Ready(Ok(problem.response(version)))
            }
            Poll::Pending => {
                if this.timer.is_none() {
                    this.timer.set(Some(sleep_until(Instant::now() + this.backend.response_timeout)));
                }
                if let Some(timer) = this.timer.as_pin_mut() {
                    ready!(timer.poll(cx));
                }
                let problem = Problem::from(ProblemKind::BackendTimeout);
                this.under_way.fail(problem.name());
                this.backend.complain(BackendFailure::Timeout, problem, None);
                Poll::Ready(Ok(problem.response(version)))
            }
        }
    }
}

impl Backend {
    fn complain(&self, failure: BackendFailure, problem: Problem, error: Option<&dyn std::error::Error>) {
        if let Some(metrics) = self.meter.metrics() {
            metrics.failed(failure, || self.words(failure, error));
        }
        let environment = self.meter.metrics().map(BackendMetrics::environment);
        self.complaints.warn(environment, self.target.authority(), problem.name(), error);
    }

    /// What happened, for who looks after the backend.
    fn words(&self, failure: BackendFailure, error: Option<&dyn std::error::Error>) -> String {
        match (error, failure) {
            (Some(error), _) => causes(error),
            (None, BackendFailure::Timeout) => {
                format!("no answer within {} s", self.response_timeout.as_secs_f64())
            }
            (None, _) => "what it sent is no answer to the request".to_owned(),
        }
    }
}

fn passed_on(
    response: Response<AnswerBody<HandlerBody>>,
    backend: &Arc<Backend>,
    version: Version,
    mut under_way: UnderWay,
) -> Response<HandlerBody> {
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        // Nobody asked for it: what follows would not be HTTP.
        let problem = Problem::from(ProblemKind::BackendBroken);
        under_way.fail(problem.name());
        backend.complain(BackendFailure::Broken, problem, None);
        return problem.response(version);
    }
    if let Some(span) = &mut under_way.span {
        span::answered(span, parts.status);
    }
    if parts.headers.contains_key(TRANSFER_ENCODING) {
        // The body was read as it is coded; a length beside that says something else (RFC 9112 section 6.3).
        parts.headers.remove(CONTENT_LENGTH);
    }
    strip_response(&mut parts.headers);
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    parts.extensions.insert(FromBackend);
    let body = if body.is_end_stream() {
        HandlerBody::empty()
    } else {
        HandlerBody::new(LivelyBody {
            inner: body,
            timer: None,
            waiting: false,
            backend: Arc::clone(backend),
            failed: false,
            under_way,
        })
    };
    Response::from_parts(parts, body)
}

/// Why the body of a response ended before its end. The caller sees a broken message, since its head has left.
#[derive(Debug, thiserror::Error)]
pub enum ResponseBodyError {
    /// The backend sent nothing for too long.
    #[error("the backend fell silent in the body of its response")]
    Silent,
    /// The connection to the backend broke, or what it sent was malformed.
    #[error("the backend broke off in the body of its response")]
    Broken(#[source] hyper::Error),
}

pin_project! {
    /// A response body whose backend may not fall silent for longer than the response timeout. The timer is made once and moved
    /// on; a body that is always ready has none.
    struct LivelyBody {
        #[pin]
        inner: AnswerBody<HandlerBody>,
        #[pin]
        timer: Option<Sleep>,
        waiting: bool,
        backend: Arc<Backend>,
        failed: bool,
        under_way: UnderWay,
    }
}

impl Body for LivelyBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let mut this = self.project();
        if *this.failed {
            return Poll::Ready(None);
        }
        let error = match this.inner.poll_frame(cx) {
            Poll::Ready(Some(Err(error))) => ResponseBodyError::Broken(error),
            Poll::Ready(frame) => {
                *this.waiting = false;
                return Poll::Ready(frame.map(|frame| frame.map_err(ResponseBodyError::Broken)));
            }
            Poll::Pending => {
                if !*this.waiting {
                    *this.waiting = true;
                    let until = Instant::now() + this.backend.response_timeout;
                    match this.timer.as_mut().as_pin_mut() {
                        Some(timer) => timer.reset(until),
                        None => this.timer.set(Some(sleep_until(until))),
                    }
                }
                if let Some(timer) = this.timer.as_pin_mut() {
                    ready!(timer.poll(cx));
                }
                ResponseBodyError::Silent
            }
        };
        *this.failed = true;
        this.under_way.fail(Problem::from(ProblemKind::BackendBroken).name());
        this.backend.complain(BackendFailure::Body, ProblemKind::BackendBroken.into(), Some(&error));
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
