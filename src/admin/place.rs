//! The places of connections to the admin listener. Whoever comes gets one at once: where there is none left, the connection gives way
//! that has waited longest since it began or since its last answer. So no number of silent sockets keeps a probe out.
//!
//! What an administrator waits for is answered: such a connection has no place meanwhile that it could lose.

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::{BoxFuture, poll_fn};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use super::turn::{HEAD, Turn};
use crate::metrics::SlotMetrics;
use crate::server::limits::{HandshakeLimits, HandshakeSlots};

/// Connections that wait for a head, or are answered without a credential, at once: more than all probes and scrapers.
pub(super) const MOST: usize = 128;
/// Of these, from one source, so that no machine takes all of them: its own oldest gives way first. On loopback everybody is one source.
pub(super) const SHARE: usize = 32;
/// Answers that are owed to administrators at once, beside those. Where there are more, they can be displaced too.
const KEPT: usize = 32;

/// The places of all connections. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Places {
    slots: HandshakeSlots,
    kept: Arc<Semaphore>,
}

impl Places {
    /// All free; `metrics` counts who had to give way.
    pub(super) fn new(metrics: SlotMetrics) -> Self {
        let limits = HandshakeLimits { total: MOST, per_source: SHARE };
        Self { slots: HandshakeSlots::new(limits, metrics), kept: Arc::new(Semaphore::new(KEPT)) }
    }

    /// The newest place, for a connection from `peer`.
    pub(super) fn take(&self, peer: IpAddr) -> Place {
        let source = Some(peer).filter(|peer| !peer.to_canonical().is_loopback());
        let mut place = Place { places: self.clone(), source, displaced: None };
        place.renew();
        place
    }
}

/// The place of a connection; free again when dropped.
pub(super) struct Place {
    places: Places,
    /// Whose share it counts for.
    source: Option<IpAddr>,
    /// Completes when it has to give way; nothing while it gives way to nobody.
    displaced: Option<BoxFuture<'static, ()>>,
}

impl Place {
    /// The turns of the connection.
    pub(super) fn turn(&self) -> Turn {
        Turn::new(Arc::clone(&self.places.kept))
    }

    /// Does `step`, a handshake, in the time of a head; `None` where it takes longer or has to give way.
    pub(super) async fn handshake<F: Future>(&mut self, step: F) -> Option<F::Output> {
        let mut step = pin!(tokio::time::timeout(HEAD, step));
        poll_fn(|cx| match step.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(outcome.ok()),
            Poll::Pending if self.is_displaced(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Drives `connection` until it ends, has had its time, or has to give way.
    pub(super) async fn hold<F: Future>(&mut self, turn: &Turn, mut connection: Pin<&mut F>) {
        let mut timer = pin!(sleep_until(turn.due().unwrap_or_else(Instant::now)));
        poll_fn(|cx| {
            // What has arrived comes first: whoever has asked is answered, even where it has to give way.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            if turn.has_answered() {
                self.renew();
            }
            if turn.is_kept() {
                self.displaced = None;
            }
            if self.is_displaced(cx) {
                return Poll::Ready(());
            }
            let Some(due) = turn.due() else { return Poll::Pending };
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            timer.as_mut().poll(cx)
        })
        .await;
    }

    /// The newest place in the stead of the one before.
    fn renew(&mut self) {
        // Given back first, so that it costs nobody else a place.
        self.displaced = None;
        let slot = self.places.slots.enter(self.source);
        self.displaced = Some(Box::pin(async move { slot.displaced().await }));
    }

    fn is_displaced(&mut self, cx: &mut std::task::Context<'_>) -> bool {
        self.displaced.as_mut().is_some_and(|displaced| displaced.as_mut().poll(cx).is_ready())
    }
}

#[cfg(test)]
mod tests;
