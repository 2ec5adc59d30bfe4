//! What is heard at which level, and for how long.

use tokio::sync::Mutex;
use tracing::dispatcher::set_default;

use super::*;
use crate::telemetry::json::testing::Kept;
use crate::telemetry::{Format, adjustable};

/// What is asked for of a line is remembered for the whole process, and worked out anew for its one logger; with several loggers that
/// change at once it could be what was true a moment ago.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// One line of each kind that matters here; which of them are written by the logger in use.
fn heard(kept: &Kept) -> Vec<String> {
    kept.take();
    tracing::warn!(target: "notify::inotify", "WARN notify");
    tracing::info!(target: "notify::inotify", "INFO notify");
    tracing::info!(target: "hyper", "INFO hyper");
    tracing::debug!(target: "hyper", "DEBUG hyper");
    tracing::trace!(target: "rustls", "TRACE rustls");
    tracing::debug!(target: "issuer_host::tls", "DEBUG ours");
    tracing::trace!(target: "issuer_host::tls", "TRACE ours");
    kept.lines().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

fn logger(level: &str) -> (tracing::Dispatch, LogLevel, Kept) {
    let kept = Kept::default();
    let (lines, level) = adjustable(Format::Json, level, false, kept.clone()).unwrap();
    (lines, level, kept)
}

#[test]
fn what_libraries_say_is_heard_from_its_own_level_on() {
    let _alone = ONE_AT_A_TIME.blocking_lock();
    let debug = ["WARN notify", "INFO hyper", "DEBUG ours"];
    for (level, expected) in [("error", &debug[..0]), ("warn", &debug[..1]), ("info", &debug[..2]), ("debug", &debug)] {
        let (lines, _, kept) = logger(level);
        let _in_use = set_default(&lines);
        assert_eq!(heard(&kept), expected, "{level}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_level_that_is_set_by_hand_is_ours_alone_and_ends_by_itself() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (lines, level, kept) = logger("info");
    let _in_use = set_default(&lines);
    assert_eq!(heard(&kept), ["WARN notify", "INFO hyper"], "control");
    level.set(Level::Trace, Duration::from_secs(600));
    assert_eq!(heard(&kept), ["WARN notify", "INFO hyper", "DEBUG ours", "TRACE ours"]);
    let report = level.report();
    assert_eq!((report.level.as_str(), report.configured.as_str()), ("trace", "info"));
    assert!(report.until.unwrap() > SystemTime::now());
    tokio::time::sleep(Duration::from_secs(599)).await;
    assert_eq!(level.report().level, "trace");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(heard(&kept), ["WARN notify", "INFO hyper"]);
    assert_eq!(level.report(), LevelReport { level: "info".into(), configured: "info".into(), until: None });
}

#[tokio::test(start_paused = true)]
async fn what_is_set_last_counts_and_no_earlier_end_ends_it() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (_, level, _) = logger("info");
    level.set(Level::Debug, Duration::from_secs(10));
    level.set(Level::Trace, Duration::from_secs(100));
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(level.report().level, "trace");
    level.set(Level::Info, DEFAULT_STAY);
    assert_eq!(level.report().until, None, "the configured one needs no end");
    level.set(Level::Debug, Duration::MAX);
    tokio::time::sleep(MAX_STAY + Duration::from_secs(1)).await;
    assert_eq!(level.report().level, "info", "nothing stays for ever");
}

#[tokio::test(start_paused = true)]
async fn however_often_a_level_is_set_one_end_waits_and_none_once_the_configured_one_is_back() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (_, level, _) = logger("info");
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    // What is ended is gone once the runtime has looked at it.
    let settled = async |wanted: usize| {
        for _ in 0..10_000 {
            if tasks() == wanted {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{} tasks, and not {wanted}", tasks());
    };
    for _ in 0..100 {
        level.set(Level::Debug, MAX_STAY);
        level.set(Level::Trace, MAX_STAY);
    }
    settled(before + 1).await;
    level.set(Level::Info, MAX_STAY);
    settled(before).await;
    level.set(Level::Debug, Duration::from_secs(10));
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(level.report().level, "info", "control: an end that is not ended comes");
    settled(before).await;
}

#[tokio::test(start_paused = true)]
async fn another_configuration_counts_at_once_or_after_what_was_set_by_hand() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (lines, level, kept) = logger("info");
    let _in_use = set_default(&lines);
    level.configure(Level::Warn);
    assert_eq!(heard(&kept), ["WARN notify"]);
    level.set(Level::Debug, Duration::from_secs(10));
    level.configure(Level::Error);
    assert_eq!((level.report().level.as_str(), level.report().configured.as_str()), ("debug", "error"));
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(heard(&kept).is_empty());
    assert_eq!(level.report().level, "error");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_of_at_whichever_level_can_be_heard() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (lines, level, kept) = logger("info");
    let _in_use = set_default(&lines);
    level.set(Level::Error, Duration::from_secs(10));
    level.set(Level::Debug, Duration::from_secs(10));
    tokio::time::sleep(Duration::from_secs(11)).await;
    let told: Vec<String> =
        kept.lines().iter().map(|line| format!("{} {} {}", line["event"], line["level"], line["message"])).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[2].contains("log_level_restored"), "{told:?}");
}

#[test]
fn a_filter_by_module_is_taken_and_told_as_it_is() {
    let _alone = ONE_AT_A_TIME.blocking_lock();
    let (lines, level, kept) = logger("warn,hyper=debug");
    let _in_use = set_default(&lines);
    assert_eq!(heard(&kept), ["WARN notify", "INFO hyper", "DEBUG hyper"]);
    assert_eq!(level.report().level, "warn,hyper=debug");
}
