//! The composition root: options in, running servers out. Nothing else knows everything.

mod from_settings;
mod inbox;
mod life;
mod measure;
mod member;
mod opening;
mod options;
mod probes;
mod reload;
mod report;
mod serving;
mod start;
mod status;
mod upkeep;

pub use from_settings::{SettingProblem, SettingProblems};
pub(crate) use from_settings::{material_problem, material_sources, problems_of, product_paths};
pub use inbox::{InboxError, InboxSetup, StoreOptions};
pub use life::{Observer, Phase};
pub use opening::StartProgress;
pub use options::{AppOptions, EnvironmentOptions, ServerOptions};
pub use reload::{ConfigurationSource, Configured, Reloader, ServerEnded};
pub use report::{ConfigurationReload, EnvironmentReload, Membership, Refused, Reload};
pub use start::{EnvironmentProblem, StartError};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::admin::Readiness;
use crate::server::{self, Door, Drained, LAST_REQUEST, Listener, PassedSockets, Pulse, Shutdown, Workers};
use crate::telemetry::events;
use crate::traces::Traces;

use life::Life;
use probes::Probes;
use reload::Reloading;

/// What deliveries that are under way at the end are given to finish.
const LAST_DELIVERIES: Duration = Duration::from_secs(5);
/// What spans are given to reach their collector at the end.
const LAST_SPANS: Duration = Duration::from_secs(2);
/// What a reload that is under way at the end is given to finish: many times what it takes.
const LAST_RELOAD: Duration = Duration::from_secs(2);

/// A server whose ports are bound and whose environments all have their first epoch; it takes connections once it runs.
#[derive(Debug)]
pub struct App {
    doors: Vec<(Listener, Arc<Door>)>,
    probes: Option<Probes>,
    readiness: Readiness,
    shutdown: Shutdown,
    reloading: Reloading,
    reloader: Reloader,
    life: Life,
    observer: Observer,
    traces: Option<Traces>,
    workers: Workers,
}

impl App {
    /// Checks everything, then binds everything. Nothing is bound when anything of an environment is wrong. From then on the admin
    /// listener answers probes, and callers are not taken before it [runs](Self::run).
    ///
    /// # Errors
    /// [`StartError`]: all problems of all environments, the address that cannot be bound, or the inbox that cannot be opened.
    pub async fn bind(options: AppOptions) -> Result<Self, StartError> {
        Self::bind_with(options, PassedSockets::default()).await
    }

    /// The same with sockets that somebody else has opened: each address that one of them is bound to is not bound again. Connections
    /// that nobody has accepted when the server ends are left to whoever listens on them next.
    ///
    /// # Errors
    /// The same; and a socket that is bound to an address that nothing is configured for.
    pub async fn bind_with(options: AppOptions, passed: PassedSockets) -> Result<Self, StartError> {
        start::bind(options, passed, None).await
    }

    /// The same for a server that nobody watches: a store of its inbox that is away, full or in use is waited for, with probes answered
    /// meanwhile, until this is dropped. `told` hears how far it is, [`StartProgress::Opening`] once and first.
    ///
    /// # Errors
    /// The same; of the inbox, only what no waiting mends.
    pub async fn bind_patiently(
        options: AppOptions,
        passed: PassedSockets,
        mut told: impl FnMut(StartProgress) + Send,
    ) -> Result<Self, StartError> {
        start::bind(options, passed, Some(&mut told)).await
    }

    /// The addresses that callers are taken on, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.doors.iter().filter_map(|(listener, _)| listener.local_addr().ok()).collect()
    }

    /// The address of the admin listener.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.probes.as_ref().map(Probes::address)
    }

    /// How the configuration is read again. Without it a reload is one of certificates, keys and revocation lists.
    #[must_use]
    pub fn with_configuration(mut self, source: ConfigurationSource) -> Self {
        self.reloading.read_from(source);
        self
    }

    /// Where connections are served, and embedded handlers run; without it, on the runtime of whoever runs the server.
    #[must_use]
    pub fn with_workers(mut self, workers: Workers) -> Self {
        self.workers = workers;
        self
    }

    /// Asks for reloads while the server runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Shows how the server is doing to whoever looks after the process.
    #[must_use]
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Takes connections until `stop` completes, then says by `/readyz` that no more should come, serves those that come all the same for
    /// the drain delay, and drains: finishes what is in flight, takes nothing new. Probes are answered to the end.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Drained {
        self.run_with_haste(stop, &Notify::new()).await
    }

    /// The same, but the drain delay ends when somebody is in `haste`; later on he is told what the end still waits for.
    pub async fn run_with_haste(mut self, stop: impl Future<Output = ()>, haste: &Notify) -> Drained {
        let inbox = self.reloading.begin_deliveries();
        let (mut loops, mut pulse) = (Vec::new(), Pulse::default());
        for (listener, door) in self.doors {
            if let Ok(address) = listener.local_addr() {
                info!(event = events::LISTENING, %address, "taking connections");
            }
            let accepting = server::accept(listener, door, self.workers.clone(), pulse.beat());
            loops.push(self.workers.accept(accepting));
        }
        self.workers.felt_by(&mut pulse);
        let reloads_end = CancellationToken::new();
        let rules = Arc::clone(&self.reloading.serving().rules);
        let reloads = tokio::spawn(self.reloading.run(reloads_end.clone()));
        self.readiness.ready();
        self.life.ready(pulse);
        info!(event = events::READY, "ready");

        stop.await;
        let (drain_delay, drain_timeout) = (rules.load().drain_delay, rules.load().drain_timeout);
        self.readiness.draining();
        self.life.enter(Phase::Stopping);
        if !drain_delay.is_zero() {
            serve_on(&self.shutdown, drain_delay, haste).await;
        }
        self.life.enter(Phase::Draining);
        self.shutdown.begin();
        for accepting in loops {
            // An accept loop ends by itself at the beginning of the drain; it has nothing to report.
            let _ = accepting.await;
        }
        let drained = drain(&self.shutdown, drain_timeout, haste).await;
        match drained {
            Drained::Completely => info!(event = events::DRAINED, "every connection ended by itself"),
            Drained::AfterCutting { connections } => {
                warn!(event = events::DRAINED, cut = connections, "time was up; open connections were cut");
            }
        }
        if let Some(inbox) = inbox {
            // Last of what serves: until here notifications came in.
            inbox.stop(LAST_DELIVERIES).await;
            info!(event = events::INBOX_CLOSED, "what is not delivered is kept");
        }
        if let Some(traces) = self.traces {
            // Nothing begins any more that they could tell of.
            traces.stop(LAST_SPANS).await;
        }
        // To the last: a connection that drains is judged like any other.
        reloads_end.cancel();
        // One that reads from a disk that does not answer is left behind: its thread cannot be stopped.
        let abandon = reloads.abort_handle();
        if tokio::time::timeout(LAST_RELOAD, reloads).await.is_err() {
            // Whoever waits for its report learns that there is none.
            abandon.abort();
            warn!(
                event = events::RELOAD_ABANDONED,
                "a reload is still waiting for its files; the end does not wait for it"
            );
        }
        if let Some(probes) = self.probes {
            probes.end().await;
        }
        drained
    }
}

/// Serves those who have not noticed yet that this server is not ready. Towards the end callers that keep their connections are told to
/// leave as well.
async fn serve_on(shutdown: &Shutdown, delay: Duration, haste: &Notify) {
    let delay_s = delay.as_secs_f64();
    info!(
        event = events::STOPPING,
        delay_s, "not ready any more; callers are served for another {delay_s} s, or until the next signal"
    );
    let farewell = LAST_REQUEST.min(delay / 2);
    let whole = async {
        tokio::time::sleep(delay - farewell).await;
        shutdown.announce();
        tokio::time::sleep(farewell).await;
    };
    tokio::select! {
        () = whole => {}
        () = haste.notified() => info!(event = events::DELAY_ENDED, "asked to stop again: the drain begins now"),
    }
}

/// Drains, and says what that waits for: at the beginning, and to whoever asks again for the end.
async fn drain(shutdown: &Shutdown, timeout: Duration, haste: &Notify) -> Drained {
    let begun = Instant::now();
    let tell = || {
        let (connections, left_s) = (shutdown.open(), timeout.saturating_sub(begun.elapsed()).as_secs());
        info!(event = events::DRAINING, connections, left_s, "finishing what is in flight; what is open then is cut");
    };
    tell();
    let drained = shutdown.drain(timeout);
    tokio::pin!(drained);
    loop {
        tokio::select! {
            drained = &mut drained => return drained,
            () = haste.notified() => tell(),
        }
    }
}
