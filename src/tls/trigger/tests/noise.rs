//! What must not trigger, and what comes in thousands.

use super::*;

#[test]
fn thousands_of_events_about_other_files_do_not_count() {
    let mut post = Post::new(&["tls.crt"], |root| fs::write(root.join("tls.crt"), "0").unwrap());
    let unrelated = post.changes_of(|post| {
        for number in 0..2_500 {
            // Made, written, renamed, removed: ten thousand events, in steps that do not overflow the kernel's queue.
            let file = post.at(&format!("other-{number}"));
            fs::write(&file, "x").unwrap();
            fs::rename(&file, post.at("renamed")).unwrap();
            fs::remove_file(post.at("renamed")).unwrap();
        }
    });
    // An overflow, on a machine that is slow enough for one, counts, and rightly so.
    assert!(unrelated <= 3, "{unrelated}");
    post.notices(|post| fs::write(post.at("tls.crt"), "1").unwrap());
}

#[test]
fn reading_the_files_does_not_count() {
    let mut post = Post::new(&["mount/tls.crt"], |root| _ = Volume::new(root.join("mount")));
    let read = post.changes_of(|post| {
        for _ in 0..100 {
            fs::read(post.at("mount/tls.crt")).unwrap();
            for entry in fs::read_dir(post.at("mount")).unwrap() {
                entry.unwrap().metadata().unwrap();
            }
        }
    });
    assert_eq!(read, 0);
    post.notices(|post| fs::write(post.at("mount/tls.crt"), "1").unwrap());
}

#[test]
fn renewing_the_watch_does_not_count() {
    let mut post = Post::new(&["mount/tls.crt"], |root| _ = Volume::new(root.join("mount")));
    post.mark();
    let before = post.changes.load(Ordering::SeqCst);
    for _ in 0..20 {
        assert!(!post.sentry.arm().changed);
    }
    post.mark();
    assert_eq!(post.changes.load(Ordering::SeqCst), before);
    post.notices(|post| fs::write(post.at("mount/tls.crt"), "1").unwrap());
}

#[test]
fn a_change_of_permissions_counts() {
    use std::os::unix::fs::PermissionsExt;
    let mut post = Post::new(&["tls.key"], |root| fs::write(root.join("tls.key"), "0").unwrap());
    post.notices(|post| fs::set_permissions(post.at("tls.key"), fs::Permissions::from_mode(0o600)).unwrap());
}

#[test]
fn lost_events_count_whatever_they_were_about() {
    let count = Arc::new(AtomicUsize::new(0));
    let kept: Arc<Mutex<Option<OnEvent>>> = Arc::default();
    let open: OpenWatcher = {
        let kept = Arc::clone(&kept);
        Arc::new(move |on_event| {
            *kept.lock().unwrap() = Some(on_event);
            Ok(Box::new(notify::NullWatcher))
        })
    };
    let root = tempfile::tempdir().unwrap();
    let counted = Arc::clone(&count);
    let mut sentry =
        Sentry::new(vec![root.path().join("tls.crt")], open, move || _ = counted.fetch_add(1, Ordering::SeqCst));
    sentry.arm();

    let on_event = kept.lock().unwrap().take().unwrap();
    on_event(Ok(notify::Event::new(notify::EventKind::Other)));
    assert_eq!(count.load(Ordering::SeqCst), 0);
    on_event(Ok(notify::Event::new(notify::EventKind::Other).set_flag(notify::event::Flag::Rescan)));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    on_event(Err(notify::Error::generic("cannot read events")));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn ten_thousand_writes_cause_a_few_triggers_and_the_last_write_is_told() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("tls.crt");
    fs::write(&file, "0").unwrap();
    let (sender, mut queue) = mpsc::channel(64);
    let _triggers = Triggers::start(TriggerOptions { watch: true, poll: None }, vec![file.clone()], sender);
    assert_eq!(next(&mut queue).await, Trigger::Watch);

    let began = Instant::now();
    let writing = {
        let file = file.clone();
        tokio::task::spawn_blocking(move || (1..=10_000).for_each(|n: u32| fs::write(&file, n.to_string()).unwrap()))
    };
    let mut triggers: u128 = 0;
    loop {
        assert_eq!(next(&mut queue).await, Trigger::Watch);
        triggers += 1;
        if fs::read_to_string(&file).unwrap() == "10000" {
            break;
        }
    }
    writing.await.unwrap();
    // 400 ms apart each, and twice as many where setting the watch again is slow.
    let most = 2 * (began.elapsed().as_millis() / 400 + 2);
    assert!(triggers <= most, "{triggers} triggers, at most {most}");
}
