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
mod tests {
    use std::time::SystemTime;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::pki::RevocationMode;
    use crate::pki::minting::{Minted, ca, client, crl, server};
    use crate::pki::trust_anchors::AnchorRules;
    use crate::tls::reload::ReloadReport;
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

    #[test]
    fn one_pass_judges_a_chain_once_however_many_connections_presented_it() {
        let (old, new) = (Minted::self_signed(ca("Old client CA")), Minted::self_signed(ca("New client CA")));
        let servers = Minted::self_signed(ca("Server CA"));
        let credential = servers.issue(server("issuer.test", &["issuer.test"]));
        let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&old, &new], &credential)));
        // Under the digest of the first, the second has a chain that would pass: if it is retired, nobody has looked at it.
        let (gone, stays) = (old.issue(client("gone")), new.issue(client("stays")));
        let first = admitted(&environment, &gone);
        let same = admitted_as(&environment, &stays, ChainDigest::of(std::slice::from_ref(&gone.der)));
        let control = admitted(&environment, &stays);
        assert_eq!(environment.install(epoch(2, &[&new], &credential)), 2);
        assert_eq!((first.is_retired(), same.is_retired(), control.is_retired()), (true, true, false));
        assert_eq!(same.refusal(), first.refusal());
        let later = admitted_as(&environment, &stays, ChainDigest::of(std::slice::from_ref(&gone.der)));
        assert_eq!(environment.install(epoch(3, &[&new], &credential)), 0, "no refusal outlives its pass");
        assert!(!later.is_retired());
    }

    #[test]
    fn what_a_pass_has_found_counts_no_more_once_another_epoch_is_in_force() {
        let (old, new) = (Minted::self_signed(ca("Old client CA")), Minted::self_signed(ca("New client CA")));
        let servers = Minted::self_signed(ca("Server CA"));
        let credential = servers.issue(server("issuer.test", &["issuer.test"]));
        let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&old], &credential)));
        let chain = [new.issue(client("leaf")).der];
        let digest = ChainDigest::of(&chain);
        let mut pass = Pass::over(&environment, super::super::now());
        assert_eq!(pass.judge(&digest, &chain).unwrap_err(), Refusal::UnknownIssuer);
        assert_eq!(pass.judge(&digest, &[]).unwrap_err(), Refusal::UnknownIssuer, "control: it is not judged again");
        environment.install(epoch(2, &[&new], &credential));
        assert_eq!(pass.judge(&digest, &chain).unwrap().0, 2);
    }

    #[test]
    fn a_retired_connection_is_not_judged_again() {
        let root = Minted::self_signed(ca("Client CA"));
        let credential = Minted::self_signed(ca("Server CA")).issue(server("issuer.test", &["issuer.test"]));
        let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&root], &credential)));
        let leaf = root.issue(client("leaf"));
        let (retired, control) = (admitted(&environment, &leaf), admitted(&environment, &leaf));
        retired.retire();
        let judged = |standing: &Standing| {
            let mut pass = Pass::over(&environment, super::super::now());
            let outcome = standing.judge_in(&mut pass);
            (outcome.is_ok(), pass.outcomes.len())
        };
        assert_eq!(judged(&retired), (false, 0));
        assert_eq!(judged(&control), (true, 1), "control");
    }

    #[test]
    fn a_closed_environment_comes_back_by_nothing() {
        let root = Minted::self_signed(ca("Client CA"));
        let credential = Minted::self_signed(ca("Server CA")).issue(server("issuer.test", &["issuer.test"]));
        let sources = sources(&[&root], &credential, &[]);
        let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&root], &credential)));
        let standing = admitted(&environment, &root.issue(client("leaf")));
        let chain = [root.issue(client("other")).der];
        let admits = || environment.judge(&ChainDigest::of(&chain), &chain, super::super::now());
        let reload = || environment.reload(&sources, &EpochOptions::default(), true);
        assert!(matches!(reload(), ReloadReport::Installed { to: 2, .. }), "control");
        assert!(admits().is_ok() && standing.ask(SystemTime::now()).is_ok(), "control");

        assert_eq!(environment.close(), 1);
        assert_eq!(environment.install(epoch(3, &[&root], &credential)), 0);
        let report = reload();
        let ReloadReport::Kept { problem } = &report else { panic!("{report:?}") };
        assert!(problem.to_string().contains("no longer configured"), "{problem}");
        assert_eq!(admits().unwrap_err(), Refusal::EnvironmentClosed);
        assert!(standing.is_retired() && environment.epoch_number() == u64::MAX);
        assert_eq!(environment.close(), 0, "again");
    }

    #[test]
    fn a_connection_is_told_when_its_verdict_ends_sooner_than_it_thought() {
        let root = Minted::self_signed(ca("Client CA"));
        let credential = Minted::self_signed(ca("Server CA")).issue(server("issuer.test", &["issuer.test"]));
        let under = |number, days: &[i64]| {
            let lists: Vec<String> = days
                .iter()
                .map(|days| {
                    let this_update = time::OffsetDateTime::now_utc() - time::Duration::hours(1);
                    let next_update = this_update + time::Duration::days(*days);
                    root.crl(&rcgen::CertificateRevocationListParams { this_update, next_update, ..crl(number, &[]) })
                })
                .collect();
            epoch_with(number, &[&root], &credential, &lists)
        };
        let environment = Arc::new(TlsEnvironment::new("test", under(1, &[])));
        let standing = admitted(&environment, &root.issue(client("leaf")));
        let told = || standing.shortened().now_or_never().is_some();
        assert!(!told(), "nothing has changed");
        let mut deadline = standing.deadline();
        for (number, days, sooner) in [(2, vec![9], true), (3, vec![7], true), (4, vec![9], false), (5, vec![], false)]
        {
            assert_eq!(environment.install(under(number, &days)), 0);
            assert_eq!(standing.deadline() < deadline, sooner, "control: epoch {number}");
            deadline = standing.deadline();
            assert_eq!((told(), told()), (sooner, false), "epoch {number}");
        }
    }

    fn epoch(number: u64, anchors: &[&Minted], credential: &Minted) -> Epoch {
        epoch_with(number, anchors, credential, &[])
    }

    fn epoch_with(number: u64, anchors: &[&Minted], credential: &Minted, lists: &[String]) -> Epoch {
        let sources = sources(anchors, credential, lists);
        let bytes = sources.read().unwrap();
        let material = TlsMaterial::check(&bytes, &sources, super::super::now()).unwrap();
        Epoch::build(number, material, bytes.digest(), &EpochOptions::default()).unwrap()
    }

    fn sources(anchors: &[&Minted], credential: &Minted, lists: &[String]) -> MaterialSources {
        MaterialSources {
            client_ca: MaterialSource::inline(anchors.iter().map(|anchor| anchor.pem.as_str()).collect::<String>()),
            crl: lists.iter().map(|list| MaterialSource::inline(list.as_str())).collect(),
            revocation: RevocationMode::IfCovered,
            certificate_chain: MaterialSource::inline(credential.pem.as_str()),
            private_key: MaterialSource::inline(credential.key_pem.as_str()),
            endorsed_chain: None,
            host: None,
            anchor_rules: AnchorRules::default(),
        }
    }

    fn admitted(environment: &Arc<TlsEnvironment>, client: &Minted) -> LiveStanding {
        admitted_as(environment, client, ChainDigest::of(std::slice::from_ref(&client.der)))
    }

    fn admitted_as(environment: &Arc<TlsEnvironment>, client: &Minted, digest: ChainDigest) -> LiveStanding {
        let chain: Arc<[CertificateDer<'static>]> = Arc::new([client.der.clone()]);
        let verdict = environment.current().judge().judge(&chain, super::super::now()).unwrap();
        environment.admit(&chain, environment.epoch_number(), &Accepted { digest, verdict }).unwrap()
    }
}
