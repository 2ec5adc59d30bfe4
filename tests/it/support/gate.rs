//! Lets a test hold a backend's answer back until it says so: coordination without sleeping.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A gate that a request arrives at, waits at and, perhaps, is dropped at.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    arrived: Semaphore,
    open: Semaphore,
    dropped: Semaphore,
}

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(Inner { arrived: Semaphore::new(0), open: Semaphore::new(0), dropped: Semaphore::new(0) }))
    }

    /// Test side: completes when one more request stands at the gate.
    pub(crate) async fn arrival(&self) {
        super::within("a request to reach the backend", self.0.arrived.acquire()).await.unwrap().forget();
    }

    /// Test side: completes when one more request was given up while it stood at the gate.
    pub(crate) async fn departure(&self) {
        super::within("the backend's request to be cancelled", self.0.dropped.acquire()).await.unwrap().forget();
    }

    /// Test side: lets one request pass.
    pub(crate) fn open(&self) {
        self.0.open.add_permits(1);
    }

    /// Backend side: stand here until let through.
    pub(crate) async fn pass(&self) {
        let mut standing = Standing { gate: self.clone(), passed: false };
        self.0.arrived.add_permits(1);
        self.0.open.acquire().await.unwrap().forget();
        standing.passed = true;
    }
}

struct Standing {
    gate: Gate,
    passed: bool,
}

impl Drop for Standing {
    fn drop(&mut self) {
        if !self.passed {
            self.gate.0.dropped.add_permits(1);
        }
    }
}
