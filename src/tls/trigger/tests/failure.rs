//! A system that has no watches left.

use std::fs::File;
use std::io::{self, Write};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// Keeps what this thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture() -> (Self, DefaultGuard) {
        let log = Self::default();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
        (log, tracing::subscriber::set_default(lines))
    }

    fn count(&self, words: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).matches(words).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The system's watches, for as long as they are not broken.
fn breakable() -> (OpenWatcher, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(true));
    let open: OpenWatcher = {
        let broken = Arc::clone(&broken);
        let system = sentry::open_watcher();
        Arc::new(move |on_event| {
            if broken.load(Ordering::SeqCst) {
                const EMFILE: i32 = 24;
                return Err(notify::Error::io(io::Error::from_raw_os_error(EMFILE)));
            }
            system(on_event)
        })
    };
    (open, broken)
}

#[tokio::test(start_paused = true)]
async fn without_watches_it_is_polled_with_one_warning_until_they_are_back() {
    let (log, _guard) = Log::capture();
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("tls.crt");
    let (open, broken) = breakable();
    let (sender, mut queue) = mpsc::channel(64);
    let watch_only = TriggerOptions { watch: true, poll: None };
    let triggers = Triggers::start_with(watch_only, vec![file.clone()], sender, open);

    assert_eq!(queue.recv().await, Some(Trigger::Watch));
    let began = time::Instant::now();
    for tick in 1..=5 {
        assert_eq!(queue.recv().await, Some(Trigger::Poll));
        assert_eq!(began.elapsed(), FALLBACK_POLL * tick);
    }
    // Nor is there another warning when other files are watched.
    triggers.watch(watch_only, vec![file.clone(), root.path().join("tls.key")]);
    assert_eq!(queue.recv().await, Some(Trigger::Watch));
    assert_eq!(queue.recv().await, Some(Trigger::Poll));
    assert_eq!(log.count("watch_failed"), 1);
    assert_eq!(log.count("max_user_instances"), 1);
    assert_eq!(log.count("watch_restored"), 0);

    broken.store(false, Ordering::SeqCst);
    // What changed while nothing was watched is covered.
    while queue.recv().await.unwrap() != Trigger::Watch {}
    assert_eq!(log.count("watch_restored"), 1);
    assert_eq!(log.count("watch_failed"), 1);
    // No more polls: nobody wanted them.
    let an_hour = Duration::from_secs(60 * 60);
    assert!(time::timeout(an_hour, queue.recv()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn files_and_directories_that_are_missing_are_no_failure() {
    let (log, _guard) = Log::capture();
    let root = tempfile::tempdir().unwrap();
    let (sender, mut queue) = mpsc::channel(64);
    let options = TriggerOptions { watch: true, poll: None };
    let _triggers = Triggers::start(options, vec![root.path().join("no/such/tls.crt")], sender);
    assert_eq!(queue.recv().await, Some(Trigger::Watch));
    assert!(time::timeout(FALLBACK_POLL * 3, queue.recv()).await.is_err());
    assert_eq!(log.count("watch_failed"), 0);
}

#[test]
fn a_watcher_whose_thread_has_ended_is_replaced() {
    struct Ended;
    impl Watcher for Ended {
        fn new<F: notify::EventHandler>(_: F, _: Config) -> notify::Result<Self> {
            Ok(Self)
        }
        fn watch(&mut self, _: &Path, _: notify::RecursiveMode) -> notify::Result<()> {
            // Unwinds without the message of a panic.
            std::panic::resume_unwind(Box::new("nobody listens"))
        }
        fn unwatch(&mut self, _: &Path) -> notify::Result<()> {
            Ok(())
        }
        fn kind() -> notify::WatcherKind {
            notify::WatcherKind::NullWatcher
        }
    }
    let first = AtomicBool::new(true);
    let system = sentry::open_watcher();
    let open: OpenWatcher =
        Arc::new(
            move |on_event| {
                if first.swap(false, Ordering::SeqCst) { Ok(Box::new(Ended)) } else { system(on_event) }
            },
        );
    let root = tempfile::tempdir().unwrap();
    let mut sentry = Sentry::new(vec![root.path().join("tls.crt")], open, || {});
    let outcome = sentry.arm();
    assert!(outcome.failure.is_some() && !outcome.changed);
    let outcome = sentry.arm();
    assert!(outcome.failure.is_none() && outcome.changed);
}

#[test]
fn a_process_that_has_no_descriptors_left_polls_and_watches_again_when_it_has() {
    let test = "tls::trigger::tests::failure::with_few_descriptors";
    let run = Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "uses up its process' descriptors: run by the test before it, in a process of its own"]
async fn with_few_descriptors() {
    let (log, _guard) = Log::capture();
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("tls.crt");
    let mut all = Vec::new();
    while let Ok(descriptor) = File::open("/dev/null") {
        all.push(descriptor);
    }
    let (sender, mut queue) = mpsc::channel(64);
    let options = TriggerOptions { watch: true, poll: Some(Duration::from_millis(20)) };
    let _triggers = Triggers::start(options, vec![file.clone()], sender);
    assert_eq!(next(&mut queue).await, Trigger::Watch);
    for _ in 0..3 {
        assert_eq!(next(&mut queue).await, Trigger::Poll);
    }
    assert_eq!(log.count("watch_failed"), 1);
    assert_eq!(log.count("Too many open files"), 1);

    drop(all);
    let restored = async {
        while log.count("watch_restored") == 0 {
            next(&mut queue).await;
        }
    };
    time::timeout(DEADLINE, restored).await.unwrap();
    // It was told with the line in the log: what comes after this is about the change.
    while queue.try_recv().is_ok() {}
    fs::write(&file, "1").unwrap();
    until(&mut queue, Trigger::Watch).await;
}
