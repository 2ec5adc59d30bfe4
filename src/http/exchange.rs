//! The outermost layer: a request comes in, and what leaves is what its caller has to see. Asks the verdict first, finds out which
//! call it is, counts it, and settles the answer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Instant, SystemTime};

use ::http::{HeaderValue, Request, Response};
use futures_util::future::Either;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::access::{ExchangeBody, Line};
use super::accounting::{Account, Accounting};
use super::call::Call;
use super::correlation::{CORRELATION_ID, REQUEST_ID, Ties, new_request_id};
use super::settle::settle;
use super::stack::Connection;
use super::{Problem, ProblemKind, ResponseBody};
use crate::traces::Tracer;

/// Puts an [`Exchange`] before a service.
#[derive(Clone, Debug)]
pub(crate) struct ExchangeLayer {
    pub(crate) connection: Arc<Connection>,
    pub(crate) accounting: Option<Arc<dyn Accounting>>,
    pub(crate) tracer: Option<Tracer>,
}

impl<S> Layer<S> for ExchangeLayer {
    type Service = Exchange<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Exchange { layer: self.clone(), inner }
    }
}

/// Stands between the connection and everything else.
#[derive(Clone, Debug)]
pub(crate) struct Exchange<S> {
    layer: ExchangeLayer,
    inner: S,
}

impl<S, B> Service<Request<B>> for Exchange<S>
where
    S: Service<Request<B>, Response = Response<ResponseBody>, Error = Infallible>,
{
    type Response = Response<ExchangeBody>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Self::Response, Infallible>>, ExchangeFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let connection = &self.layer.connection;
        // A retired verdict reaches no handler. To ask also wakes the connection, which then says goodbye.
        let retired = connection.standing().ask(SystemTime::now()).is_err();
        let ties = Ties::of(request.headers());
        let ids = Ids { request: ties.request_id().cloned(), correlation: ties.correlation_id().cloned() };
        let traced = self.layer.tracer.as_ref().and_then(|tracer| tracer.arrive(ties.trace_context()));
        let interpreter = connection.interpreter();
        let call = interpreter.map(|known| Call::new(known, request.method(), request.uri().path()));
        let began = Instant::now();
        let account = self.layer.accounting.as_ref().map(|accounting| Account::open(accounting, call.as_ref(), began));
        let span = traced.and_then(|(hop, span)| {
            request.extensions_mut().insert(hop);
            span
        });
        let line = Line::begin(connection, &mut request, call.as_ref(), ids.correlation.as_ref(), began, span);
        let ending = Ending { call, ids, account, line };
        if retired {
            let problem = Problem::from(ProblemKind::Retired);
            connection.tell_refused(problem);
            return Either::Left(ready(Ok(ending.of(problem.response(request.version())))));
        }
        if let Some(call) = &ending.call {
            request.extensions_mut().insert(call.clone());
        }
        Either::Right(ExchangeFuture { inner: self.inner.call(request), ending: Some(ending) })
    }
}

pin_project! {
    /// The future of [`Exchange`].
    #[derive(Debug)]
    pub(crate) struct ExchangeFuture<F> {
        #[pin]
        inner: F,
        ending: Option<Ending>,
    }
}

impl<F> Future for ExchangeFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody>, Infallible>>,
{
    type Output = Result<Response<ExchangeBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.inner.poll(cx));
        Poll::Ready(Ok(match this.ending.take() {
            Some(ending) => ending.of(response),
            // Polled again after its end.
            None => response.map(|body| ExchangeBody::new(body, None)),
        }))
    }
}

/// What is left to do when the answer is there.
#[derive(Debug)]
struct Ending {
    call: Option<Call>,
    ids: Ids,
    account: Option<Account>,
    line: Option<Line>,
}

/// The ids by which the caller knows its request, as far as they can be echoed.
#[derive(Debug)]
struct Ids {
    request: Option<HeaderValue>,
    correlation: Option<HeaderValue>,
}

impl Ending {
    fn of(self, response: Response<ResponseBody>) -> Response<ExchangeBody> {
        let Self { call, ids, account, mut line } = self;
        let (mut response, settled) = settle(response, call.as_ref());
        let headers = response.headers_mut();
        if let Some(id) = ids.correlation {
            headers.insert(CORRELATION_ID, id);
        }
        let request_id = headers.get(REQUEST_ID).cloned().unwrap_or_else(|| {
            // It was refused before it was given one.
            let id = ids.request.unwrap_or_else(new_request_id);
            headers.insert(REQUEST_ID, id.clone());
            id
        });
        if let Some(account) = account {
            account.close(settled);
        }
        if let Some(line) = &mut line {
            line.settled(settled, request_id);
        }
        response.map(|body| ExchangeBody::new(body, line))
    }
}
