//! Who may do what over the admin listener: the rules, which a reload may change, and the sessions that they let in.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls_pki_types::UnixTime;
use tracing::warn;

use super::audit;
use super::session::Sessions;
use crate::auth::LiveSecret;
use crate::telemetry::events;
use crate::tls::{self, AdminTls};

/// The admin listener.
#[derive(Clone, Debug)]
pub struct AdminOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may do what there.
    pub rules: AdminRules,
}

impl AdminOptions {
    /// A listener of plain HTTP without a token: on a loopback address everything is open to whoever is on this machine, elsewhere
    /// only probes and metrics are.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, rules: AdminRules::default() }
    }
}

/// Who may do what over the admin listener.
#[derive(Clone, Debug, Default)]
pub struct AdminRules {
    /// What administrators show, made by [`admin_token`](super::admin_token); `None` = there is no token.
    pub token: Option<LiveSecret>,
    /// What is spoken; `None` = plain HTTP.
    pub tls: Option<AdminTls>,
    /// Names beside those of loopback by which browsers may call a listener on a loopback address, in lower case and without port.
    pub hosts: Vec<String>,
    /// Whether `/metrics` is asked for like everything else that is protected.
    pub protected_metrics: bool,
}

/// The rules in force, which a reload may change. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AdminAccess(Arc<ArcSwap<InForce>>);

/// The rules, and the sessions that were opened under them.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) rules: AdminRules,
    pub(super) sessions: Arc<Sessions>,
}

impl AdminAccess {
    /// These rules, from now on.
    #[must_use]
    pub fn new(rules: AdminRules) -> Self {
        tell_of_expiry(rules.tls.as_ref());
        Self(Arc::new(ArcSwap::from_pointee(InForce { rules, sessions: Arc::default() })))
    }

    /// Other rules take their place. With another token, no session goes on.
    pub fn change(&self, rules: AdminRules) {
        let before = self.0.load();
        tell_of_expiry(rules.tls.as_ref().filter(|tls| before.rules.tls.as_ref() != Some(*tls)));
        let digest = |rules: &AdminRules| rules.token.as_ref().map(|token| token.digest);
        let same = digest(&before.rules) == digest(&rules);
        let sessions = if same { Arc::clone(&before.sessions) } else { Arc::default() };
        self.0.store(Arc::new(InForce { rules, sessions }));
        if !same {
            audit::closed_all(&before);
        }
    }

    /// When the certificate in force ends; `None` without TLS.
    pub(crate) fn certificate_ends(&self) -> Option<UnixTime> {
        self.0.load().rules.tls.as_ref().map(AdminTls::ends)
    }

    pub(super) fn now(&self) -> Arc<InForce> {
        self.0.load_full()
    }
}

/// A chain that has expired is told of once, when it is put in force.
fn tell_of_expiry(tls: Option<&AdminTls>) {
    if tls.is_some_and(|tls| tls.has_expired(tls::now())) {
        warn!(
            event = events::ADMIN_CERTIFICATE_EXPIRED,
            "the certificate of the admin listener has expired: put a new one into [admin.tls] certificate_chain"
        );
    }
}
