//! From the change of a file to the queue, and the ends of it.

use std::sync::Weak;

use super::*;

const WATCH: TriggerOptions = TriggerOptions { watch: true, poll: None };

fn polled(seconds: u64) -> TriggerOptions {
    TriggerOptions { watch: false, poll: Some(Duration::from_secs(seconds)) }
}

/// The system's watches, and for each that was opened whether it is still there.
fn observed() -> (OpenWatcher, Arc<Mutex<Vec<Weak<()>>>>) {
    let opened: Arc<Mutex<Vec<Weak<()>>>> = Arc::default();
    let open = {
        let opened = Arc::clone(&opened);
        let system = sentry::open_watcher();
        Arc::new(move |on_event: OnEvent| {
            let alive = Arc::new(());
            opened.lock().unwrap().push(Arc::downgrade(&alive));
            system(Box::new(move |event| {
                let _ = &alive;
                on_event(event);
            }))
        })
    };
    (open, opened)
}

fn is_gone(opened: &Mutex<Vec<Weak<()>>>, index: usize) -> bool {
    opened.lock().unwrap()[index].strong_count() == 0
}

#[tokio::test]
async fn a_trigger_comes_when_the_watch_stands_and_after_each_change() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("mount"));
    let (sender, mut queue) = mpsc::channel(8);
    let _triggers = Triggers::start(WATCH, vec![volume.file()], sender);
    assert_eq!(next(&mut queue).await, Trigger::Watch);
    for version in ["1", "2", "3"] {
        volume.swap(version);
        assert_eq!(next(&mut queue).await, Trigger::Watch);
        assert_eq!(fs::read_to_string(volume.file()).unwrap(), version);
        // In a directory that was not there when the watch began: noticed only by one that was set again after the swap.
        fs::write(volume.file(), "in place").unwrap();
        assert_eq!(next(&mut queue).await, Trigger::Watch);
    }
}

#[tokio::test]
async fn a_full_queue_holds_nobody_up() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("tls.crt");
    let (sender, mut queue) = mpsc::channel(1);
    sender.try_send(Trigger::Admin).unwrap();
    let (open, opened) = observed();
    let options = TriggerOptions { watch: true, poll: Some(Duration::from_millis(10)) };
    let triggers = Triggers::start_with(options, vec![file.clone()], sender, open);
    while opened.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(next(&mut queue).await, Trigger::Admin);
    fs::write(&file, "1").unwrap();
    until(&mut queue, Trigger::Watch).await;
    drop(triggers);
}

#[tokio::test(start_paused = true)]
async fn the_poll_ticks_at_its_interval() {
    let (sender, mut queue) = mpsc::channel(8);
    let triggers = Triggers::start(polled(10), Vec::new(), sender);
    let began = time::Instant::now();
    for tick in 1..=3 {
        assert_eq!(queue.recv().await, Some(Trigger::Poll));
        assert_eq!(began.elapsed().as_secs(), 10 * tick);
    }
    triggers.watch(polled(60), Vec::new());
    assert_eq!(queue.recv().await, Some(Trigger::Poll));
    assert_eq!(began.elapsed().as_secs(), 30 + 60);
}

#[tokio::test(start_paused = true)]
async fn what_is_off_does_not_trigger() {
    let (sender, mut queue) = mpsc::channel(8);
    let triggers = Triggers::start(TriggerOptions { watch: false, poll: None }, Vec::new(), sender);
    let a_day = Duration::from_secs(24 * 60 * 60);
    assert!(time::timeout(a_day, queue.recv()).await.is_err());
    triggers.watch(polled(10), Vec::new());
    assert_eq!(queue.recv().await, Some(Trigger::Poll));
}

#[tokio::test(start_paused = true)]
async fn intervals_at_the_ends_of_the_scale_do_no_harm() {
    let (sender, mut queue) = mpsc::channel(8);
    let triggers = Triggers::start(TriggerOptions { watch: false, poll: Some(Duration::MAX) }, Vec::new(), sender);
    assert!(time::timeout(Duration::from_secs(3600), queue.recv()).await.is_err());
    triggers.watch(polled(0), Vec::new());
    let began = time::Instant::now();
    assert_eq!(queue.recv().await, Some(Trigger::Poll));
    assert_eq!(began.elapsed(), SHORTEST_POLL);
}

#[tokio::test]
async fn other_files_replace_those_that_were_watched() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (sender, mut queue) = mpsc::channel(8);
    let (open, opened) = observed();
    let triggers = Triggers::start_with(WATCH, vec![first.path().join("tls.crt")], sender, open);
    assert_eq!(next(&mut queue).await, Trigger::Watch);

    triggers.watch(WATCH, vec![second.path().join("tls.crt")]);
    assert_eq!(next(&mut queue).await, Trigger::Watch);
    eventually("the first watch ends", || is_gone(&opened, 0));

    fs::write(second.path().join("tls.crt"), "1").unwrap();
    assert_eq!(next(&mut queue).await, Trigger::Watch);
}

#[tokio::test]
async fn the_same_files_again_leave_the_watch_alone() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("tls.crt");
    let (sender, mut queue) = mpsc::channel(8);
    let (open, opened) = observed();
    let triggers = Triggers::start_with(WATCH, vec![file.clone()], sender, open);
    assert_eq!(next(&mut queue).await, Trigger::Watch);
    triggers.watch(WATCH, vec![file.clone()]);
    fs::write(&file, "1").unwrap();
    assert_eq!(next(&mut queue).await, Trigger::Watch);
    assert_eq!(opened.lock().unwrap().len(), 1);
    // The control: other options are another watch.
    triggers.watch(TriggerOptions::default(), vec![file.clone()]);
    while opened.lock().unwrap().len() < 2 {
        next(&mut queue).await;
    }
}

#[tokio::test]
async fn dropping_the_triggers_ends_the_queue_and_the_watch() {
    let root = tempfile::tempdir().unwrap();
    let (sender, mut queue) = mpsc::channel(8);
    let (open, opened) = observed();
    let triggers = Triggers::start_with(TriggerOptions::default(), vec![root.path().join("tls.crt")], sender, open);
    assert_eq!(next(&mut queue).await, Trigger::Watch);
    assert!(!is_gone(&opened, 0));
    drop(triggers);
    assert_eq!(time::timeout(DEADLINE, queue.recv()).await.unwrap(), None);
    eventually("the watch ends", || is_gone(&opened, 0));
}

#[tokio::test]
async fn dropping_the_receiver_ends_the_watch() {
    let root = tempfile::tempdir().unwrap();
    let (sender, mut queue) = mpsc::channel(8);
    let (open, opened) = observed();
    let _triggers = Triggers::start_with(WATCH, vec![root.path().join("tls.crt")], sender, open);
    assert_eq!(next(&mut queue).await, Trigger::Watch);
    drop(queue);
    let gone = async {
        while !is_gone(&opened, 0) {
            time::sleep(Duration::from_millis(2)).await;
        }
    };
    time::timeout(DEADLINE, gone).await.unwrap();
}

#[test]
fn triggers_have_the_same_names_everywhere() {
    for trigger in [Trigger::Watch, Trigger::Poll, Trigger::Signal, Trigger::Admin, Trigger::Call] {
        assert_eq!(serde_json::to_value(trigger).unwrap(), trigger.to_string());
        assert_eq!(trigger.as_str(), trigger.to_string());
    }
}
