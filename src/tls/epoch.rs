//! Epochs: installed TLS material, numbered and immutable; the unit of reload.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;

use super::judge::{ClientRules, Judge};
use super::material::{MaterialDigest, TlsMaterial};
use super::server_config;
use super::session::SessionKeys;
use crate::pki::{EndorsedChain, ServerCredential};

/// What an epoch is built with, beside its material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochOptions {
    /// What clients are judged by, beside the trust anchors.
    pub client_rules: ClientRules,
    /// How long session keys live, an hour at the most; `None` = no session is resumed.
    pub session_lifetime: Option<Duration>,
}

impl Default for EpochOptions {
    fn default() -> Self {
        Self { client_rules: ClientRules::default(), session_lifetime: Some(super::session::MAX_LIFETIME) }
    }
}

/// One installed TLS material.
#[derive(Debug)]
pub struct Epoch {
    number: u64,
    installed_at: SystemTime,
    config: Arc<ServerConfig>,
    judge: Arc<Judge>,
    sessions: Option<Arc<SessionKeys>>,
    credential: ServerCredential,
    endorsed: Option<EndorsedChain>,
    digest: MaterialDigest,
}

impl Epoch {
    /// Builds everything that a handshake needs, from nothing: no part is taken over from another epoch. `digest` is that of the bytes
    /// that `material` was made from.
    ///
    /// # Errors
    /// What rustls refuses.
    pub fn build(
        number: u64,
        material: TlsMaterial,
        digest: MaterialDigest,
        options: &EpochOptions,
    ) -> Result<Self, rustls::Error> {
        let TlsMaterial { anchors, credential, revocation, endorsed, .. } = material;
        let algorithms = server_config::provider().signature_verification_algorithms;
        let judge = Arc::new(Judge::new(anchors, revocation, options.client_rules.clone(), algorithms));
        let sessions = options.session_lifetime.map(|lifetime| Arc::new(SessionKeys::new(lifetime)));
        let config = server_config::build(&credential, Arc::clone(&judge), sessions.clone())?;
        let installed_at = SystemTime::now();
        Ok(Self { number, installed_at, config, judge, sessions, credential, endorsed, digest })
    }

    /// Counts from 1 in each environment.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was built, which is when it was installed.
    pub fn installed_at(&self) -> SystemTime {
        self.installed_at
    }

    /// Judges chains by this epoch's trust anchors.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// What the server shows.
    pub fn credential(&self) -> &ServerCredential {
        &self.credential
    }

    /// What Thales was given, and the credential was held against; `None` where that is not configured.
    pub fn endorsed(&self) -> Option<&EndorsedChain> {
        self.endorsed.as_ref()
    }

    /// Of the bytes that the material was read from.
    pub fn digest(&self) -> MaterialDigest {
        self.digest
    }

    /// Whether sessions may be resumed.
    pub fn resumes(&self) -> bool {
        self.sessions.is_some()
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// For tests of what stands behind the session keys: this epoch with those of another.
    #[cfg(test)]
    pub(super) fn with_tickets_of(mut self, other: &Self) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.ticketer = Arc::clone(&other.config.ticketer);
        self.config = Arc::new(config);
        self
    }

    /// Erases the session key when its time is up. Returns how long the present key, if any, still has.
    pub(super) fn erase_due_session_key(&self) -> Option<Duration> {
        self.sessions.as_ref().and_then(|sessions| sessions.erase_if_due())
    }

    /// The end: handshakes that still use this epoch's configuration issue and open no tickets any more.
    pub(super) fn end(&self) {
        if let Some(sessions) = &self.sessions {
            sessions.end();
        }
    }
}
