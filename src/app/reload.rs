//! Reload: three kinds of trigger, one queue, one report.

mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::options::AppOptions;
use super::report::{ConfigurationReload, Reload};
use super::serving::{Reloaded, Serving};
use super::status::{StatusBoard, rfc3339};
use super::upkeep::Upkeep;
use crate::inbox::Inbox;
use crate::telemetry::events;
use crate::tls::trigger::{Trigger, Triggers};

/// Requests that wait; a trigger that finds the queue full is told of by those before it.
const QUEUE: usize = 16;

/// How the configuration is read again.
pub struct ConfigurationSource {
    read: Box<dyn FnMut() -> Result<Configured, String> + Send>,
    files: Vec<PathBuf>,
}

/// A configuration that was read again.
#[derive(Debug)]
pub struct Configured {
    /// What the server shall be from now on; the admin listener and the inbox stay as they are where they are missing.
    pub options: AppOptions,
    /// What is wrong with what belongs to no environment.
    pub problem: Option<String>,
    /// What is wrong with environments that are not among the options although they are configured, by their names: one that runs
    /// keeps its options.
    pub refused: BTreeMap<String, String>,
    /// Keys that differ from what the server was started with and that only a start can change.
    pub needs_restart: Vec<String>,
    /// Every file that it was read from, those of certificates of environments aside.
    pub files: Vec<PathBuf>,
}

impl ConfigurationSource {
    /// `read` yields the options, or everything that is wrong, as text; it may block. `files` are those of the first reading.
    pub fn new(files: Vec<PathBuf>, read: impl FnMut() -> Result<Configured, String> + Send + 'static) -> Self {
        Self { read: Box::new(read), files }
    }
}

impl std::fmt::Debug for ConfigurationSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigurationSource").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Asks a running server for a reload. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloader(mpsc::Sender<Request>);

#[derive(Debug)]
struct Request {
    trigger: Trigger,
    answer: oneshot::Sender<Arc<Reload>>,
}

/// The server has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server has ended: nothing can be reloaded")]
pub struct ServerEnded;

impl Reloader {
    /// Reads everything again, and puts in force what is good. Completes when that is done; requests that come meanwhile share the
    /// next reload. Before [`App::run`](super::App::run) it waits.
    ///
    /// # Errors
    /// [`ServerEnded`]. What is wrong with the files is in the report.
    pub async fn reload(&self) -> Result<Arc<Reload>, ServerEnded> {
        self.reload_for(Trigger::Call).await
    }

    pub(crate) async fn reload_for(&self, trigger: Trigger) -> Result<Arc<Reload>, ServerEnded> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Request { trigger, answer }).await.map_err(|_| ServerEnded)?;
        answered.await.map_err(|_| ServerEnded)
    }
}

impl Reloader {
    /// Whether nobody takes requests any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.is_closed()
    }
}

impl std::fmt::Debug for Reloading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloading").finish_non_exhaustive()
    }
}

/// The other end: everything that a reload changes, and who asks for it.
pub(super) struct Reloading {
    requests: mpsc::Receiver<Request>,
    state: State,
}

/// What moves to a blocking thread for a reload.
pub(super) struct State {
    pub(super) serving: Serving,
    pub(super) board: StatusBoard,
    pub(super) source: Option<ConfigurationSource>,
    pub(super) upkeep: Upkeep,
    /// What has been said of the configuration already.
    said: Option<ConfigurationReload>,
}

impl Reloading {
    pub(super) fn new(serving: Serving, board: StatusBoard) -> (Self, Reloader) {
        let (sender, requests) = mpsc::channel(QUEUE);
        let state = State { serving, board, source: None, upkeep: Upkeep::default(), said: None };
        (Self { requests, state }, Reloader(sender))
    }

    pub(super) fn read_from(&mut self, source: ConfigurationSource) {
        self.state.source = Some(source);
    }

    /// Begins to deliver what the inbox holds.
    pub(super) fn begin_deliveries(&mut self) -> Option<Inbox> {
        let Serving { inbox, members, .. } = &mut self.state.serving;
        let kept = inbox.as_mut()?;
        kept.begin(members);
        Some(kept.inbox.clone())
    }

    pub(super) fn serving(&self) -> &Serving {
        &self.state.serving
    }

    /// Serves the queue until `end`.
    pub(super) async fn run(self, end: CancellationToken) {
        let Self { mut requests, mut state } = self;
        let (hint, mut hints) = mpsc::channel(1);
        let triggers = Triggers::start(state.serving.server.reload, state.files(), hint);
        loop {
            let mut waiting = Vec::new();
            let trigger = tokio::select! {
                Some(request) = requests.recv() => {
                    waiting.push(request.answer);
                    Some(request.trigger)
                }
                Some(trigger) = hints.recv() => Some(trigger),
                () = tokio::time::sleep(Upkeep::pause(&state.serving)) => None,
                () = end.cancelled() => return,
            };
            // What asked meanwhile is answered by what begins now.
            while let Ok(request) = requests.try_recv() {
                waiting.push(request.answer);
            }
            let work = move || {
                // What a reload changes it changes in one step each, so a defect in it leaves a whole server, and the next one
                // begins anew.
                let reload = catch_unwind(AssertUnwindSafe(|| {
                    state.upkeep.run(&state.serving);
                    trigger.map(|trigger| state.reload(trigger))
                }));
                (state, reload)
            };
            let reload;
            (state, reload) = match tokio::task::spawn_blocking(work).await {
                Ok((state, Ok(reload))) => (state, reload),
                Ok((state, Err(_))) => {
                    error!(
                        event = events::RELOAD_FAILED,
                        "a reload panicked, which is a defect: what is in force stays"
                    );
                    (state, None)
                }
                // The runtime is ending.
                Err(_) => return,
            };
            if let Some(reload) = reload {
                triggers.watch(state.serving.server.reload, state.files());
                let reload = Arc::new(reload);
                for answer in waiting {
                    // Whoever asked may have gone.
                    let _ = answer.send(Arc::clone(&reload));
                }
            }
        }
    }
}

impl State {
    fn files(&self) -> Vec<PathBuf> {
        let of_configuration = self.source.iter().flat_map(|source| source.files.iter().cloned());
        of_configuration.chain(self.serving.files()).collect()
    }

    fn reload(&mut self, trigger: Trigger) -> Reload {
        let (configuration, Reloaded { environments, .. }) = self.read_and_reload(trigger);
        if let Some(configuration) = &configuration {
            let needs_restart = configuration.needs_restart().map(|keys| !keys.is_empty());
            self.serving.metrics.configuration_read(configuration.problem().is_some(), needs_restart);
            self.tell(configuration, trigger);
        }
        let now = SystemTime::now();
        self.board.show(&self.serving, configuration.as_ref());
        let reload = Reload { trigger, at: rfc3339(now), configuration, environments };
        tell::ended(&reload);
        reload
    }

    /// A configuration that is not good stays what it was; the material that it names is looked at all the same.
    fn read_and_reload(&mut self, trigger: Trigger) -> (Option<ConfigurationReload>, Reloaded) {
        let Some(source) = &mut self.source else { return (None, self.serving.reload_material(trigger)) };
        let problem = match (source.read)() {
            Ok(Configured { options, problem, refused, needs_restart, files }) => {
                if refused.is_empty() && problem.is_none() {
                    source.files = files;
                } else {
                    // Files that were found before may be what is missing now.
                    source.files.extend(files);
                    source.files.sort();
                    source.files.dedup();
                }
                match self.serving.reconfigure(options, &refused, trigger) {
                    Ok(mut reloaded) => {
                        reloaded.restart.extend(needs_restart);
                        let needs_restart = std::mem::take(&mut reloaded.restart);
                        let configuration = match problem {
                            None => ConfigurationReload::Applied { needs_restart },
                            Some(problem) => ConfigurationReload::PartlyApplied { problem, needs_restart },
                        };
                        return (Some(configuration), reloaded);
                    }
                    Err(problems) => {
                        let lines = super::start::lines(&problems);
                        problem.map_or_else(|| lines.clone(), |problem| format!("{problem}\n{lines}"))
                    }
                }
            }
            Err(problem) => problem,
        };
        (Some(ConfigurationReload::Kept { problem }), self.serving.reload_material(trigger))
    }

    /// Says what is new. A poll that finds what was found before says nothing.
    fn tell(&mut self, configuration: &ConfigurationReload, trigger: Trigger) {
        let first = ConfigurationReload::Applied { needs_restart: BTreeSet::new() };
        if configuration != self.said.as_ref().unwrap_or(&first) {
            tell::configuration(configuration, trigger);
            self.said = Some(configuration.clone());
        }
    }
}
