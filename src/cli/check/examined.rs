//! An environment with what its files hold, for the rules to look at.

use rustls_pki_types::{CertificateDer, UnixTime};

use crate::app::{self, EnvironmentOptions, SettingProblem};
use crate::pki::{CertificateFacts, EndorsedChain, ServerCredential, TrustAnchors};
use crate::settings::{EnvironmentParts, EnvironmentSettings};
use crate::tls::{MaterialError, TlsMaterial};

/// One environment. What is broken leaves the rest to be looked at.
pub(super) struct Examined<'a> {
    pub(super) parts: EnvironmentParts,
    /// Where the whole configuration could be read.
    pub(super) whole: Option<Whole<'a>>,
    /// All of the material, or everything that is wrong with it.
    pub(super) material: Result<TlsMaterial, MaterialError>,
    pub(super) anchors: Option<TrustAnchors>,
    pub(super) credential: Option<ServerCredential>,
    pub(super) endorsed: Option<EndorsedChain>,
    /// When it is looked at.
    pub(super) now: UnixTime,
}

/// An environment that can be used, material aside.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) settings: &'a EnvironmentSettings,
    pub(super) options: &'a EnvironmentOptions,
    /// Whether there is an inbox, which hands on nothing that a caller shows beside its certificate.
    pub(super) has_inbox: bool,
}

/// How the server's chain stands to what Thales was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endorsement {
    /// It leads there.
    Met,
    /// It does not, or what was given cannot be used; the material says why, and O8 tells it.
    Unmet,
    /// `endorsed_chain` is not set.
    Unset,
    /// The configuration cannot be read, and may set it.
    Unknown,
}

impl<'a> Examined<'a> {
    /// Reads everything that the environment names.
    pub(super) fn new(parts: EnvironmentParts, whole: Option<Whole<'a>>, now: UnixTime) -> Self {
        let sources = app::material_sources(&parts);
        let material = TlsMaterial::load(&sources, now);
        let read = |source: &Option<crate::settings::PemSource>| source.as_ref()?.read().ok();
        let anchors =
            read(&parts.client_ca).and_then(|pem| TrustAnchors::from_pem(&pem, &sources.anchor_rules, now).ok());
        let credential = read(&parts.certificate_chain)
            .zip(read(&parts.private_key))
            .and_then(|(chain, key)| ServerCredential::from_pem(&chain, &key, sources.host.as_deref(), now).ok());
        let endorsed = read(&parts.endorsed_chain).and_then(|pem| EndorsedChain::from_pem(&pem, now).ok());
        Self { parts, whole, material, anchors, credential, endorsed, now }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.parts.name
    }

    /// The server's chain, where key and chain are good.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        self.credential.as_ref().map(ServerCredential::chain).unwrap_or_default()
    }

    /// What the server's chain says, leaf first.
    pub(super) fn chain_facts(&self) -> &[CertificateFacts] {
        self.credential.as_ref().map(ServerCredential::facts).unwrap_or_default()
    }

    /// Whether the server's chain, where that is good, leads to what Thales was given.
    pub(super) fn endorsement(&self) -> Endorsement {
        match (&self.credential, &self.endorsed) {
            (Some(credential), Some(endorsed)) if endorsed.endorses(credential, self.now).is_ok() => Endorsement::Met,
            _ if self.parts.endorsed_chain.is_some() => Endorsement::Unmet,
            _ if self.whole.is_some() => Endorsement::Unset,
            _ => Endorsement::Unknown,
        }
    }

    /// What is wrong with the material, as the report on a configuration tells it.
    pub(super) fn material_problems(&self) -> Vec<SettingProblem> {
        let problems = self.material.as_ref().err().map(|error| error.0.as_slice()).unwrap_or_default();
        problems.iter().filter_map(|problem| app::material_problem(&self.parts, problem)).collect()
    }
}
