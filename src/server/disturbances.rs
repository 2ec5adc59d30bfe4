//! A waker for what seldom happens beside what happens all the time.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

// In tests/models every order of these steps is gone through that the memory model allows.
#[cfg(loom)]
use {
    crate::waker::AtomicWaker,
    loom::sync::atomic::{AtomicBool, Ordering},
};
#[cfg(not(loom))]
use {
    futures_util::task::AtomicWaker,
    std::sync::atomic::{AtomicBool, Ordering},
};

/// Tells whether one of those that seldom happen woke the task, or the rest of it: a connection is polled several times for each request,
/// and to ask all its timers and signals each time would cost more than much of what the request is for.
#[derive(Debug)]
pub(super) struct Disturbances {
    bell: Arc<Bell>,
    rings: Waker,
}

#[derive(Debug)]
struct Bell {
    rang: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Disturbances {
    /// As if one had happened: everything is asked once.
    pub(super) fn new() -> Self {
        let bell = Arc::new(Bell { rang: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { rings: Waker::from(Arc::clone(&bell)), bell }
    }

    /// What seldom happens has to be asked with this, if it is to be asked at all: a waker that tells of it.
    pub(super) fn rang(&mut self, task: &Context<'_>) -> Option<Context<'_>> {
        // Each time, and before the bell is silenced: a ring takes the task's waker away, and may do so long after it was heard, when
        // whoever rings was held up between its two steps.
        self.bell.task.register(task.waker());
        // Looked at first, since that is cheaper than to silence what is silent.
        let rang = self.bell.rang.load(Ordering::Acquire) && self.bell.rang.swap(false, Ordering::AcqRel);
        rang.then(|| Context::from_waker(&self.rings))
    }

    /// Everything is to be asked once more: something was set anew, and has to hear of the waker.
    pub(super) fn again(&self) {
        self.bell.rang.store(true, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn everything_is_asked_at_first_and_then_when_one_has_rung() {
        let (task, mut disturbances) = (Arc::new(Task::default()), Disturbances::new());
        let waker = Waker::from(Arc::clone(&task));
        let cx = Context::from_waker(&waker);
        let bell = disturbances.rang(&cx).unwrap().waker().clone();
        for rings in 1..=3 {
            assert!(disturbances.rang(&cx).is_none());
            bell.wake_by_ref();
            assert_eq!(task.0.load(Ordering::SeqCst), rings);
            assert!(disturbances.rang(&cx).is_some());
        }
        assert!(disturbances.rang(&cx).is_none());
        disturbances.again();
        assert!(disturbances.rang(&cx).is_some());
    }

    #[test]
    fn the_task_that_asked_last_is_woken() {
        let tasks = [Arc::new(Task::default()), Arc::new(Task::default())];
        let wakers = tasks.clone().map(Waker::from);
        let mut disturbances = Disturbances::new();
        let bell = disturbances.rang(&Context::from_waker(&wakers[0])).unwrap().waker().clone();
        assert!(disturbances.rang(&Context::from_waker(&wakers[1])).is_none());
        bell.wake();
        assert_eq!(tasks.map(|task| task.0.load(Ordering::SeqCst)), [0, 1]);
    }

    #[test]
    fn a_ring_that_was_held_up_halfway_takes_no_later_one_with_it() {
        let (task, mut disturbances) = (Arc::new(Task::default()), Disturbances::new());
        let waker = Waker::from(Arc::clone(&task));
        let cx = Context::from_waker(&waker);
        let bell = disturbances.rang(&cx).unwrap().waker().clone();
        let halves = Arc::clone(&disturbances.bell);
        halves.rang.store(true, Ordering::Release);
        assert!(disturbances.rang(&cx).is_some(), "heard, for the task was awake");
        halves.task.wake();
        assert_eq!(task.0.load(Ordering::SeqCst), 1, "its second half");
        assert!(disturbances.rang(&cx).is_none());
        bell.wake_by_ref();
        assert_eq!(task.0.load(Ordering::SeqCst), 2, "the next ring");
    }
}
