//! One event for each request: who called what, and how it was answered. No query, no header, no body: they may be secret.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use ::http::{Method, Request, Response, StatusCode, Uri};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::info;

use super::ResponseBody;
use super::correlation::REQUEST_ID;
use super::stack::Connection;

/// Longest part of a path that is told, in bytes.
const MAX_PATH: usize = 512;

/// Puts [`Access`] before a service; `None` = nothing is told.
#[derive(Clone, Debug)]
pub(crate) struct AccessLayer(pub(crate) Option<Arc<Connection>>);

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Access { connection: self.0.clone(), inner }
    }
}

/// Tells of each request when its answer begins, or when its caller has gone.
#[derive(Clone, Debug)]
pub(crate) struct Access<S> {
    connection: Option<Arc<Connection>>,
    inner: S,
}

impl<S, B> Service<Request<B>> for Access<S>
where
    S: Service<Request<B>, Response = Response<ResponseBody>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = AccessFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let line = self.connection.as_ref().map(|connection| Line {
            connection: Arc::clone(connection),
            method: request.method().clone(),
            uri: request.uri().clone(),
            began: Instant::now(),
            answer: None,
        });
        AccessFuture { inner: self.inner.call(request), line }
    }
}

pin_project! {
    /// The future of [`Access`].
    #[derive(Debug)]
    pub(crate) struct AccessFuture<F> {
        #[pin]
        inner: F,
        line: Option<Line>,
    }
}

impl<F> Future for AccessFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.inner.poll(cx));
        if let Some(mut line) = this.line.take() {
            let request_id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
            line.answer = Some((response.status(), request_id.map(str::to_owned)));
        }
        Poll::Ready(Ok(response))
    }
}

/// The line of a request; told when dropped, so that a caller who goes away is told of too.
#[derive(Debug)]
struct Line {
    connection: Arc<Connection>,
    method: Method,
    uri: Uri,
    began: Instant,
    answer: Option<(StatusCode, Option<String>)>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let client = self.connection.client();
        let path = self.uri.path();
        let (status, request_id) = match &self.answer {
            Some((status, request_id)) => (Some(status.as_u16()), request_id.as_deref()),
            None => (None, None),
        };
        info!(
            event = "request",
            environment = client.environment(),
            method = self.method.as_str(),
            // Quoted: a path is the caller's, and must not pass for a line of ours.
            path = ?path.get(..MAX_PATH).unwrap_or(path),
            status,
            duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            tls = client.tls().version,
            peer = %client.peer(),
            subject = client.identity().subject,
            sha256 = %client.identity().sha256,
            request_id,
            "request"
        );
    }
}
