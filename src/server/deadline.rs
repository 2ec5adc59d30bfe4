//! The absolute deadlines of a connection: one timer, re-checked lazily, whatever the number of requests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// What a peer that does not take its answer gets on top of the request's own deadline.
const WRITE_ALLOWANCE: Duration = Duration::from_secs(5);

/// How long a connection may take. None of these is restarted by a byte: a slow drip wins nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// TCP accept to the end of the handshake, PROXY header included.
    pub handshake: Duration,
    /// First byte of a request head to its last.
    pub header: Duration,
    /// Head to the end of the answer.
    pub request: Duration,
    /// Between requests.
    pub idle: Duration,
    /// Age at which a connection says goodbye; `None` = never.
    pub max_age: Option<Duration>,
    /// What requests in flight get on a connection whose client no longer passes; zero = nothing.
    pub retire_grace: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(10),
            request: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            max_age: None,
            retire_grace: Duration::from_secs(5),
        }
    }
}

/// What is going on on a connection; shared by its task and its requests.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    state: Mutex<State>,
    /// Whether the next answer is to be the last one.
    last: AtomicBool,
    first_request: Notify,
}

#[derive(Debug)]
struct State {
    /// Begin of each request in flight, oldest first.
    in_flight: VecDeque<(u64, Instant)>,
    begun: u64,
    idle_since: Instant,
}

/// What only the bytes of a connection tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wire {
    /// First byte of a head that has not ended yet.
    pub(super) head_began: Option<Instant>,
    /// The oldest request whose answer has not ended on the wire, where that is known: its handler may be done with it.
    pub(super) oldest_request: Option<Instant>,
}

/// What the timer has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before this instant.
    At(Instant),
    /// Say goodbye: nothing is in flight any more, or the connection is old.
    Goodbye,
    /// Cut: a deadline has passed that only an unwilling peer misses.
    Cut,
}

impl Activity {
    pub(super) fn new(opened: Instant) -> Arc<Self> {
        let state = State { in_flight: VecDeque::new(), begun: 0, idle_since: opened };
        Arc::new(Self { opened, state: Mutex::new(state), last: AtomicBool::new(false), first_request: Notify::new() })
    }

    /// A request's head has arrived; it is in flight until the token is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        let mut state = self.state();
        state.begun += 1;
        let number = state.begun;
        state.in_flight.push_back((number, Instant::now()));
        if number == 1 {
            self.first_request.notify_one();
        }
        InFlight { activity: Arc::clone(self), number }
    }

    /// Completes when a request has begun, ever. To be waited for once, by one task.
    pub(super) async fn first_request(&self) {
        self.first_request.notified().await;
    }

    /// From now on each answer is to be the last one.
    pub(super) fn make_next_last(&self) {
        self.last.store(true, Ordering::Release);
    }

    /// Whether an answer that begins now is to be the last one.
    pub(super) fn is_last(&self) -> bool {
        self.last.load(Ordering::Acquire)
    }

    /// Since when nothing is in flight; `None` while something is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        state.in_flight.is_empty().then_some(state.idle_since)
    }

    /// What is due at `now`.
    pub(super) fn due(&self, deadlines: &Deadlines, now: Instant, wire: Wire) -> Due {
        let state = self.state();
        let oldest = state.in_flight.front().map(|(_, began)| *began).into_iter().chain(wire.oldest_request).min();
        let answer = oldest.map(|began| began + deadlines.request + WRITE_ALLOWANCE);
        let head = wire.head_began.map(|began| began + deadlines.header);
        let (mut next, late) = match answer.into_iter().chain(head).min() {
            Some(next) => (next, Due::Cut),
            None => (state.idle_since + deadlines.idle, Due::Goodbye),
        };
        if next <= now {
            return late;
        }
        if let Some(age) = deadlines.max_age {
            let limit = self.opened + age;
            if limit <= now {
                return Due::Goodbye;
            }
            next = next.min(limit);
        }
        // Heads and idle times begin without waking the timer, so it looks again no later than the shorter of them may last.
        Due::At(next.min(now + deadlines.header.min(deadlines.idle)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
    number: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        if let Some(position) = state.in_flight.iter().position(|(number, _)| *number == self.number) {
            state.in_flight.remove(position);
        }
        if state.in_flight.is_empty() {
            state.idle_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_says_goodbye_after_keep_alive_idle() {
        let deadlines = Deadlines::default();
        let activity = Activity::new(Instant::now());
        tokio::time::advance(deadlines.idle - SECOND).await;
        assert!(matches!(activity.due(&deadlines, Instant::now(), Wire::default()), Due::At(_)));
        tokio::time::advance(SECOND).await;
        assert_eq!(activity.due(&deadlines, Instant::now(), Wire::default()), Due::Goodbye);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_cut_and_the_timer_looks_in_time() {
        let deadlines = Deadlines::default();
        let activity = Activity::new(Instant::now());
        let Due::At(look) = activity.due(&deadlines, Instant::now(), Wire::default()) else { panic!("nothing is due") };
        assert!(look <= Instant::now() + deadlines.header);
        let began = Instant::now();
        let head = Wire { head_began: Some(began), ..Wire::default() };
        tokio::time::advance(deadlines.header - SECOND).await;
        assert_eq!(activity.due(&deadlines, Instant::now(), head), Due::At(began + deadlines.header), "absolute");
        tokio::time::advance(SECOND).await;
        assert_eq!(activity.due(&deadlines, Instant::now(), head), Due::Cut);
    }

    #[tokio::test(start_paused = true)]
    async fn the_timer_looks_at_least_once_in_the_time_of_a_head_also_while_busy() {
        let deadlines = Deadlines::default();
        let activity = Activity::new(Instant::now());
        let _busy = activity.begin();
        assert_eq!(
            activity.due(&deadlines, Instant::now(), Wire::default()),
            Due::At(Instant::now() + deadlines.header)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_is_cut_and_a_busy_connection_is_not_idle() {
        let deadlines = Deadlines::default();
        let activity = Activity::new(Instant::now());
        let first = activity.begin();
        tokio::time::advance(deadlines.idle).await;
        assert!(matches!(activity.due(&deadlines, Instant::now(), Wire::default()), Due::At(_)));
        let second = activity.begin();
        tokio::time::advance(WRITE_ALLOWANCE).await;
        assert_eq!(activity.due(&deadlines, Instant::now(), Wire::default()), Due::Cut);
        drop(first);
        assert!(matches!(activity.due(&deadlines, Instant::now(), Wire::default()), Due::At(_)));
        drop(second);
        assert!(activity.idle_since().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_connection_says_goodbye_even_when_busy() {
        let deadlines = Deadlines { max_age: Some(SECOND * 30), ..Deadlines::default() };
        let activity = Activity::new(Instant::now());
        let _busy = activity.begin();
        tokio::time::advance(SECOND * 30).await;
        assert_eq!(activity.due(&deadlines, Instant::now(), Wire::default()), Due::Goodbye);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_cut_beside_a_request_and_so_is_an_answer_that_has_left_its_handler() {
        let deadlines = Deadlines::default();
        let activity = Activity::new(Instant::now());
        let busy = activity.begin();
        let head = Wire { head_began: Some(Instant::now()), ..Wire::default() };
        tokio::time::advance(deadlines.header).await;
        assert_eq!(activity.due(&deadlines, Instant::now(), head), Due::Cut);
        assert!(matches!(activity.due(&deadlines, Instant::now(), Wire::default()), Due::At(_)), "control");
        drop(busy);
        let stuck = Wire { oldest_request: Some(Instant::now()), ..Wire::default() };
        tokio::time::advance(deadlines.request + WRITE_ALLOWANCE).await;
        let _busy = activity.begin();
        assert_eq!(activity.due(&deadlines, Instant::now(), stuck), Due::Cut);
    }
}
