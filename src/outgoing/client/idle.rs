//! Connections of HTTP/1.1 with nothing on them.
//!
//! Nobody drives them, so somebody has to notice when the backend closes one, and when one has been idle for too long: a task, for as long
//! as there are any. Whatever happens on a connection rings its bell, and the task looks at it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Wake;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Sent;
use super::link::Link;

/// Connections with nothing on them, the one that was used last at the back.
#[derive(Debug)]
pub(super) struct Idle<B: Sent> {
    most: usize,
    timeout: Duration,
    state: Mutex<State<B>>,
    ringing: Arc<Notify>,
}

#[derive(Debug)]
struct State<B: Sent> {
    links: VecDeque<Kept<B>>,
    /// Whether a task looks after them.
    is_watched: bool,
}

#[derive(Debug)]
struct Kept<B: Sent> {
    link: Box<Link<B>>,
    since: Instant,
}

/// What a connection wakes while it is idle.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rang: AtomicBool,
    /// A connection that was taken wakes it as well, until somebody else has registered.
    is_idle: AtomicBool,
    ringing: Arc<Notify>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_idle.load(Ordering::Acquire) {
            self.rang.store(true, Ordering::Release);
            self.ringing.notify_one();
        }
    }
}

impl<B: Sent> Idle<B> {
    /// Room for `most` connections, each for `timeout`.
    pub(super) fn new(most: usize, timeout: Duration) -> Arc<Self> {
        let state = State { links: VecDeque::new(), is_watched: false };
        Arc::new(Self { most, timeout, state: Mutex::new(state), ringing: Arc::default() })
    }

    /// For a connection that will be kept here.
    pub(super) fn bell(&self) -> Arc<Bell> {
        Arc::new(Bell { ringing: Arc::clone(&self.ringing), ..Bell::default() })
    }

    /// The connection that was used last, of those that this runtime has opened: what happens on another's has to be handed over by it.
    pub(super) fn take(&self) -> Option<Box<Link<B>>> {
        let here = Handle::current().id();
        let mut state = self.state();
        while let Some(at) = state.links.iter().rposition(|kept| kept.link.home() == here) {
            let Some(Kept { link, since }) = state.links.remove(at) else { break };
            link.bell().is_idle.store(false, Ordering::Release);
            if since.elapsed() < self.timeout {
                return Some(link);
            }
        }
        None
    }

    /// Keeps a connection whose exchange is over, if another one may begin on it; else it is closed: what is left of its request
    /// nobody wants any more.
    pub(super) fn keep(self: &Arc<Self>, mut link: Box<Link<B>>) {
        link.bell().is_idle.store(true, Ordering::Release);
        if link.poll_by_bell().is_ready() || !link.is_free() || self.most == 0 {
            return;
        }
        let mut state = self.state();
        state.links.push_back(Kept { link, since: Instant::now() });
        let surplus = if state.links.len() > self.most { state.links.pop_front() } else { None };
        let watches = !std::mem::replace(&mut state.is_watched, true);
        drop(state);
        drop(surplus);
        if watches {
            tokio::spawn(watch(Arc::downgrade(self), Arc::clone(&self.ringing)));
        }
    }

    /// Drops connections whose bell rang because they have ended, and those whose time is up. Returns when the next one's is; `None` =
    /// there are none.
    fn sort_out(&self) -> Option<Instant> {
        let mut state = self.state();
        let mut gone = Vec::new();
        for mut kept in std::mem::take(&mut state.links) {
            let rang = kept.link.bell().rang.swap(false, Ordering::AcqRel);
            if (rang && kept.link.poll_by_bell().is_ready()) || kept.since.elapsed() >= self.timeout {
                gone.push(kept);
            } else {
                state.links.push_back(kept);
            }
        }
        let next = state.links.front().map(|oldest| oldest.since + self.timeout);
        state.is_watched = next.is_some();
        // To close them takes system calls, for which nobody has to wait.
        drop(state);
        drop(gone);
        next
    }

    fn state(&self) -> MutexGuard<'_, State<B>> {
        // Each change is one insertion or removal.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks after the connections until there are none, or nobody who could use them.
async fn watch<B: Sent>(idle: Weak<Idle<B>>, ringing: Arc<Notify>) {
    while let Some(next) = idle.upgrade().and_then(|idle| idle.sort_out()) {
        tokio::select! {
            () = ringing.notified() => {}
            () = sleep_until(next) => {}
        }
    }
}
