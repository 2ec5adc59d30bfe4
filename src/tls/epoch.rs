//! Epochs: installed TLS material, numbered and immutable; the unit of reload.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use super::judge::{ClientRules, Judge};
use super::material::TlsMaterial;
use super::server_config;
use crate::pki::ServerCredential;

/// One installed TLS material. A connection keeps the epoch that it was opened under; new connections take the current one.
#[derive(Debug)]
pub struct Epoch {
    number: u64,
    installed_at: SystemTime,
    config: Arc<ServerConfig>,
    judge: Arc<Judge>,
    credential: ServerCredential,
}

impl Epoch {
    /// Builds everything that a handshake needs, from nothing: no part is taken over from another epoch.
    ///
    /// # Errors
    /// What rustls refuses.
    pub fn build(number: u64, material: TlsMaterial, rules: ClientRules) -> Result<Self, rustls::Error> {
        let algorithms = server_config::provider().signature_verification_algorithms;
        let judge = Arc::new(Judge::new(material.anchors, material.revocation, rules, algorithms));
        let config = server_config::build(&material.credential, Arc::clone(&judge))?;
        Ok(Self { number, installed_at: SystemTime::now(), config, judge, credential: material.credential })
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

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

/// The TLS side of an environment: its name, its host and its current epoch.
#[derive(Debug)]
pub struct TlsEnvironment {
    name: Arc<str>,
    host: Option<String>,
    epoch: ArcSwap<Epoch>,
}

impl TlsEnvironment {
    /// An environment with its first epoch. `host` is a DNS name in lower case without a trailing dot.
    pub fn new(name: &str, host: Option<String>, first: Epoch) -> Self {
        Self { name: name.into(), host, epoch: ArcSwap::from_pointee(first) }
    }

    /// The environment's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// `ISSUER_HOST`, where one is configured.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The epoch that a new connection is judged by.
    pub fn current(&self) -> Arc<Epoch> {
        self.epoch.load_full()
    }
}
