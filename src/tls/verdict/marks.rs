//! What every request asks about the verdict on its connection, without a lock: how long it holds, and by which epoch.

// In tests/models every order of these steps is gone through that the memory model allows.
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// Whoever writes writes one after the other; [`Marks::end`] may come at any time.
#[derive(Debug)]
pub(super) struct Marks {
    /// Seconds since the Unix epoch after which the verdict no longer holds; 0 = it has ended, and that is for good.
    good_through: AtomicU64,
    /// The epoch that the verdict is of.
    epoch: AtomicU64,
}

impl Marks {
    pub(super) fn new(good_through: u64, epoch: u64) -> Self {
        Self { good_through: AtomicU64::new(good_through), epoch: AtomicU64::new(epoch) }
    }

    /// Whether the verdict holds in the second `now`, and is one of the epoch in force, which `is_in_force` is asked about last: an epoch
    /// that came into force before this was called is seen.
    pub(super) fn hold(&self, now: u64, is_in_force: impl FnOnce(u64) -> bool) -> bool {
        // The epoch first: it is stored last, so that a deadline is never read that is older than its epoch.
        let epoch = self.epoch.load(Ordering::Acquire);
        let in_time = now <= self.good_through.load(Ordering::Acquire);
        in_time && is_in_force(epoch)
    }

    /// A new verdict of `epoch`. Returns until when the one before held; `None` = it has ended, and nothing has changed.
    pub(super) fn renew(&self, good_through: u64, epoch: u64) -> Option<u64> {
        let unless_over = |before| (before != 0).then_some(good_through);
        let before = self.good_through.fetch_update(Ordering::AcqRel, Ordering::Acquire, unless_over).ok()?;
        self.epoch.store(epoch, Ordering::Release);
        Some(before)
    }

    /// It no longer holds, from the moment that this returns.
    pub(super) fn end(&self) {
        // Read and written in one step, as a renewal is: all threads see the two in the same order.
        let _ = self.good_through.swap(0, Ordering::AcqRel);
    }

    pub(super) fn good_through(&self) -> u64 {
        self.good_through.load(Ordering::Acquire)
    }
}
