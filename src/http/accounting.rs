//! Where requests are counted: a hook for the composition root, which knows the metrics.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use ::http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::ResponseBody;
use crate::metrics::EnvironmentMetrics;

/// Counts the requests of an environment.
pub trait Accounting: Send + Sync + fmt::Debug {
    /// A request has come in on a connection whose verdict holds.
    fn began(&self);

    /// That request has its response head, of `status`, or none, when the caller went before there was one. Called exactly
    /// once for each [`Accounting::began`].
    fn ended(&self, status: Option<StatusCode>, elapsed: Duration);
}

impl Accounting for EnvironmentMetrics {
    fn began(&self) {
        self.request_began();
    }

    fn ended(&self, status: Option<StatusCode>, elapsed: Duration) {
        self.request_ended(status.map(|status| status.as_u16()), elapsed);
    }
}

/// Puts [`Accounted`] before a service.
#[derive(Clone, Debug)]
pub(crate) struct AccountingLayer(pub(crate) Option<Arc<dyn Accounting>>);

impl<S> Layer<S> for AccountingLayer {
    type Service = Accounted<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Accounted { accounting: self.0.clone(), inner }
    }
}

/// Tells [`Accounting`] about each request that the service behind it is called with.
#[derive(Clone, Debug)]
pub(crate) struct Accounted<S> {
    accounting: Option<Arc<dyn Accounting>>,
    inner: S,
}

impl<S, B> Service<Request<B>> for Accounted<S>
where
    S: Service<Request<B>, Response = Response<ResponseBody>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = AccountedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let account = self.accounting.clone().map(Account::open);
        AccountedFuture { inner: self.inner.call(request), account }
    }
}

pin_project! {
    /// The future of [`Accounted`].
    #[derive(Debug)]
    pub(crate) struct AccountedFuture<F> {
        #[pin]
        inner: F,
        account: Option<Account>,
    }
}

impl<F> Future for AccountedFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.inner.poll(cx));
        if let Some(mut account) = this.account.take() {
            account.status = Some(response.status());
        }
        Poll::Ready(Ok(response))
    }
}

/// An open request; closed when dropped, so that a caller who goes away is counted too.
#[derive(Debug)]
struct Account {
    accounting: Arc<dyn Accounting>,
    began: Instant,
    status: Option<StatusCode>,
}

impl Account {
    fn open(accounting: Arc<dyn Accounting>) -> Self {
        accounting.began();
        Self { accounting, began: Instant::now(), status: None }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.accounting.ended(self.status, self.began.elapsed());
    }
}
