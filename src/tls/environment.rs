//! The TLS side of an environment: the epoch in force, and the connections that live by it.

use std::collections::BTreeMap;
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
    /// Called by a reload alone. Blocking: the time of a judgement for each different chain, that of a look-up for each connection.
    pub(super) fn install(&self, epoch: Epoch) -> usize {
        let number = epoch.number();
        let standing = self.standing();
        let before = self.epoch.swap(Arc::new(epoch));
        self.number.store(number, Ordering::Release);
        before.end();
        self.judge_live(&standing)
    }

    /// The end of an environment: every connection is retired, and no new one is admitted.
    pub fn close(&self) -> usize {
        let standing = self.standing();
        self.closed.store(true, Ordering::Release);
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
        let now = super::now();
        for standing in self.live.all() {
            // What does not pass is retired by that.
            let _ = standing.judge_again(now);
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
        if self.closed.load(Ordering::Acquire) {
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
    pub(super) fn admit(
        self: &Arc<Self>,
        chain: &Arc<[CertificateDer<'static>]>,
        epoch: u64,
        accepted: &Accepted,
    ) -> Result<LiveStanding, Refusal> {
        let (environment, chain) = (Arc::clone(self), Arc::clone(chain));
        let standing = Standing::of_client(environment, chain, accepted.digest, epoch, &accepted.verdict);
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::pki::RevocationMode;
    use crate::pki::minting::{Minted, ca, client, server};
    use crate::pki::trust_anchors::AnchorRules;
    use crate::tls::{EpochOptions, MaterialSource, MaterialSources, TlsMaterial};

    #[test]
    fn a_connection_that_finds_out_by_itself_that_its_trust_is_gone_is_counted_all_the_same() {
        let (old, new) = (Minted::self_signed(ca("Old client CA")), Minted::self_signed(ca("New client CA")));
        let servers = Minted::self_signed(ca("Server CA"));
        let credential = servers.issue(server("issuer.test", &["issuer.test"]));
        let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&old], &credential)));
        let (quick, slow) = (admitted(&environment, &old.issue(client("quick"))), old.issue(client("slow")));
        let slow = admitted(&environment, &slow);
        assert_eq!(environment.install(epoch(2, &[&old, &new], &credential)), 0, "control: both pass");

        let standing = environment.standing();
        environment.epoch.store(Arc::new(epoch(3, &[&new], &credential)));
        environment.number.store(3, Ordering::Release);
        quick.ask(SystemTime::now()).unwrap_err();
        drop(quick);
        assert!(!slow.is_retired(), "control: nobody has judged this one");
        assert_eq!(environment.judge_live(&standing), 2);
        assert!(slow.is_retired());
        assert_eq!(environment.install(epoch(4, &[&new], &credential)), 0, "no connection is counted twice");
    }

    fn epoch(number: u64, anchors: &[&Minted], credential: &Minted) -> Epoch {
        let sources = MaterialSources {
            client_ca: MaterialSource::inline(anchors.iter().map(|anchor| anchor.pem.as_str()).collect::<String>()),
            crl: Vec::new(),
            revocation: RevocationMode::IfCovered,
            certificate_chain: MaterialSource::inline(credential.pem.as_str()),
            private_key: MaterialSource::inline(credential.key_pem.as_str()),
            endorsed_chain: None,
            host: None,
            anchor_rules: AnchorRules::default(),
        };
        let bytes = sources.read().unwrap();
        let material = TlsMaterial::check(&bytes, &sources, super::super::now()).unwrap();
        Epoch::build(number, material, bytes.digest(), &EpochOptions::default()).unwrap()
    }

    fn admitted(environment: &Arc<TlsEnvironment>, client: &Minted) -> LiveStanding {
        let chain: Arc<[CertificateDer<'static>]> = Arc::new([client.der.clone()]);
        let digest = ChainDigest::of(&chain);
        let (epoch, verdict) = environment.judge(&digest, &chain, super::super::now()).unwrap();
        environment.admit(&chain, epoch, &Accepted { digest, verdict }).unwrap()
    }
}
