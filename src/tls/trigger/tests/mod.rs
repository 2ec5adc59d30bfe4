//! Triggers over real directories and real watches. Where nothing may happen, a mark that the watcher has passed shows that nothing did.

mod failure;
mod noise;
mod queue;
mod ways;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use notify::{Config, RecommendedWatcher, Watcher};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::sentry::{OnEvent, OpenWatcher, Sentry};
use super::*;

/// Longer than any machine takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits, on this thread, for what another thread is about to do.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The next trigger.
async fn next(queue: &mut mpsc::Receiver<Trigger>) -> Trigger {
    time::timeout(DEADLINE, queue.recv()).await.expect("a trigger in time").expect("an open queue")
}

/// Passes over other triggers, up to the first of this kind.
async fn until(queue: &mut mpsc::Receiver<Trigger>, wanted: Trigger) {
    let found = async { while next(queue).await != wanted {} };
    time::timeout(DEADLINE, found).await.expect("the trigger in time");
}

/// The directory of a volume as Kubernetes writes it.
struct Volume {
    mount: PathBuf,
}

impl Volume {
    fn new(mount: PathBuf) -> Self {
        fs::create_dir_all(&mount).unwrap();
        let volume = Self { mount };
        volume.swap("0");
        symlink("..data/tls.crt", volume.file()).unwrap();
        volume
    }

    fn file(&self) -> PathBuf {
        self.mount.join("tls.crt")
    }

    /// Writes a new version beside the old one, renames the link to it over the link to the old one, and removes that.
    fn swap(&self, version: &str) {
        let old = fs::read_link(self.mount.join("..data"));
        let directory = format!("..version_{version}");
        fs::create_dir(self.mount.join(&directory)).unwrap();
        fs::write(self.mount.join(&directory).join("tls.crt"), version).unwrap();
        symlink(&directory, self.mount.join("..data_tmp")).unwrap();
        fs::rename(self.mount.join("..data_tmp"), self.mount.join("..data")).unwrap();
        if let Ok(old) = old {
            fs::remove_dir_all(self.mount.join(old)).unwrap();
        }
    }
}

/// A sentry in a directory of its own, whose events are counted.
struct Post {
    root: TempDir,
    sentry: Sentry,
    changes: Arc<AtomicUsize>,
    marks: Arc<Mutex<HashSet<PathBuf>>>,
    marked: usize,
}

impl Post {
    /// Watches these files of its directory, which `prepare` fills before.
    fn new(files: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("marks")).unwrap();
        prepare(root.path());
        let marks = Arc::new(Mutex::new(HashSet::new()));
        let changes = Arc::new(AtomicUsize::new(0));
        let files = files.iter().chain(&["marks/none"]).map(|file| root.path().join(file)).collect();
        let counted = Arc::clone(&changes);
        let on_change = move || _ = counted.fetch_add(1, Ordering::SeqCst);
        let mut sentry = Sentry::new(files, marking(Arc::clone(&marks)), on_change);
        let outcome = sentry.arm();
        assert!(outcome.failure.is_none() && outcome.changed && !outcome.unsettled, "{outcome:?}");
        Self { root, sentry, changes, marks, marked: 0 }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// How many events that count came of this. All of them: events keep their order, so the mark's is the last.
    fn changes_of(&mut self, act: impl FnOnce(&Self)) -> usize {
        self.mark();
        let before = self.changes.load(Ordering::SeqCst);
        act(self);
        self.mark();
        self.changes.load(Ordering::SeqCst) - before
    }

    /// Asserts that this is noticed, and renews the watch as is done after each burst.
    #[track_caller]
    fn notices(&mut self, act: impl FnOnce(&Self)) {
        assert!(self.changes_of(act) > 0, "not noticed");
        let outcome = self.sentry.arm();
        assert!(outcome.failure.is_none(), "{outcome:?}");
    }

    fn mark(&mut self) {
        self.marked += 1;
        let mark = self.at("marks").canonicalize().unwrap().join(format!("mark-{}", self.marked));
        fs::write(&mark, "").unwrap();
        eventually("the mark's event", || self.marks.lock().unwrap().contains(&mark));
    }
}

/// The system's watches, noting the marks that they reported.
fn marking(marks: Arc<Mutex<HashSet<PathBuf>>>) -> OpenWatcher {
    Arc::new(move |on_event: OnEvent| {
        let marks = Arc::clone(&marks);
        let watcher =
            RecommendedWatcher::new(
                move |event: notify::Result<notify::Event>| {
                    let paths = event.as_ref().map_or_else(|_| Vec::new(), |event| event.paths.clone());
                    on_event(event);
                    marks.lock().unwrap().extend(paths.into_iter().filter(|path| {
                        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mark-"))
                    }));
                },
                Config::default(),
            )?;
        Ok(Box::new(watcher))
    })
}
