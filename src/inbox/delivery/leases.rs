//! The leases that are under way for one destination, and what keeps them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::channel::Channel;
use crate::inbox::store::{Digest, Lease, Renewal};

/// The leases under way of one destination, at most one for each lane.
#[derive(Debug, Default)]
pub(super) struct Leases {
    standing: Mutex<HashMap<Digest, Standing>>,
    /// Something was heard about leases.
    heard: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    fence: i64,
    /// Until when it holds for certain: as seen from before it was asked for.
    until: Instant,
    lost: bool,
}

/// A lease that is renewed for as long as this lives.
#[derive(Debug)]
pub(super) struct HeldLease {
    lease: Lease,
    leases: Arc<Leases>,
}

impl Leases {
    /// Takes a lease in, to be kept. `None` when the lane is being worked on here already, under a lease that was lost: what came
    /// of that has to be settled first, or an entry that was delivered would be delivered again.
    pub(super) fn enter(self: &Arc<Self>, lease: Lease, until: Instant) -> Option<HeldLease> {
        let mut standing = self.lock();
        if standing.contains_key(&lease.lane) {
            return None;
        }
        standing.insert(lease.lane, Standing { fence: lease.fence, until, lost: false });
        Some(HeldLease { lease, leases: Arc::clone(self) })
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn to_renew(&self) -> Vec<Lease> {
        let standing = self.lock();
        let held = standing.iter().filter(|(_, standing)| !standing.lost);
        held.map(|(lane, standing)| Lease { lane: *lane, fence: standing.fence }).collect()
    }

    fn renewed(&self, asked: &[Lease], lost: &[Lease], until: Instant) {
        let mut standing = self.lock();
        for lease in asked {
            // A lane that ended meanwhile, and is leased anew, has another fence.
            if let Some(standing) = standing.get_mut(&lease.lane).filter(|standing| standing.fence == lease.fence) {
                standing.lost = lost.contains(lease);
                standing.until = until;
            }
        }
        self.heard.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Standing>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldLease {
    pub(super) const fn lease(&self) -> Lease {
        self.lease
    }

    /// Whether nobody else can have the lane now.
    pub(super) fn holds(&self) -> bool {
        self.until().is_some()
    }

    /// Ends when somebody else may have the lane: it is lost, or its time is over and nobody could renew it.
    pub(super) async fn ended(&self) {
        loop {
            // From here on nothing that is heard is missed.
            let heard = self.leases.heard.notified();
            let Some(until) = self.until() else { return };
            tokio::select! {
                () = heard => {}
                () = sleep_until(until) => {}
            }
        }
    }

    /// Until when nobody else can have the lane, as far as is known; `None` = somebody can.
    fn until(&self) -> Option<Instant> {
        let now = Instant::now();
        let standing = self.leases.lock().get(&self.lease.lane).copied()?;
        (!standing.lost && now < standing.until).then_some(standing.until)
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.leases.lock().remove(&self.lease.lane);
    }
}

/// Renews all leases of a destination in time, in one write each time. Runs until it is dropped.
pub(super) async fn keep(channel: Arc<Channel>) {
    // Three chances before a lease ends, and more where the store does not answer.
    let mut chances = 3;
    loop {
        let length = channel.target.load().options.lease;
        sleep(length / chances).await;
        let leases = channel.leases.to_renew();
        if leases.is_empty() {
            chances = 3;
            continue;
        }
        let until = Instant::now() + length;
        match channel.tools.writer.renew(Renewal { leases: leases.clone(), lease: length }).await {
            Ok(lost) => {
                channel.leases.renewed(&leases, &lost, until);
                chances = 3;
            }
            Err(error) => {
                channel.reports.store_failed(&channel.key, &error);
                chances = 12;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LEASE: Lease = Lease { lane: [1; 32], fence: 7 };

    fn in_seconds(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_holds_until_its_time_is_over_or_it_is_lost() {
        let leases = Arc::new(Leases::default());
        let held = leases.enter(LEASE, in_seconds(3)).unwrap();
        sleep(Duration::from_secs(2)).await;
        assert!(held.holds());
        leases.renewed(&[LEASE], &[], in_seconds(3));
        sleep(Duration::from_secs(2)).await;
        assert!(held.holds());
        sleep(Duration::from_secs(1)).await;
        assert!(!held.holds(), "its time is over");
        leases.renewed(&[LEASE], &[], in_seconds(3));
        assert!(held.holds());
        leases.renewed(&[LEASE], &[LEASE], in_seconds(3));
        assert!(!held.holds(), "it is lost");
        assert_eq!(leases.to_renew(), []);
    }

    #[test]
    fn a_lane_is_worked_on_once_at_a_time() {
        let leases = Arc::new(Leases::default());
        let held = leases.enter(LEASE, in_seconds(3)).unwrap();
        let next = Lease { fence: 8, ..LEASE };
        assert!(leases.enter(next, in_seconds(3)).is_none());
        drop(held);
        let held = leases.enter(next, in_seconds(3)).unwrap();
        // An answer about the lease before says nothing about this one.
        leases.renewed(&[LEASE], &[LEASE], in_seconds(3));
        assert!(held.holds());
    }
}
