//! What a service manager is told: `sd_notify(3)`.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{error, warn};

use crate::admin::StatusReport;
use crate::app::{Observer, Phase, StartProgress};
use crate::telemetry::events;

/// How often the status is looked at where no watchdog asks for more.
const LOOK: Duration = Duration::from_secs(30);

/// How often it is asked for more time while the server starts, and for how much.
const MORE_TIME: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(120));

/// Who has started this process and wants to hear of it: systemd, with `NotifyAccess=`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceManager {
    /// How long it waits for a sign of life.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Nothing where nobody listens.
    pub(super) fn from_environment() -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        Some(Self { watchdog: sd_notify::watchdog_enabled().filter(|watchdog| !watchdog.is_zero()) })
    }

    /// Asks for time and tells what is waited for while the server starts: until nobody says any more how far that is. Neither a database
    /// that is away nor tables that take long to be brought up to date are a start that hangs.
    pub(super) async fn wait_with(self, mut start: watch::Receiver<Option<StartProgress>>) {
        let more = || NotifyState::ExtendTimeoutUsec(u32::try_from(MORE_TIME.1.as_micros()).unwrap_or(u32::MAX));
        let mut shown = String::new();
        loop {
            let status = start.borrow_and_update().as_ref().map(|how_far| match how_far {
                StartProgress::Opening => "starting".to_owned(),
                StartProgress::Waiting(why) => format!("starting; waits for the store of the inbox: {why}"),
            });
            if let Some(status) = status {
                let news = (status != shown).then(|| status.clone());
                shown = status;
                tell(vec![more()], news).await;
            }
            tokio::select! {
                changed = start.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(MORE_TIME.0) => {}
            }
        }
    }

    /// Tells of the server until it has ended.
    pub(super) async fn accompany(self, mut server: Observer) {
        let period = self.watchdog.map_or(LOOK, |watchdog| watchdog / 2);
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut shown, mut was_alive) = (String::new(), true);
        loop {
            let mut states = Vec::new();
            tokio::select! {
                phase = server.next_phase() => match phase {
                    Some(Phase::Ready) => states.push(NotifyState::Ready),
                    Some(Phase::Stopping) => states.push(NotifyState::Stopping),
                    Some(Phase::Starting | Phase::Draining) => {}
                    None => return,
                },
                _ = ticks.tick(), if server.phase() >= Phase::Ready => {
                    let is_alive = timeout(period / 2, server.is_alive()).await.unwrap_or(false);
                    if is_alive && self.watchdog.is_some() {
                        states.push(NotifyState::Watchdog);
                    }
                    if was_alive && !is_alive {
                        error!(
                            event = events::ACCEPT_LOOP_SILENT,
                            "nobody takes connections on some address, which is a defect: the watchdog is told no more"
                        );
                    }
                    was_alive = is_alive;
                }
            }
            let status = text(&server.status(), server.phase());
            let news = (status != shown).then(|| status.clone());
            shown = status;
            if news.is_some() || !states.is_empty() {
                tell(states, news).await;
            }
        }
    }

    /// The end has come before the server was ready.
    pub(super) async fn stopping(self) {
        tell(vec![NotifyState::Stopping], Some("stopped before it was ready".to_owned())).await;
    }

    /// A reload that was asked for by SIGHUP begins: systemd waits from here to [`reloaded`](Self::reloaded).
    pub(super) async fn reloading(self) {
        // systemd tells by the time which of several reloads this is.
        let now = NotifyState::monotonic_usec_now().ok();
        tell([NotifyState::Reloading].into_iter().chain(now).collect(), None).await;
    }

    /// It has ended.
    pub(super) async fn reloaded(self, server: &Observer) {
        tell(vec![NotifyState::Ready], Some(text(&server.status(), server.phase()))).await;
    }
}

/// Sends one message. A service manager that does not read keeps a thread of the blocking pool waiting, and no connection.
async fn tell(states: Vec<NotifyState<'static>>, status: Option<String>) {
    let send = move || {
        let mut all = states;
        all.extend(status.as_deref().map(NotifyState::Status));
        sd_notify::notify(&all)
    };
    if let Ok(Err(error)) = tokio::task::spawn_blocking(send).await {
        warn!(event = events::SERVICE_MANAGER_UNREACHED, %error, "the service manager could not be told");
    }
}

/// A line for `systemctl status`.
fn text(status: &StatusReport, phase: Phase) -> String {
    let environments = status.environments.iter().map(|environment| {
        let (name, epoch) = (&environment.name, environment.epoch);
        format!("{name} (epoch {epoch})")
    });
    let environments = environments.collect::<Vec<_>>().join(", ");
    let doing = match phase {
        Phase::Starting => "starting",
        Phase::Ready => "serving",
        Phase::Stopping => "asked to stop, still serving",
        Phase::Draining => return format!("draining: {} connections", status.connections),
    };
    let refused = status.configuration.as_ref().is_some_and(|configuration| configuration.problem.is_some());
    let but = if refused { "; the configuration on disk is refused: see the log" } else { "" };
    format!("{doing} {environments}{but}")
}
