//! What asks for a reload: events of directories, a timer, a signal or a person; all end in one queue.
//!
//! A trigger is a hint and no more. Its receiver reads every file and compares contents, so one too many costs a few reads, and one too
//! few is what this module must never cause.

mod hops;
mod quiet;
mod sentry;
#[cfg(test)]
mod tests;
mod watching;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time;

use sentry::OpenWatcher;
use watching::Health;

/// How often contents are compared when the poll is off but the watch does not work, and how often a watch is renewed when the poll is off.
const FALLBACK_POLL: Duration = Duration::from_secs(30);

/// The shortest poll: an interval of nothing would be a busy loop.
const SHORTEST_POLL: Duration = Duration::from_millis(10);

/// What asked for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A file, or a link on the way to one, may have changed.
    Watch,
    /// Time to compare contents: bind mounts, overlays and network file systems report no events.
    Poll,
    /// SIGHUP.
    Signal,
    /// The admin listener was asked to.
    Admin,
    /// The embedding program called.
    Call,
}

impl Trigger {
    /// Its name in logs, metrics and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Poll => "poll",
            Self::Signal => "signal",
            Self::Admin => "admin",
            Self::Call => "call",
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which triggers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerOptions {
    /// Whether events of the files' directories trigger.
    pub watch: bool,
    /// The interval at which contents are compared, at least 10 ms; `None` turns the poll off.
    pub poll: Option<Duration>,
}

impl Default for TriggerOptions {
    fn default() -> Self {
        Self { watch: true, poll: Some(Duration::from_secs(30)) }
    }
}

impl TriggerOptions {
    /// The interval of polls, and of renewing the watch.
    fn period(self) -> Duration {
        self.poll.unwrap_or(FALLBACK_POLL).max(SHORTEST_POLL)
    }
}

/// What is watched, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Watched {
    options: TriggerOptions,
    files: Vec<PathBuf>,
}

/// The watch and the poll, at work. Dropping it ends both.
#[derive(Debug)]
pub struct Triggers {
    watched: watch::Sender<Watched>,
}

impl Triggers {
    /// Watches the files' directories and polls, and tells `queue` when something may have changed.
    ///
    /// Nothing is sent while `queue` is full: a reload is due then anyway. Once the watch stands, one [`Trigger::Watch`] covers what
    /// changed between the reading of the files and that moment. Relative paths are taken from the current directory.
    ///
    /// Must be called within a tokio runtime.
    pub fn start(options: TriggerOptions, files: Vec<PathBuf>, queue: mpsc::Sender<Trigger>) -> Self {
        Self::start_with(options, files, queue, sentry::open_watcher())
    }

    /// As [`Triggers::start`], with the given way to the system's watches.
    fn start_with(
        options: TriggerOptions,
        files: Vec<PathBuf>,
        queue: mpsc::Sender<Trigger>,
        open: OpenWatcher,
    ) -> Self {
        let (watched, changes) = watch::channel(Watched { options, files });
        tokio::spawn(run(changes, queue, open));
        Self { watched }
    }

    /// Other files or options (the configuration was reloaded): replaces what is watched, and again triggers once when the new watch
    /// stands. What is watched already is left alone, so that a reload which ends in this call does not cause the next one.
    pub fn watch(&self, options: TriggerOptions, files: Vec<PathBuf>) {
        let watched = Watched { options, files };
        self.watched.send_if_modified(|current| {
            let differs = *current != watched;
            if differs {
                *current = watched;
            }
            differs
        });
    }
}

/// Ends when either end of it is gone: the [`Triggers`], or the receiver.
async fn run(mut changes: watch::Receiver<Watched>, queue: mpsc::Sender<Trigger>, open: OpenWatcher) {
    let health = Health::default();
    loop {
        let watched = changes.borrow_and_update().clone();
        let work = async {
            tokio::join!(
                poll(watched.options, &health, &queue),
                watching::watch(&watched, &health, &queue, OpenWatcher::clone(&open)),
            )
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = queue.closed() => return,
            _ = work => return,
        }
    }
}

/// Ticks for as long as it is polled; while the watch does not work, whether the poll is wanted or not.
///
/// It does not wait for the watch to be renewed: a network file system that hangs must not stop the poll of all other files.
async fn poll(options: TriggerOptions, health: &Health, queue: &mpsc::Sender<Trigger>) {
    if options.poll.is_none() && !options.watch {
        return std::future::pending().await;
    }
    loop {
        // Not an `Interval`, which panics on what is too far in the future.
        time::sleep(options.period()).await;
        if options.poll.is_some() || health.is_failed() {
            tell(queue, Trigger::Poll);
        }
    }
}

/// Never waits: while the queue is full a reload is due anyway, and one that is closed ends the task.
fn tell(queue: &mpsc::Sender<Trigger>, trigger: Trigger) {
    let _ = queue.try_send(trigger);
}
