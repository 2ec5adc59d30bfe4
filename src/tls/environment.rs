//! The TLS side of an environment: the epoch in force, and the connections that live by it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::epoch::Epoch;
use super::findings::Accepted;
use super::judge::{ChainDigest, Verdict};
use super::live::{LiveStanding, LiveStandings};
use super::refusal::Refusal;
use super::verdict::Standing;

/// The TLS side of an environment: its name, the epoch in force and the connections that it admitted.
#[derive(Debug)]
pub struct TlsEnvironment {
    name: Arc<str>,
    epoch: ArcSwap<Epoch>,
    /// That of `epoch`, for requests to compare with at the price of a load.
    number: AtomicU64,
    /// The environment is gone from the configuration: it trusts nobody.
    closed: AtomicBool,
    live: LiveStandings,
    /// One reload at a time.
    reloading: Mutex<()>,
}

impl TlsEnvironment {
    /// An environment with its first epoch.
    #[must_use]
    pub fn new(name: &str, first: Epoch) -> Self {
        Self {
            name: name.into(),
            number: AtomicU64::new(first.number()),
            epoch: ArcSwap::from_pointee(first),
            closed: AtomicBool::new(false),
            live: LiveStandings::default(),
            reloading: Mutex::new(()),
        }
    }

    /// The environment's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The epoch that is in force.
    pub fn current(&self) -> Arc<Epoch> {
        self.epoch.load_full()
    }

    /// Held while a reload reads, builds and installs, so that epochs are numbered and installed in one order.
    pub(super) fn begin_reload(&self) -> MutexGuard<'_, ()> {
        self.reloading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the epoch that is in force.
    pub(super) fn epoch_number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Puts an epoch in force, ends the one before, and judges every live connection again. Returns how many were retired.
    /// Called by a reload alone, which holds its lock. Blocking: the time of a judgement for each different chain, that of a look-up for
    /// each connection. An environment that is closed stays so.
    pub(super) fn install(&self, epoch: Epoch) -> usize {
        if self.is_closed() {
            epoch.end();
            return 0;
        }
        let number = epoch.number();
        let standing = self.standing();
        let before = self.epoch.swap(Arc::new(epoch));
        self.number.store(number, Ordering::Release);
        before.end();
        self.judge_live(&standing)
    }

    /// Whether [`TlsEnvironment::close`] was called. It stays so.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The end of an environment: every connection is retired, and no new one is admitted. Returns how many were retired. A reload
    /// that is under way is waited for; it admits nobody any more.
    pub fn close(&self) -> usize {
        let standing = self.standing();
        self.closed.store(true, Ordering::Release);
        let _no_reload = self.begin_reload();
        // No verdict is of this epoch, so each is asked for again.
        self.number.store(u64::MAX, Ordering::Release);
        self.current().end();
        self.judge_live(&standing)
    }

    /// Connections whose verdict has not been found wanting so far.
    fn standing(&self) -> Vec<Arc<Standing>> {
        let mut standing = self.live.all();
        standing.retain(|standing| !standing.is_retired());
        standing
    }

    /// Judges all connections that are live now. Returns how many of those that stood `before` are retired, be it that one of their
    /// own requests or timers was quicker to ask.
    fn judge_live(&self, before: &[Arc<Standing>]) -> usize {
        let mut pass = Pass::over(self, super::now());
        for standing in self.live.all() {
            // What does not pass is retired by that.
            let _ = standing.judge_in(&mut pass);
        }
        before.iter().filter(|standing| standing.is_retired()).count()
    }

    /// Judges a chain by the epoch in force.
    pub(super) fn judge(
        &self,
        digest: &ChainDigest,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(u64, Arc<Verdict>), Refusal> {
        if self.is_closed() {
            return Err(Refusal::EnvironmentClosed);
        }
        let epoch = self.epoch.load();
        epoch.judge().judge_digested(digest, chain, now).map(|verdict| (epoch.number(), verdict))
    }

    /// Admits the client of a handshake that `epoch` accepted. Its standing is live before the epoch in force is looked at, so that
    /// an installation in between either judges it or is seen here.
    ///
    /// # Errors
    /// The [`Refusal`] where another epoch came into force during the handshake and does not accept the client.
    pub(super) fn admit(self: &Arc<Self>, epoch: u64, accepted: &Accepted) -> Result<LiveStanding, Refusal> {
        let standing = Standing::of_client(Arc::clone(self), accepted.digest, epoch, &accepted.verdict);
        let live = self.live.enter(Arc::new(standing));
        if live.ask(std::time::SystemTime::now()).is_err() {
            return Err(live.refusal().unwrap_or(Refusal::Other));
        }
        Ok(live)
    }

    /// Live connections, by the epoch that their handshake was judged by.
    pub fn live_by_epoch(&self) -> BTreeMap<u64, usize> {
        self.live.by_epoch()
    }

    /// Erases session keys whose time is up. Returns when to look again; `None` where there is no key.
    pub fn erase_due_session_key(&self) -> Option<Duration> {
        self.epoch.load().erase_due_session_key()
    }
}

/// One pass over the live connections: each chain is judged once, refusals too, which nobody remembers any longer than this.
pub(super) struct Pass<'a> {
    environment: &'a TlsEnvironment,
    /// The epoch in force when it began.
    number: u64,
    pub(super) now: UnixTime,
    outcomes: HashMap<ChainDigest, Result<(u64, Arc<Verdict>), Refusal>>,
}

impl<'a> Pass<'a> {
    fn over(environment: &'a TlsEnvironment, now: UnixTime) -> Self {
        Self { environment, number: environment.epoch_number(), now, outcomes: HashMap::new() }
    }

    /// Called under the lock of the standing that it is about, so that the outcome of an epoch that is over covers none of a later one.
    pub(super) fn judge(
        &mut self,
        digest: &ChainDigest,
        chain: &[CertificateDer<'_>],
    ) -> Result<(u64, Arc<Verdict>), Refusal> {
        let judge = || self.environment.judge(digest, chain, self.now);
        if self.environment.epoch_number() != self.number {
            return judge();
        }
        self.outcomes.entry(*digest).or_insert_with(judge).clone()
    }
}

#[cfg(test)]
mod tests;
