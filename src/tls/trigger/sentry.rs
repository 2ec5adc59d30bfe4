//! The system's watches: set on every hop, renewed when a hop is no longer what it was.
//!
//! A watch is on an inode: after a rename, or the swap of a link, it still looks at what was there before. So the way is followed anew
//! after each burst of events, and each watch set again, which costs nothing where it still stands.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode};
use notify::{Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::hops::{Hops, Identity};

/// How often the way is followed again within one call when it changed under our feet.
const ROUNDS: usize = 8;

/// Told each event, on a thread of the watcher's own: must be quick, and must not queue.
pub(super) type OnEvent = Box<dyn Fn(notify::Result<Event>) + Send + Sync>;

/// Opens the system's watches; each call is an inotify instance, of which there are 128 for a user by default.
pub(super) type OpenWatcher = Arc<dyn Fn(OnEvent) -> notify::Result<Box<dyn Watcher + Send>> + Send + Sync>;

/// The system's own watches.
pub(super) fn open_watcher() -> OpenWatcher {
    Arc::new(|on_event| {
        let watcher = RecommendedWatcher::new(on_event, Config::default())?;
        Ok(Box::new(watcher))
    })
}

/// What came of setting the watches.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Whether something else is watched now than before.
    pub(super) changed: bool,
    /// Whether the way kept changing while it was followed: it has to be followed again.
    pub(super) unsettled: bool,
    /// The first watch that could not be set. The others stand.
    pub(super) failure: Option<notify::Error>,
}

/// Watches the ways to a set of files.
pub(super) struct Sentry {
    files: Vec<PathBuf>,
    open: OpenWatcher,
    on_change: Arc<dyn Fn() + Send + Sync>,
    watcher: Option<Box<dyn Watcher + Send>>,
    /// What the watches were set on.
    armed: BTreeMap<PathBuf, Identity>,
    /// Whose events count, for the watcher's thread.
    hops: Arc<ArcSwap<Hops>>,
}

impl fmt::Debug for Sentry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sentry").field("files", &self.files).field("armed", &self.armed).finish_non_exhaustive()
    }
}

impl Sentry {
    /// Watches nothing until it is armed. `on_change` is called for each event that counts, by another thread.
    pub(super) fn new(files: Vec<PathBuf>, open: OpenWatcher, on_change: impl Fn() + Send + Sync + 'static) -> Self {
        let on_change = Arc::new(on_change);
        Self { files, open, on_change, watcher: None, armed: BTreeMap::new(), hops: Arc::default() }
    }

    /// Follows the ways and sets the watches. What changes after this returned is told; what changed before may not have been. Blocking.
    pub(super) fn arm(&mut self) -> Outcome {
        let before = self.armed.clone();
        let mut outcome = Outcome { unsettled: true, ..Outcome::default() };
        let mut hops = Hops::of(&self.files);
        for _ in 0..ROUNDS {
            self.hops.store(Arc::new(hops.clone()));
            // notify panics where its thread could not be started, and once more when such a watcher is dropped.
            outcome.failure = catch_unwind(AssertUnwindSafe(|| self.set(&hops))).unwrap_or_else(|_| {
                std::mem::forget(self.watcher.take());
                Some(notify::Error::generic("the watching thread has ended"))
            });
            // A watch that was set on the old way would not have seen the change to the new one.
            let now = Hops::of(&self.files);
            if now == hops {
                outcome.unsettled = false;
                break;
            }
            hops = now;
        }
        if self.watcher.is_none() {
            self.armed.clear();
        }
        outcome.changed = self.armed != before;
        outcome
    }

    fn set(&mut self, hops: &Hops) -> Option<notify::Error> {
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            None => match (self.open)(counting(Arc::clone(&self.hops), Arc::clone(&self.on_change))) {
                Ok(watcher) => self.watcher.insert(watcher),
                Err(error) => return Some(error),
            },
        };
        self.armed.retain(|path, identity| {
            let stands = hops.watches.get(path) == Some(identity);
            if !stands {
                // It may have ended with what it watched.
                let _ = watcher.unwatch(path);
            }
            stands
        });
        let mut failure = None;
        for (path, identity) in &hops.watches {
            // Those that stand too: an inode's number is given again to what replaces it, and the end of a watch on one path of a
            // directory that is mounted twice is the end of that on the other.
            match watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => _ = self.armed.insert(path.clone(), *identity),
                Err(error) => {
                    self.armed.remove(path);
                    // What is gone meanwhile is no failure: following the way once more shows where it leads now.
                    if !is_missing(&error) {
                        failure.get_or_insert(error);
                    }
                }
            }
        }
        failure
    }
}

/// Lets pass what is about the hops.
fn counting(hops: Arc<ArcSwap<Hops>>, on_change: Arc<dyn Fn() + Send + Sync>) -> OnEvent {
    Box::new(move |event| {
        let counts = match event {
            Ok(event) => event.need_rescan() || is_change(event.kind) && is_about(&event, &hops.load()),
            // Events may have been lost with it.
            Err(_) => true,
        };
        if counts {
            on_change();
        }
    })
}

/// Reading is none, or each reload would cause the next.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn is_about(event: &Event, hops: &Hops) -> bool {
    event.paths.iter().any(|path| {
        // The watched directory itself was moved or removed, or one of its names that are on the way was touched.
        hops.watches.contains_key(path)
            || path.file_name().is_some_and(|name| hops.names.contains(&OsString::from(name)))
    })
}

fn is_missing(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound | ErrorKind::WatchNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}
