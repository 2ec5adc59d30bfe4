//! What `/status` shows.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::admin::{CertificateStatus, EnvironmentStatus, Readiness, StatusReport, StatusSource};
use crate::pki::facts::CertificateFacts;
use crate::server::Environment;
use crate::server::limits::{HandshakeSlots, Permits};

/// An environment, and what only its configuration knows.
pub(super) struct Subject {
    pub(super) environment: Arc<Environment>,
    pub(super) products: Vec<String>,
}

/// A source that looks at each call.
pub(super) fn source(
    subjects: Vec<Subject>,
    permits: Permits,
    slots: HandshakeSlots,
    readiness: Readiness,
) -> StatusSource {
    let started = Instant::now();
    Arc::new(move || StatusReport {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: started.elapsed().as_secs(),
        ready: readiness.is_ready(),
        connections: permits.in_use(),
        handshakes_in_flight: slots.in_flight(),
        environments: subjects.iter().map(Subject::look).collect(),
    })
}

impl Subject {
    fn look(&self) -> EnvironmentStatus {
        let Environment { tls, metrics, .. } = self.environment.as_ref();
        let epoch = tls.current();
        EnvironmentStatus {
            name: tls.name().to_string(),
            host: tls.host().map(str::to_owned),
            products: self.products.clone(),
            epoch: epoch.number(),
            installed_at: rfc3339(epoch.installed_at()),
            anchors: epoch.judge().anchors().anchors().iter().map(|anchor| certificate(&anchor.facts)).collect(),
            server_chain: epoch.credential().facts().iter().map(certificate).collect(),
            live_connections: metrics.live_connections(),
            retired_connections: metrics.retired_connections(),
        }
    }
}

fn certificate(facts: &CertificateFacts) -> CertificateStatus {
    let not_after = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(facts.not_after.as_secs());
    CertificateStatus {
        subject: facts.subject.clone(),
        sha256: facts.sha256.to_string(),
        not_after: rfc3339(not_after),
    }
}

fn rfc3339(time: SystemTime) -> String {
    // Years past 9999 have no RFC 3339 form; X.509 ends there too.
    OffsetDateTime::from(time)
        .replace_nanosecond(0)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}
