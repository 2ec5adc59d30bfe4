//! A task beside what wakes it: [`Disturbances`] loses no ring, or the task would sleep for ever, which loom tells.

use std::future::poll_fn;
use std::task::Poll;

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::disturbances::Disturbances;
use crate::waker::AtomicWaker;

/// A timer, or a signal: it happens once, and wakes whoever asked last.
struct Source {
    has_happened: AtomicBool,
    waker: AtomicWaker,
}

impl Source {
    fn new() -> Arc<Self> {
        Arc::new(Self { has_happened: AtomicBool::new(false), waker: AtomicWaker::new() })
    }

    fn happens(&self) {
        self.has_happened.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn poll(&self, cx: &std::task::Context<'_>) -> bool {
        self.waker.register(cx.waker());
        self.has_happened.load(Ordering::Acquire)
    }
}

/// Waits as a connection does: what seldom happens is asked only when it has rung.
fn wait_for_all(sources: &[Arc<Source>]) {
    let mut disturbances = Disturbances::new();
    let mut heard = vec![false; sources.len()];
    block_on(poll_fn(move |cx| {
        let Some(cx) = disturbances.rang(cx) else { return Poll::Pending };
        for (source, heard) in std::iter::zip(sources, &mut heard) {
            *heard = *heard || source.poll(&cx);
        }
        if heard.iter().all(|heard| *heard) { Poll::Ready(()) } else { Poll::Pending }
    }));
}

#[test]
fn no_ring_is_lost_whenever_it_comes() {
    loom::model(|| {
        let source = Source::new();
        let ringing = Arc::clone(&source);
        let ringing = thread::spawn(move || ringing.happens());
        wait_for_all(&[source]);
        ringing.join().unwrap();
    });
}

#[test]
fn of_two_that_ring_at_once_neither_takes_the_other_with_it() {
    let mut model = loom::model::Builder::new();
    // Three threads with a waker each: more than this, and it takes hours to find nothing.
    model.preemption_bound = Some(3);
    model.check(|| {
        let sources = [Source::new(), Source::new()];
        let ringing = sources.clone().map(|source| thread::spawn(move || source.happens()));
        wait_for_all(&sources);
        for ringing in ringing {
            ringing.join().unwrap();
        }
    });
}
