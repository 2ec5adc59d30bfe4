//! What happens to a connection beside its requests: deadlines, retirement, drain.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use hyper::rt::{Read, Write};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::deadline::{Activity, Due, Wire};
use super::disturbances::Disturbances;
use super::drain::LAST_REQUEST;
use super::service::{Answers, Counted};
use super::{Door, DoorRules};
use crate::telemetry::events;
use crate::tls::{Standing, VerifiedClient};

/// What a connection that has said goodbye gets when nothing is in flight: HTTP/2's GOAWAY waits for the peer's pong, and a hostile
/// peer sends none.
const GRACE: Duration = Duration::from_secs(5);

/// A verdict that ends within this time is looked at every [`LONGEST_PAUSE`]: the timer does not notice when the clock is set forward,
/// as after a machine was asleep. A step over more than this is noticed by the next request, or when the connection has been idle for long.
const NEAR: Duration = Duration::from_secs(24 * 60 * 60);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A hyper connection of either protocol.
pub(super) trait Connection: Future<Output = hyper::Result<()>> {
    /// Whether an answer can say that it is the last one; else a frame does, which must not come before the first request.
    const ANSWERS_SAY_GOODBYE: bool;

    /// Finishes what is in flight, takes nothing new.
    fn say_goodbye(self: Pin<&mut Self>);

    /// Gives back what is not needed while nothing happens, if nothing has happened for long. Returns when that is to be asked again.
    fn rest(self: Pin<&mut Self>, _now: Instant) -> Option<Instant> {
        None
    }
}

impl<I, S> Connection for hyper::server::conn::http2::Connection<I, Counted<S>, hyper_util::rt::TokioExecutor>
where
    I: Read + Write + Unpin + 'static,
    S: Answers,
{
    const ANSWERS_SAY_GOODBYE: bool = false;

    fn say_goodbye(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// How far the end of a connection is.
#[derive(Debug, Default)]
struct Course {
    goodbye: Goodbye,
    is_retired: bool,
    is_announced: bool,
}

/// Whether the peer knows that the connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Goodbye {
    #[default]
    Unsaid,
    /// It will be said with the next request, since then.
    Announced(Instant),
    /// Since then.
    Said(Instant),
}

/// What happens to a connection.
#[derive(Debug)]
enum Event {
    Over(hyper::Result<()>),
    Retired,
    Announced,
    FirstRequest,
    Cutting,
    Shortened,
    Time,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By hyper, the peer, or our goodbye.
    ByItself,
    /// It has to be dropped as it is.
    Cut,
}

/// Everything that may end a connection from our side.
pub(super) struct Watch<'a> {
    pub(super) door: &'a Door,
    pub(super) rules: &'a DoorRules,
    pub(super) client: VerifiedClient,
    pub(super) standing: &'a Standing,
    pub(super) activity: &'a Activity,
}

impl Watch<'_> {
    /// Drives `connection` to its end. `wire` tells what its bytes tell.
    pub(super) async fn over<C: Connection>(&self, mut connection: Pin<&mut C>, wire: impl Fn() -> Wire) -> Ended {
        let mut retired = pin!(self.standing.retired());
        let mut announced = pin!(self.door.shutdown.announced());
        let mut first_request = pin!(self.activity.first_request());
        let mut cutting = pin!(self.door.shutdown.cutting());
        let mut shortened = pin!(self.standing.shortened());
        let mut timer = pin!(sleep_until(self.first_look(connection.as_mut())));
        let mut disturbances = Disturbances::new();
        let mut course = Course::default();
        loop {
            let event = poll_fn(|cx| {
                // What has arrived is read before a timer that ends an idle connection is looked at.
                if let Poll::Ready(outcome) = connection.as_mut().poll(cx) {
                    return Poll::Ready(Event::Over(outcome));
                }
                let Some(mut cx) = disturbances.rang(cx) else { return Poll::Pending };
                let cx = &mut cx;
                if !course.is_retired && retired.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Event::Retired);
                }
                if !course.is_announced && announced.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Event::Announced);
                }
                let awaited = !C::ANSWERS_SAY_GOODBYE && matches!(course.goodbye, Goodbye::Announced(_));
                if awaited && first_request.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Event::FirstRequest);
                }
                if cutting.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Event::Cutting);
                }
                // A retired verdict has no deadline.
                if !course.is_retired && shortened.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Event::Shortened);
                }
                timer.as_mut().poll(cx).map(|()| Event::Time)
            })
            .await;
            disturbances.again();
            match event {
                Event::Over(outcome) => {
                    if let Err(error) = outcome {
                        debug!(event = events::CONNECTION_FAILED, peer = %self.client.peer(), %error, "connection ended with an error");
                    }
                    return Ended::ByItself;
                }
                Event::Retired => {
                    course.is_retired = true;
                    connection.as_mut().say_goodbye();
                    let now = Instant::now();
                    course.goodbye = Goodbye::Said(now);
                    timer.as_mut().reset(now + self.rules.deadlines.retire_grace);
                }
                Event::Announced => {
                    course.is_announced = true;
                    self.activity.make_next_last();
                    if course.goodbye == Goodbye::Unsaid {
                        let now = Instant::now();
                        course.goodbye = Goodbye::Announced(now);
                        let look = timer.deadline().min(now + self.last_request());
                        timer.as_mut().reset(look);
                    }
                }
                // A caller that was told before its first request would give up a connection that it has just made.
                Event::FirstRequest => {
                    connection.as_mut().say_goodbye();
                    let now = Instant::now();
                    course.goodbye = Goodbye::Said(now);
                    // What has nothing in flight and does not go by itself, for want of a pong, gets no more than its grace.
                    let look = timer.deadline().min(now + GRACE);
                    timer.as_mut().reset(look);
                }
                Event::Cutting => return Ended::Cut,
                // The timer was set by a deadline that is no longer the verdict's.
                Event::Shortened => {
                    shortened.set(self.standing.shortened());
                    let look = self.next_look(Instant::now(), timer.deadline());
                    timer.as_mut().reset(look);
                }
                Event::Time => match self.looked(&mut course, connection.as_mut(), wire()) {
                    Some(look) => timer.as_mut().reset(look),
                    None => return Ended::Cut,
                },
            }
        }
    }

    /// Looks at everything that has a time. Returns when to look again; `None` = the connection has to be cut.
    fn looked<C: Connection>(&self, course: &mut Course, mut connection: Pin<&mut C>, wire: Wire) -> Option<Instant> {
        let now = Instant::now();
        // The verdict's own deadline; a request would ask as well, an idle connection has nobody else to.
        let _ = self.standing.ask(SystemTime::now());
        match (self.activity.due(&self.rules.deadlines, now, wire), course.goodbye) {
            (Due::Cut, _) => None,
            (_, Goodbye::Said(since)) => {
                let end = if course.is_retired {
                    since + self.rules.deadlines.retire_grace
                } else {
                    since.max(self.activity.idle_since().unwrap_or(now)) + GRACE
                };
                if end <= now {
                    return None;
                }
                // A retired verdict has no deadline left to look for.
                Some(if course.is_retired { end } else { self.next_look(now, end) })
            }
            (Due::At(next), Goodbye::Unsaid) => {
                let next = connection.as_mut().rest(now).map_or(next, |rest| next.min(rest));
                Some(self.next_look(now, next))
            }
            (Due::At(next), Goodbye::Announced(since)) if self.kept_until(since, now, next, wire) > now => {
                Some(self.next_look(now, self.kept_until(since, now, next, wire)))
            }
            (Due::Goodbye | Due::At(_), _) => {
                connection.as_mut().say_goodbye();
                course.goodbye = Goodbye::Said(now);
                Some(self.next_look(now, now + GRACE))
            }
        }
    }

    /// Until when a connection whose end was announced at `since` is kept for one more request, as seen at `now`; `next` = when one of
    /// its deadlines is due.
    fn kept_until(&self, since: Instant, now: Instant, next: Instant, wire: Wire) -> Instant {
        if wire.head_began.is_some() {
            // A request that the parser does not know of yet.
            return next;
        }
        next.min(since.max(self.activity.idle_since().unwrap_or(now)) + self.last_request())
    }

    /// What an idle connection gets for one more request. A short drain has to have room for the answer as well.
    fn last_request(&self) -> Duration {
        LAST_REQUEST.min(self.rules.drain_timeout / 2)
    }

    fn first_look<C: Connection>(&self, connection: Pin<&mut C>) -> Instant {
        let now = Instant::now();
        match self.activity.due(&self.rules.deadlines, now, Wire::default()) {
            Due::At(next) => self.next_look(now, connection.rest(now).map_or(next, |rest| next.min(rest))),
            Due::Goodbye | Due::Cut => now,
        }
    }

    /// `next`, or when the verdict is to be looked at, if that comes first.
    fn next_look(&self, now: Instant, next: Instant) -> Instant {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.checked_add(pause(self.standing.deadline().as_secs(), since_epoch)).map_or(next, |look| next.min(look))
    }
}

/// How long to sleep at `since_epoch` by a verdict that holds through the second `deadline`.
fn pause(deadline: u64, since_epoch: Duration) -> Duration {
    // The deadline's last second still holds.
    let left = Duration::from_secs(deadline.saturating_add(1)).saturating_sub(since_epoch);
    let most = if left <= NEAR { LONGEST_PAUSE } else { left };
    // A clock that runs a little behind the timer must not make it spin.
    left.clamp(Duration::from_millis(20), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_its_end_a_verdict_is_looked_at_often_enough_to_notice_a_clock_that_was_set_forward() {
        let hour = Duration::from_secs(3600);
        let now = Duration::from_millis(1_900_000_000_500);
        for (left, expected) in [
            (0, Duration::from_millis(500)),
            (5, Duration::from_millis(5500)),
            (3600, LONGEST_PAUSE),
            (86_399, LONGEST_PAUSE),
            (86_400, 24 * hour + Duration::from_millis(500)),
        ] {
            assert_eq!(pause(1_900_000_000 + left, now), expected, "{left} s left");
        }
        for past in [0, 1_899_999_999] {
            assert_eq!(pause(past, now), Duration::from_millis(20), "it must not spin");
        }
        assert!(pause(u64::MAX, now) > 1000 * hour, "control: no end, no looks");
    }
}
