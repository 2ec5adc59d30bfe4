//! The watch at work: set it, wait for a burst of events, set it again, tell.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinError;
use tokio::time::{self, Instant};
use tracing::{info, warn};

use super::sentry::{OpenWatcher, Outcome, Sentry};
use super::{Trigger, Watched, quiet, tell};
use crate::telemetry::events;

/// How long a change waits for the watch to be set again. Only a file system that hangs takes this long; then there are two triggers, since
/// the second one covers what happened meanwhile.
const PATIENCE: Duration = Duration::from_millis(100);

/// Whether the watch works. It outlives a change of what is watched, so that a failure is told of once.
#[derive(Debug, Default)]
pub(super) struct Health {
    failed: AtomicBool,
}

impl Health {
    /// Whether the poll has to stand in.
    pub(super) fn is_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Says what changed, and nothing when nothing did.
    fn note(&self, failure: Option<&notify::Error>, period: Duration) {
        let was_failed = self.failed.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_failed => {
                let path = error.paths.first().map(|path| tracing::field::display(Path::display(path)));
                warn!(
                    event = events::WATCH_FAILED,
                    %error,
                    path,
                    poll_s = period.as_secs_f64(),
                    "cannot watch files for changes; their contents are compared at each poll instead. Where a limit is reached: raise \
                     fs.inotify.max_user_instances, fs.inotify.max_user_watches or the limit of open files"
                );
            }
            None if was_failed => info!(event = events::WATCH_RESTORED, "files are watched for changes again"),
            _ => {}
        }
    }
}

/// Why the watches are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Start,
    Burst,
    Tick,
}

/// Watches until it is dropped, or for ever where no watch is wanted.
pub(super) async fn watch(watched: &Watched, health: &Health, queue: &mpsc::Sender<Trigger>, open: OpenWatcher) {
    if !watched.options.watch {
        health.failed.store(false, Ordering::Relaxed);
        return std::future::pending().await;
    }
    let period = watched.options.period();
    let events = Arc::new(Notify::new());
    let on_change = {
        let events = Arc::clone(&events);
        // A flag, not a queue: a million events take no more memory than one.
        move || events.notify_one()
    };
    let mut sentry = Sentry::new(watched.files.clone(), open, on_change);
    let mut cause = Cause::Start;
    let mut last_trigger = None;
    loop {
        let patience = (cause == Cause::Burst).then_some(PATIENCE);
        let Ok((armed, outcome)) = arm(sentry, patience, || tell(queue, Trigger::Watch)).await else {
            // The runtime is shutting down.
            return;
        };
        sentry = armed;
        health.note(outcome.failure.as_ref(), period);
        if outcome.unsettled {
            events.notify_one();
        }
        // Told after the watch stands, so that what changes after the files were read for this trigger is another event.
        if cause != Cause::Tick || outcome.changed {
            tell(queue, Trigger::Watch);
            last_trigger = Some(Instant::now());
        }
        cause = tokio::select! {
            () = events.notified() => {
                quiet::rest_of_burst(&events, last_trigger).await;
                Cause::Burst
            }
            // Where events get lost, or a directory further up was replaced, this is when it is noticed.
            () = time::sleep(period) => Cause::Tick,
        };
    }
}

/// Sets the watches, off the runtime's workers: following links waits for file systems. Calls `impatient` when that takes long.
async fn arm(
    mut sentry: Sentry,
    patience: Option<Duration>,
    impatient: impl FnOnce(),
) -> Result<(Sentry, Outcome), JoinError> {
    let mut arming = tokio::task::spawn_blocking(move || {
        let outcome = sentry.arm();
        (sentry, outcome)
    });
    if let Some(patience) = patience {
        match time::timeout(patience, &mut arming).await {
            Ok(armed) => return armed,
            Err(_) => impatient(),
        }
    }
    arming.await
}
