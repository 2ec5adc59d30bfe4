//! The outermost layer: a request comes in, and what leaves is what its caller has to see. Asks the verdict first, finds out which
//! call it is, counts it, and settles the answer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use ::http::{HeaderValue, Request, Response};
use futures_util::future::Either;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::access::{ExchangeBody, Line};
use super::accounting::{Account, Accounting};
use super::call::Call;
use super::correlation::{CORRELATION_ID, correlation_id};
use super::settle::settle;
use super::stack::Connection;
use super::{Problem, ProblemKind, ResponseBody};

/// Puts an [`Exchange`] before a service.
#[derive(Clone, Debug)]
pub(crate) struct ExchangeLayer {
    pub(crate) connection: Arc<Connection>,
    pub(crate) accounting: Option<Arc<dyn Accounting>>,
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
        let correlation = correlation_id(request.headers()).cloned();
        let interpreter = connection.interpreter();
        let call = interpreter.map(|known| Call::new(known, request.method(), request.uri().path()));
        if retired {
            let problem = Problem::from(ProblemKind::Retired);
            connection.tell_refused(problem);
            let (mut response, _) = settle(problem.response(request.version()), call.as_ref());
            response.headers_mut().extend(correlation.map(|id| (CORRELATION_ID, id)));
            return Either::Left(ready(Ok(response.map(ExchangeBody::untold))));
        }
        let account = self.layer.accounting.as_ref().map(|accounting| Account::open(accounting, call.as_ref()));
        let line = connection.tells_access().then(|| Line::begin(connection, &mut request, call.as_ref()));
        if let Some(call) = &call {
            request.extensions_mut().insert(call.clone());
        }
        Either::Right(ExchangeFuture { inner: self.inner.call(request), call, correlation, account, line })
    }
}

pin_project! {
    /// The future of [`Exchange`].
    #[derive(Debug)]
    pub(crate) struct ExchangeFuture<F> {
        #[pin]
        inner: F,
        call: Option<Call>,
        correlation: Option<HeaderValue>,
        account: Option<Account>,
        line: Option<Box<Line>>,
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
        let (mut response, settled) = settle(response, this.call.as_ref());
        if let Some(id) = this.correlation.take() {
            response.headers_mut().insert(CORRELATION_ID, id);
        }
        if let Some(account) = this.account.take() {
            account.close(settled);
        }
        let line = this.line.take().map(|mut line| {
            line.settled(settled);
            line
        });
        Poll::Ready(Ok(response.map(|body| ExchangeBody::new(body, line))))
    }
}
