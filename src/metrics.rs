//! Counters and gauges. Labels are names from the configuration and closed lists, never anything that a peer sends.

mod admin;
mod backend;
mod door;
mod environment;
mod families;
mod held;
mod histogram;
mod labels;
mod process;
mod recent;
mod refusals;
mod registry;
mod requests;
mod series;
pub mod table;
#[cfg(test)]
mod tests;
mod tokens;
mod traces;
mod troubles;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;

pub use admin::AdminMetrics;
pub use backend::{BackendFailure, BackendMetrics, ConnectOutcome};
pub use door::{PermitMetrics, SlotMetrics};
pub use environment::EnvironmentMetrics;
pub use held::Held;
pub use labels::{CertificateKind, ReloadOutcome, SecondKeyKind, SessionKind};
pub use recent::{MINUTES, RecentMinute, RecentOperation};
pub use refusals::{REMEMBERED, Refusals, Refused, RefusedCaller};
pub(crate) use registry::Told;
pub use requests::RequestEnd;
pub(crate) use series::Series;
pub use tokens::{JwksMetrics, TokenMetrics};
pub use traces::TraceMetrics;
pub use troubles::{HOUR, RECENT, RecentTrouble, Trouble, TroubleKind, Troubles};

use crate::inbox::InboxMetrics;
use families::Families;
use labels::{EnvironmentLabels, HandshakeLabels};
use process::Process;

/// The label value where a connection ended before its environment was known.
const NO_ENVIRONMENT: &str = "";

/// All metrics of a server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    told: Arc<Mutex<Told>>,
    families: Families,
    process: Process,
    refusals: Refusals,
    /// How long the text was that was written last, in bytes.
    written: Arc<AtomicUsize>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    #[must_use]
    pub fn new() -> Self {
        let (families, process) = (Families::new(), Process::begin(SystemTime::now()));
        let mut told = Told::default();
        told.tell(table::BUILD, Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        families.tell(&mut told);
        process.tell(&mut told);
        Self {
            told: Arc::new(Mutex::new(told)),
            families,
            process,
            refusals: Refusals::default(),
            written: Arc::default(),
        }
    }

    /// What the inbox counts.
    #[must_use]
    pub fn inbox(&self) -> InboxMetrics {
        self.families.inbox.clone()
    }

    /// What is counted of traces.
    #[must_use]
    pub fn traces(&self) -> TraceMetrics {
        TraceMetrics::of(&self.families.spans)
    }

    /// Whether callers should be sent here: 1, or 0.
    #[must_use]
    pub fn ready(&self) -> Gauge {
        self.families.ready.clone()
    }

    /// What is counted of requests that are for administrators.
    #[must_use]
    pub fn admin(&self) -> AdminMetrics {
        self.families.admin.clone()
    }

    /// What the permits of connections show.
    #[must_use]
    pub fn permits(&self) -> PermitMetrics {
        self.families.permits.clone()
    }

    /// What the slots of handshakes show.
    #[must_use]
    pub fn slots(&self) -> SlotMetrics {
        self.families.slots.clone()
    }

    /// What the places of connections to the admin listener show.
    #[must_use]
    pub fn admin_slots(&self) -> SlotMetrics {
        self.families.admin_slots.clone()
    }

    /// The counters of one environment, looked up once.
    #[must_use]
    pub fn for_environment(&self, name: &str) -> EnvironmentMetrics {
        EnvironmentMetrics::new(name, &self.families)
    }

    /// A handshake ended without a verified client; `reason` is one of a closed list.
    pub fn handshake_failed(&self, environment: Option<&str>, reason: &'static str) {
        table::HANDSHAKES.expect("reason", reason);
        let environment = environment.unwrap_or(NO_ENVIRONMENT).to_owned();
        let labels = HandshakeLabels { environment, outcome: "failed", reason, tls_version: "", session: "" };
        self.families.handshakes.of(labels).inc();
    }

    /// A connection could not be accepted, for a reason that the next one would meet again.
    pub fn accept_failed(&self) {
        self.families.accept_errors.inc();
        self.families.trouble(TroubleKind::Accept, "", String::new);
    }

    /// The configuration was read: whether something of it is refused, and whether settings wait for a restart; `None` where it is
    /// refused as a whole, so that nobody knows.
    pub fn configuration_read(&self, refused: bool, needs_restart: Option<bool>) {
        self.families.configuration_refused.set(refused.into());
        if let Some(needs_restart) = needs_restart {
            self.families.configuration_needs_restart.set(needs_restart.into());
        }
    }

    /// What happened to each operation in the last hour, of the environments that there are; in the order of their names.
    #[must_use]
    pub fn recent(&self) -> Vec<RecentOperation> {
        self.families.recent(SystemTime::now())
    }

    /// What failed within the last minutes.
    #[must_use]
    pub fn troubles(&self) -> Vec<RecentTrouble> {
        self.families.troubles.recent(SystemTime::now())
    }

    /// When the keys of an environment's identity provider were fetched last; `None` = never, or there is none.
    #[must_use]
    pub fn keys_fetched(&self, environment: &str) -> Option<SystemTime> {
        let labels = EnvironmentLabels { environment: environment.to_owned() };
        let seconds = u64::try_from(self.families.tokens.last_refresh.known(&labels)?.get()).ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// When a caller of an environment was admitted last; `None` = never.
    #[must_use]
    pub fn admitted(&self, environment: &str) -> Option<SystemTime> {
        let labels = EnvironmentLabels { environment: environment.to_owned() };
        let seconds = u64::try_from(self.families.admitted.known(&labels)?.get()).ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// Open file descriptors, and how many there may be; where the system tells.
    #[must_use]
    pub fn file_descriptors(&self) -> Option<(u64, u64)> {
        self.process.look();
        self.process.file_descriptors()
    }

    /// The callers that were refused last.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// All of it, in the `OpenMetrics` text format 1.0. Reads a few small files of `/proc`. Nobody who counts waits for it.
    #[must_use]
    pub fn encode(&self) -> String {
        self.process.look();
        let mut text = String::with_capacity(self.written.load(Ordering::Relaxed) + 4096);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).encode(&mut text);
        self.written.store(text.len(), Ordering::Relaxed);
        text
    }
}

fn seconds_since_1970(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
