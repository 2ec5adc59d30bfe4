//! What makes the server look at its files: events, a poll, a signal; and nothing that is switched off.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::support::door::{BY_HAND, replace, write};
use crate::support::{Authority, Caller, Door, Setup, eventually};

const WATCHED: &str = "[reload]\nwatch = true\npoll = \"0s\"\n";

#[tokio::test]
async fn a_file_that_is_moved_over_the_old_one_is_taken_up() {
    let watched = Watched::open(None).await;
    let bundles = [watched.bundle(&[0]), watched.bundle(&[0, 1])];
    watched.expect_taken_up("mv", 2, 0, || replace(watched.directory(), "client-ca.pem", &bundles[0])).await;
    // Once more: the watch was on the file that is gone.
    watched.expect_taken_up("mv again", 3, 1, || replace(watched.directory(), "client-ca.pem", &bundles[1])).await;
}

#[tokio::test]
async fn a_file_that_is_written_in_place_is_taken_up() {
    let watched = Watched::open(None).await;
    for (epoch, newcomer) in [(2, 0), (3, 1)] {
        let bundle = watched.bundle(&[newcomer]);
        let written = || write(watched.directory(), "client-ca.pem", &bundle);
        watched.expect_taken_up("in place", epoch, newcomer, written).await;
    }
}

#[tokio::test]
async fn a_volume_of_kubernetes_is_taken_up_at_every_swap() {
    let arrange = |directory: &Path| {
        let volume = directory.join("volume");
        fs::create_dir_all(volume.join("..2026_01_01")).unwrap();
        for name in ["client-ca.pem", "server-chain.pem", "server-key.pem"] {
            fs::rename(directory.join(name), volume.join("..2026_01_01").join(name)).unwrap();
            symlink(Path::new("..data").join(name), volume.join(name)).unwrap();
            symlink(Path::new("volume").join(name), directory.join(name)).unwrap();
        }
        symlink("..2026_01_01", volume.join("..data")).unwrap();
    };
    let watched = Watched::open(Some(&arrange)).await;
    let volume = watched.directory().join("volume");
    for (epoch, newcomer, before, next) in
        [(2, 0, "..2026_01_01", "..2026_02_02"), (3, 1, "..2026_02_02", "..2026_03_03")]
    {
        let bundle = watched.bundle(&[newcomer]);
        let swap = || {
            fs::create_dir(volume.join(next)).unwrap();
            for name in ["server-chain.pem", "server-key.pem"] {
                fs::copy(volume.join(before).join(name), volume.join(next).join(name)).unwrap();
            }
            write(&volume.join(next), "client-ca.pem", &bundle);
            symlink(next, volume.join("..data_tmp")).unwrap();
            fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
            fs::remove_dir_all(volume.join(before)).unwrap();
        };
        watched.expect_taken_up("swap of ..data", epoch, newcomer, swap).await;
    }
}

#[tokio::test]
async fn a_file_that_is_written_through_another_hard_link_is_taken_up() {
    let elsewhere = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let other_name = elsewhere.path().join("another-name.pem");
    let arrange = |directory: &Path| {
        // In a directory of its own, on the file system where the other name can be.
        let real = elsewhere.path().join("client-ca.pem");
        fs::rename(directory.join("client-ca.pem"), &real)
            .or_else(|_| {
                fs::copy(directory.join("client-ca.pem"), &real)?;
                fs::remove_file(directory.join("client-ca.pem"))
            })
            .unwrap();
        fs::create_dir(elsewhere.path().join("unwatched")).unwrap();
        symlink(&real, directory.join("client-ca.pem")).unwrap();
    };
    let watched = Watched::open(Some(&arrange)).await;
    let other_name = other_name.with_file_name("unwatched").join("another-name.pem");
    fs::hard_link(elsewhere.path().join("client-ca.pem"), &other_name).unwrap();
    for (epoch, newcomer) in [(2, 0), (3, 1)] {
        let bundle = watched.bundle(&[newcomer]);
        watched.expect_taken_up("hard link", epoch, newcomer, || fs::write(&other_name, &bundle).unwrap()).await;
    }
}

#[tokio::test]
async fn a_poll_finds_what_no_watch_tells() {
    let watched = Watched::with("[reload]\nwatch = false\npoll = \"1s\"\n", None).await;
    let bundle = watched.bundle(&[0]);
    replace(watched.directory(), "client-ca.pem", &bundle);
    eventually("a poll to find the new CA", async || watched.door.server.epoch().await == 2).await;
    watched.expect_cause(2, "poll").await;
    watched.newcomers[0].expect_accepted("a client of the new CA").await;
}

#[tokio::test]
async fn with_watch_and_poll_off_a_signal_does_it_and_nothing_else() {
    let watched = Watched::with(BY_HAND, None).await;
    let bundle = watched.bundle(&[0]);
    replace(watched.directory(), "client-ca.pem", &bundle);
    tokio::time::sleep(Duration::from_secs(2)).await;
    for outcome in ["installed", "unchanged", "kept"] {
        assert_eq!(watched.door.server.reloads(outcome).await, 0, "{outcome}");
    }
    watched.newcomers[0].expect_refused("a client of a CA that nobody has looked at").await;
    watched.door.server.hang_up();
    eventually("the signal to be followed", async || watched.door.server.epoch().await == 2).await;
    watched.expect_cause(2, "signal").await;
    watched.newcomers[0].expect_accepted("a client of the new CA").await;
}

#[tokio::test]
async fn ten_thousand_events_in_a_second_cause_a_handful_of_reloads_and_the_last_content_counts() {
    let watched = Watched::open(None).await;
    let before = watched.all_reloads().await;
    let path = watched.directory().join("client-ca.pem");
    let bundles = [watched.bundle(&[]), watched.bundle(&[0]), watched.bundle(&[0, 1])];
    let began = Instant::now();
    let storm = tokio::task::spawn_blocking(move || {
        let file = fs::File::options().append(true).open(&path).unwrap();
        let mut events = 0_usize;
        while events < 10_000 || began.elapsed() < Duration::from_secs(1) {
            // A touch is one event at least, a write in place several: truncated, modified, closed.
            file.set_modified(SystemTime::now()).unwrap();
            if events.is_multiple_of(100) {
                fs::write(&path, &bundles[events / 100 % 2]).unwrap();
            }
            events += 1;
        }
        fs::write(&path, &bundles[2]).unwrap();
        events
    });
    let events = storm.await.unwrap();
    let elapsed = began.elapsed();
    let reloads = watched.all_reloads().await - before;
    println!("{events} events in {elapsed:?}: {reloads} reloads");
    // At most five in two seconds, and those that were under way.
    let allowance = 10.max(usize::try_from(elapsed.as_millis() / 400).unwrap() + 3);
    assert!(reloads <= allowance, "{reloads} reloads in {elapsed:?}");
    let newcomer = watched.newcomers[1].clone();
    eventually("the last content to be in force", async || newcomer.call("/last").await.is_ok()).await;
    let after = watched.all_reloads().await - before;
    assert!(after <= allowance + 5, "{after} reloads for what was over after {elapsed:?}");
    watched.door.is_unharmed().await;
}

/// A server, and two CAs that it does not know yet.
struct Watched {
    door: Door,
    others: [Authority; 2],
    newcomers: [Caller; 2],
}

impl Watched {
    /// Watches, and never polls; the watch stands.
    async fn open(arrange: Option<&(dyn Fn(&Path) + Sync)>) -> Self {
        let watched = Self::with(WATCHED, arrange).await;
        // What changed before the watch stood is looked for when it does.
        eventually("the watch to stand", async || watched.door.server.reloads("unchanged").await > 0).await;
        watched
    }

    async fn with(server: &str, arrange: Option<&(dyn Fn(&Path) + Sync)>) -> Self {
        let door = Door::with(Setup { server, arrange, ..Setup::default() }).await;
        let others = ["Second Client Root", "Third Client Root"].map(Authority::root);
        let newcomers = others.each_ref().map(|other| door.stranger().presenting(&other.client("newcomer")));
        Self { door, others, newcomers }
    }

    fn directory(&self) -> &Path {
        self.door.directory.path()
    }

    /// The client CA and these others.
    fn bundle(&self, others: &[usize]) -> String {
        let others = others.iter().map(|other| self.others[*other].pem());
        std::iter::once(self.door.pki.clients.pem()).chain(others).collect()
    }

    /// Changes the files, and expects `epoch` to be in force, with that newcomer's CA, although nobody asked for it.
    async fn expect_taken_up(&self, what: &str, epoch: u64, newcomer: usize, change: impl FnOnce()) {
        self.newcomers[newcomer].expect_refused("a client of a CA that is not there yet").await;
        let began = Instant::now();
        change();
        let changed = began.elapsed();
        eventually("the change to be taken up", async || self.door.server.epoch().await == epoch).await;
        let elapsed = began.elapsed();
        println!("{what}: done in {changed:?}, in force after {elapsed:?}");
        // A second on a machine that has nothing else to do.
        assert!(elapsed < Duration::from_secs(5), "{what}: {elapsed:?}");
        self.expect_cause(epoch, "watch").await;
        self.newcomers[newcomer].expect_accepted("a client of the new CA").await;
        self.door.honest().expect_accepted("a client of the CA that stays").await;
    }

    /// The log tells what caused the installation of `epoch`.
    async fn expect_cause(&self, epoch: u64, trigger: &str) {
        let told = || self.door.server.events("reloaded").into_iter().find(|event| event["to"] == epoch);
        eventually("the reload to be told", async || told().is_some()).await;
        assert_eq!(told().unwrap()["trigger"], trigger);
    }

    async fn all_reloads(&self) -> usize {
        let mut all = 0;
        for outcome in ["installed", "unchanged", "kept"] {
            all += self.door.server.reloads(outcome).await;
        }
        all
    }
}
