//! What tests of the console look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::ConsoleSources;
use super::health::Health;
use super::look::{InboxSeen, Seen};
use super::seen::{CallsSeen, RefusalSeen, SlotSeen};
use crate::admin::{
    BackendStatus, CertificateStatus, DestinationStatus, EnvironmentStatus, InboxStatus, Readiness, ReloadStatus,
    RevocationListStatus, SecondKeyStatus, StatusReport,
};

/// When tests look.
pub(super) const NOW: OffsetDateTime = datetime!(2026-11-23 10:00 UTC);

/// One with something of each kind: a key that has ended, a server certificate and a CA that end soon.
pub(super) fn environment(name: &str) -> EnvironmentStatus {
    EnvironmentStatus {
        name: name.to_owned(),
        host: Some("tsh-pp.bank.example".into()),
        products: vec!["tsh".into(), "d1".into()],
        operations: 40,
        api_keys: vec![SecondKeyStatus {
            name: "main".into(),
            expires: Some("2026-11-22T09:00:00Z".into()),
            expired: true,
        }],
        client_secrets: Vec::new(),
        token_keys: None,
        epoch: 3,
        installed_at: "2026-11-23T09:00:00Z".into(),
        anchors: vec![certificate("CN=Thales Client CA", "2027-02-20T11:00:00Z")],
        revocation: "if-covered",
        crls: vec![RevocationListStatus {
            issuer: "CN=Thales Client CA".into(),
            sha256: "cc".repeat(32),
            file: Some("tls/thales.crl".into()),
            this_update: "2026-11-22T18:00:00Z".into(),
            next_update: "2026-11-24T06:00:00Z".into(),
            expired: false,
        }],
        server_chain: vec![
            certificate("CN=tsh-pp.bank.example", "2026-12-13T11:00:00Z"),
            certificate("CN=Bank Issuing CA", "2032-05-15T11:00:00Z"),
        ],
        endorsed: false,
        endorsed_chain: Vec::new(),
        resumption: true,
        backends: vec![BackendStatus {
            name: String::new(),
            address: "http://127.0.0.1:8080".into(),
            client_certificate: Vec::new(),
            in_flight: 0,
            last_failure: None,
        }],
        last_reload: ReloadStatus {
            at: "2026-11-23T09:00:00Z".into(),
            since: None,
            trigger: "watch",
            outcome: "installed",
            problem: None,
        },
        live_connections: 7,
        live_connections_by_epoch: BTreeMap::from([(2, 1), (3, 6)]),
        retired_connections: 1,
    }
}

/// One of which nothing has to be said.
pub(super) fn quiet_environment(name: &str) -> EnvironmentStatus {
    let mut environment = environment(name);
    environment.api_keys.clear();
    environment.crls[0].next_update = "2026-12-22T18:00:00Z".into();
    for certificate in environment.anchors.iter_mut().chain(&mut environment.server_chain) {
        certificate.not_after = "2036-01-01T00:00:00Z".into();
    }
    environment
}

pub(super) fn certificate(subject: &str, not_after: &str) -> CertificateStatus {
    CertificateStatus {
        subject: subject.into(),
        sha256: "ab".repeat(32),
        file: Some("tls/chain.pem".into()),
        not_after: not_after.into(),
    }
}

/// A server of which nothing has to be said.
pub(super) fn quiet() -> Seen {
    let status = StatusReport {
        version: "1.2.3",
        uptime_seconds: 274_000,
        ready: true,
        connections: 8,
        connections_limit: 10_000,
        handshakes_in_flight: 1,
        configuration: None,
        environments: vec![quiet_environment("preprod")],
        inbox: None,
    };
    let (health, refusals, calls) = (Health::default(), Vec::new(), Vec::new());
    Seen { now: NOW, readiness: "ready", status, health, refusals, calls, inbox: None }
}

/// The same with an inbox, and these dead letters.
pub(super) fn with_inbox(held: InboxSeen) -> Seen {
    let mut seen = quiet();
    let destination = DestinationStatus {
        environment: "preprod".into(),
        backend: String::new(),
        address: "http://127.0.0.1:8080".into(),
        breaker: "closed",
        in_flight: 0,
        last_problem: None,
    };
    seen.status.inbox = Some(InboxStatus {
        store: "sqlite",
        sealed: true,
        sealing_problem: None,
        full: false,
        destinations: vec![destination],
    });
    seen.inbox = Some(Arc::new(held));
    seen
}

/// A caller with a certificate of the client CA that was refused so many minutes ago.
pub(super) fn refusal(minutes: i64, subject: &str) -> RefusalSeen {
    RefusalSeen {
        at: NOW - time::Duration::minutes(minutes),
        times: 1,
        environment: "preprod".into(),
        reason: "expired",
        subject: Some(subject.to_owned()),
        sha256: Some("ef".repeat(32)),
        address: "192.0.2.7".into(),
        of_client_ca: true,
        retired: false,
    }
}

/// The same of a stranger, with a certificate of his own.
pub(super) fn stranger(minutes: i64, subject: &str) -> RefusalSeen {
    RefusalSeen { reason: "unknown_issuer", of_client_ca: false, ..refusal(minutes, subject) }
}

/// Calls of one operation within the last minute.
pub(super) fn calls(operation: &str, succeeded: u64, failed: u64) -> CallsSeen {
    let slot = SlotSeen { succeeded, failed, p99: Some(Duration::from_millis(12)), ..SlotSeen::default() };
    CallsSeen {
        environment: "preprod".into(),
        product: "d1".into(),
        operation: operation.to_owned(),
        slots: vec![slot],
        p99: slot.p99,
        p99_lately: slot.p99,
    }
}

/// What tells the console of `seen`, whatever that is by then.
pub(super) fn sources(seen: &Arc<Mutex<Seen>>) -> ConsoleSources {
    let readiness = Readiness::default();
    readiness.ready();
    let (status, calls, refusals, health) = (Arc::clone(seen), Arc::clone(seen), Arc::clone(seen), Arc::clone(seen));
    ConsoleSources {
        readiness,
        status: Arc::new(move || status.lock().unwrap().status.clone()),
        calls: Arc::new(move || calls.lock().unwrap().calls.clone()),
        refusals: Arc::new(move || refusals.lock().unwrap().refusals.clone()),
        health: Arc::new(move |_| health.lock().unwrap().health.clone()),
        inbox: None,
    }
}
