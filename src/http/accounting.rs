//! Where requests are counted: a hook for the composition root, which knows the metrics.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::Call;
use super::settle::Settled;
use crate::metrics::{EnvironmentMetrics, RequestEnd};
use crate::thales::Product;

/// Counts the requests of an environment.
pub trait Accounting: Send + Sync + fmt::Debug {
    /// A request has come in.
    fn began(&self);

    /// That request has its response head, or none, when the caller went before there was one. Called exactly once for each
    /// [`Accounting::began`].
    fn ended(&self, call: Option<&Call>, settled: Option<Settled>, elapsed: Duration);

    /// A call of `product` had no valid second key; `reason` is one of a closed list.
    fn second_key_refused(&self, product: Product, reason: &'static str);
}

impl Accounting for EnvironmentMetrics {
    fn began(&self) {
        self.request_began();
    }

    fn ended(&self, call: Option<&Call>, settled: Option<Settled>, elapsed: Duration) {
        self.request_ended(RequestEnd {
            product: call.and_then(Call::product).map_or("", Product::name),
            operation: call.map_or("", Call::name),
            status: settled.map(|settled| settled.status.as_u16()),
            retryable: settled.and_then(|settled| settled.retryable),
            elapsed,
        });
    }

    fn second_key_refused(&self, product: Product, reason: &'static str) {
        EnvironmentMetrics::second_key_refused(self, product.name(), reason);
    }
}

/// An open request; closed when dropped, so that a caller who goes away is counted too.
#[derive(Debug)]
pub(crate) struct Account {
    accounting: Arc<dyn Accounting>,
    call: Option<Call>,
    began: Instant,
    settled: Option<Settled>,
}

impl Account {
    pub(crate) fn open(accounting: &Arc<dyn Accounting>, call: Option<&Call>, began: Instant) -> Self {
        accounting.began();
        Self { accounting: Arc::clone(accounting), call: call.cloned(), began, settled: None }
    }

    /// The request has its answer.
    pub(crate) fn close(mut self, settled: Settled) {
        self.settled = Some(settled);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.accounting.ended(self.call.as_ref(), self.settled, self.began.elapsed());
    }
}
