//! `/readyz`: whether callers should be sent here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::http::StatusCode;
use prometheus_client::metrics::gauge::Gauge;

// 0, the default, is "starting".
const READY: u8 = 1;
const DRAINING: u8 = 2;

/// Whether callers should be sent here: not before the first epoch, and not while draining. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<State>);

#[derive(Debug, Default)]
struct State {
    stage: AtomicU8,
    /// 1 while ready, else 0.
    shown: Gauge,
}

impl Readiness {
    /// Starting; `gauge` is 1 while ready, else 0.
    #[must_use]
    pub fn shown_by(gauge: Gauge) -> Self {
        Self(Arc::new(State { stage: AtomicU8::default(), shown: gauge }))
    }

    /// Every environment has its epoch, and connections are taken.
    pub fn ready(&self) {
        self.0.stage.store(READY, Ordering::Release);
        self.0.shown.set(1);
    }

    /// The end has begun.
    pub fn draining(&self) {
        self.0.stage.store(DRAINING, Ordering::Release);
        self.0.shown.set(0);
    }

    /// Whether callers should be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.stage.load(Ordering::Acquire) == READY
    }

    /// `ready`, `draining` or `starting`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.0.stage.load(Ordering::Acquire) {
            READY => "ready",
            DRAINING => "draining",
            _ => "starting",
        }
    }

    pub(super) fn answer(&self) -> (StatusCode, String) {
        let status = if self.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, format!("{}\n", self.name()))
    }
}
