//! What `/status` shows.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use rustls_pki_types::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::measure;
use super::member::{LastReload, Member};
use super::report::ConfigurationReload;
use super::serving::Serving;
use crate::admin::{
    BackendStatus, CertificateStatus, ConfigurationStatus, DestinationStatus, EnvironmentStatus, FailureStatus,
    InboxStatus, Readiness, ReloadStatus, RevocationListStatus, SecondKeyStatus, StatusReport,
};
use crate::auth::ApiKeys;
use crate::auth::token_endpoint::TokenEndpoint;
use crate::handler::Handler;
use crate::http::Interpreter;
use crate::inbox::{Inbox, delivery};
use crate::metrics::{BackendMetrics, RecentTrouble};
use crate::outgoing::ShownChain;
use crate::pki::facts::CertificateFacts;
use crate::pki::{EndorsedChain, RevocationList};
use crate::server::Environment;
use crate::server::limits::{HandshakeSlots, Permits};
use crate::tls::{Epoch, MaterialSource, MaterialSources, now};

/// What is shown, as of the last reload; connections and epochs are looked at when it is read. Cheap to clone.
#[derive(Clone)]
pub(super) struct StatusBoard {
    started: Instant,
    readiness: Readiness,
    permits: Permits,
    slots: HandshakeSlots,
    inbox: Option<Inbox>,
    shown: Arc<ArcSwap<Shown>>,
}

struct Shown {
    configuration: Option<ConfigurationStatus>,
    subjects: Vec<Subject>,
}

/// An environment, and what only its configuration knows.
struct Subject {
    environment: Arc<Environment>,
    host: Option<String>,
    products: Vec<String>,
    interpreter: Option<Arc<Interpreter>>,
    token_endpoint: Option<Arc<TokenEndpoint>>,
    backends: Vec<Backend>,
    /// What the epoch in force was made from.
    sources: MaterialSources,
    last: LastReload,
}

impl StatusBoard {
    pub(super) fn new(serving: &Serving, readiness: Readiness) -> Self {
        let shown = Shown { configuration: None, subjects: subjects(serving) };
        Self {
            started: Instant::now(),
            readiness,
            permits: serving.permits.clone(),
            slots: serving.slots.clone(),
            inbox: serving.inbox.as_ref().map(|kept| kept.inbox.clone()),
            shown: Arc::new(ArcSwap::from_pointee(shown)),
        }
    }

    /// What a reload left.
    pub(super) fn show(&self, serving: &Serving, configuration: Option<&ConfigurationReload>) {
        let at = rfc3339(SystemTime::now());
        let configuration = configuration.map(|reload| {
            let problem = reload.problem().map(str::to_owned);
            let before = self.shown.load().configuration.as_ref().and_then(|before| before.since.clone());
            ConfigurationStatus {
                since: problem.as_ref().map(|_| before.unwrap_or_else(|| at.clone())),
                at,
                problem,
                applied: reload.needs_restart().is_some(),
                needs_restart: reload.needs_restart().into_iter().flatten().cloned().collect(),
            }
        });
        self.shown.store(Arc::new(Shown { configuration, subjects: subjects(serving) }));
    }

    /// As it is now.
    pub(super) fn look(&self) -> StatusReport {
        let shown = self.shown.load();
        StatusReport {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.started.elapsed().as_secs(),
            ready: self.readiness.is_ready(),
            connections: self.permits.in_use(),
            connections_limit: self.permits.total(),
            handshakes_in_flight: self.slots.in_flight(),
            configuration: shown.configuration.clone(),
            environments: shown.subjects.iter().map(Subject::look).collect(),
            inbox: self.inbox.as_ref().map(inbox),
        }
    }
}

fn subjects(serving: &Serving) -> Vec<Subject> {
    let mut subjects: Vec<_> = serving.members.iter().map(Subject::of).collect();
    subjects.sort_by(|one, other| one.environment.tls.name().cmp(other.environment.tls.name()));
    subjects
}

impl Subject {
    fn of(member: &Member) -> Self {
        Self {
            environment: Arc::clone(&member.environment),
            host: member.options.host(),
            products: member.options.products.clone(),
            interpreter: member.options.interpreter.clone(),
            token_endpoint: member.options.others.as_ref().and_then(|others| others.token_endpoint.clone()),
            backends: backends(member),
            sources: member.sources().clone(),
            last: member.last.clone(),
        }
    }

    fn look(&self) -> EnvironmentStatus {
        let Environment { tls, metrics, .. } = self.environment.as_ref();
        let epoch = tls.current();
        let revocation = epoch.judge().revocation();
        let now = now();
        let options = self.interpreter.as_deref().map(Interpreter::options);
        let (client_ca, chain) = (self.sources.client_ca.file(), self.sources.certificate_chain.file());
        EnvironmentStatus {
            name: tls.name().to_string(),
            host: self.host.clone(),
            products: self.products.clone(),
            operations: options.map_or(0, |options| options.routes.operations().len()),
            api_keys: options.and_then(|options| options.api_keys.as_ref()).map(api_keys).unwrap_or_default(),
            client_secrets: self.token_endpoint.as_deref().map(client_secrets).unwrap_or_default(),
            token_keys: options
                .and_then(|options| options.tokens.as_ref())
                .map(|tokens| tokens.key_ids(SystemTime::now())),
            epoch: epoch.number(),
            installed_at: rfc3339(epoch.installed_at()),
            anchors: epoch
                .judge()
                .anchors()
                .anchors()
                .iter()
                .map(|anchor| certificate(&anchor.facts, client_ca))
                .collect(),
            revocation: revocation.mode.as_str(),
            crls: revocation.lists.lists().iter().map(|list| crl(list, &self.sources.crl, now)).collect(),
            server_chain: epoch.credential().facts().iter().map(|facts| certificate(facts, chain)).collect(),
            endorsed: epoch.endorsed().is_some(),
            endorsed_chain: endorsed(&epoch, self.sources.endorsed_chain.as_ref()),
            resumption: epoch.resumes(),
            backends: self.backends.iter().map(backend).collect(),
            last_reload: ReloadStatus {
                at: rfc3339(self.last.at),
                since: self.last.failing_since.map(rfc3339),
                trigger: self.last.trigger.map_or("start", |trigger| trigger.as_str()),
                outcome: self.last.outcome.label(),
                problem: self.last.problem.clone(),
            },
            live_connections: metrics.live_connections(),
            live_connections_by_epoch: tls.live_by_epoch(),
            retired_connections: metrics.retired_connections(),
        }
    }
}

/// A backend: what it is, and what is counted of it.
struct Backend {
    name: String,
    address: String,
    shown: ShownChain,
    metrics: BackendMetrics,
}

fn backends(member: &Member) -> Vec<Backend> {
    let metrics = &member.environment.metrics;
    let known = |(name, handler): (&str, &Handler)| {
        let (address, shown) = (handler.address()?, handler.shown()?.clone());
        Some(Backend { name: name.to_owned(), address, shown, metrics: metrics.backend(name) })
    };
    measure::backends(&member.options).filter_map(known).collect()
}

fn backend(Backend { name, address, shown, metrics }: &Backend) -> BackendStatus {
    let failure = |failure: RecentTrouble| FailureStatus {
        at: rfc3339(failure.last),
        reason: failure.trouble.reason,
        words: failure.words,
    };
    BackendStatus {
        name: name.clone(),
        address: address.clone(),
        client_certificate: shown.facts.iter().map(|facts| certificate(facts, shown.file.as_deref())).collect(),
        in_flight: metrics.in_flight(),
        last_failure: metrics.last_failure().map(failure),
    }
}

fn inbox(inbox: &Inbox) -> InboxStatus {
    let destination = |status: delivery::DestinationStatus| DestinationStatus {
        environment: status.key.environment,
        backend: status.key.destination,
        address: status.name,
        breaker: status.breaker.name(),
        in_flight: status.in_flight,
        last_problem: status.last_problem,
    };
    InboxStatus {
        store: inbox.store().engine(),
        sealed: inbox.seals(),
        sealing_problem: inbox.sealing_problem(),
        full: inbox.is_full(),
        destinations: inbox.deliveries().snapshot().into_iter().map(destination).collect(),
    }
}

fn api_keys(keys: &ApiKeys) -> Vec<SecondKeyStatus> {
    keys.listed().map(|(name, expires)| second_key(name.to_owned(), expires)).collect()
}

fn client_secrets(endpoint: &TokenEndpoint) -> Vec<SecondKeyStatus> {
    endpoint.secrets().map(|(client, name, expires)| second_key(format!("{client}/{name}"), expires)).collect()
}

fn second_key(name: String, expires: Option<SystemTime>) -> SecondKeyStatus {
    let expired = expires.is_some_and(|expires| expires <= SystemTime::now());
    SecondKeyStatus { name, expires: expires.map(rfc3339), expired }
}

fn certificate(facts: &CertificateFacts, file: Option<&Path>) -> CertificateStatus {
    CertificateStatus {
        subject: facts.subject.clone(),
        sha256: facts.sha256.to_string(),
        file: file.map(|file| file.display().to_string()),
        not_after: in_words(facts.not_after),
    }
}

fn endorsed(epoch: &Epoch, source: Option<&MaterialSource>) -> Vec<CertificateStatus> {
    let authorities = epoch.endorsed().map(EndorsedChain::authorities).unwrap_or_default();
    authorities.iter().map(|authority| certificate(&authority.facts, source.and_then(MaterialSource::file))).collect()
}

fn crl(list: &RevocationList, sources: &[MaterialSource], now: UnixTime) -> RevocationListStatus {
    RevocationListStatus {
        issuer: list.issuer.clone(),
        sha256: list.sha256.to_string(),
        file: measure::file_of(list, sources),
        this_update: in_words(list.this_update),
        next_update: in_words(list.next_update),
        expired: !list.is_current_at(now),
    }
}

fn in_words(time: UnixTime) -> String {
    rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs()))
}

pub(super) fn rfc3339(time: SystemTime) -> String {
    // Years past 9999 have no RFC 3339 form; X.509 ends there too.
    OffsetDateTime::from(time)
        .replace_nanosecond(0)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}
