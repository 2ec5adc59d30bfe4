//! Files that are not good while callers keep calling: the last good epoch stays, says why, and heals.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use crate::support::door::{replace, write};
use crate::support::{Authority, Door, Setup, Spec, Steady, eventually};

/// Nothing but the poll and the admin listener looks at the files.
const POLLED: &str = "[reload]\nwatch = false\npoll = \"1s\"\n";

/// One way to break a file, and a word of what is to be told about it.
struct Breakage {
    name: &'static str,
    file: &'static str,
    told: &'static str,
    done: Box<dyn Fn(&Path)>,
}

#[tokio::test]
async fn whatever_the_files_hold_the_last_good_epoch_stays_and_serves_and_heals_by_itself() {
    let door = Door::with(Setup { server: POLLED, ..Setup::default() }).await;
    let callers = callers(&door).await;
    for breakage in breakages(&door) {
        let Breakage { name, file, told, done } = breakage;
        let path = door.directory.path().join(file);
        let good = std::fs::read_to_string(&path).unwrap();
        let before = door.server.log().lines().count();

        done(&path);
        for _ in 0..3 {
            let (status, report) = door.server.try_reload().await;
            let report = &report["environments"]["preprod"];
            let problem = report["problem"].as_str().unwrap_or_default();
            assert_eq!((status, &report["outcome"]), (422, &"kept".into()), "{name}: {report}");
            assert!(problem.contains(told) && problem.contains(file), "{name}: {problem}");
        }
        expect_kept(&door, name, told).await;
        assert!(refusals_since(&door, before).values().all(|times| *times == 1), "{name}: told more than once");
        assert_eq!(refusals_since(&door, before).len(), 1, "{name}: {:?}", refusals_since(&door, before));
        for caller in &callers {
            caller.serves(1).await;
        }

        replace(door.directory.path(), file, &good);
        eventually("the epoch to be told good again", async || last_outcome(&door).await == "unchanged").await;
        assert_eq!(door.server.epoch().await, 1, "{name}");
    }
    expect_no_failure(callers).await;
    let broken = breakages(&door).len();
    assert_eq!(door.server.told("reload_healed", broken).await.len(), broken);
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_file_that_is_written_in_two_pieces_is_in_force_once_it_is_whole() {
    let door = Door::with(Setup { server: POLLED, ..Setup::default() }).await;
    let callers = callers(&door).await;
    let other = Authority::root("Other Client Root");
    let newcomer = door.stranger().presenting(&other.client("newcomer"));
    let whole = door.pki.clients.pem() + &other.pem();
    // The first CA whole, the second one not: what is there already would be good by itself.
    let (first, second) = whole.split_at(whole.len() - 100);

    let path = door.directory.path().join("client-ca.pem");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    let (status, report) = door.server.try_reload().await;
    assert_eq!(status, 422, "{report}");
    expect_kept(&door, "half a bundle", "client-ca.pem").await;
    newcomer.expect_refused("a client of the CA that is not whole yet").await;

    file.write_all(second.as_bytes()).unwrap();
    eventually("the whole bundle to be found", async || door.server.epoch().await == 2).await;
    newcomer.expect_accepted("a client of the second CA").await;
    assert_eq!(last_outcome(&door).await, "installed");
    expect_no_failure(callers).await;
}

#[tokio::test]
async fn a_problem_that_every_poll_finds_again_is_told_once() {
    let door = Door::with(Setup { server: POLLED, ..Setup::default() }).await;
    write(door.directory.path(), "client-ca.pem", "no certificate");
    eventually("three polls to find it", async || door.server.reloads("kept").await >= 3).await;
    assert_eq!(door.server.told("reload_refused", 1).await.len(), 1, "{}", door.server.log());
    assert_eq!(door.server.told("reload_refused", 1).await[0]["trigger"], "poll");
    // Another problem is news.
    write(door.directory.path(), "client-ca.pem", "");
    eventually("the other problem to be told", async || door.server.events("reload_refused").len() == 2).await;
    let told = door.server.reloads("kept").await;
    eventually("two more polls", async || door.server.reloads("kept").await >= told + 2).await;
    assert_eq!(door.server.told("reload_refused", 2).await.len(), 2, "{}", door.server.log());
    write(door.directory.path(), "client-ca.pem", &door.pki.clients.pem());
    eventually("it to heal", async || door.server.events("reload_healed").len() == 1).await;
    // What is broken anew is told anew.
    write(door.directory.path(), "client-ca.pem", "");
    eventually("the problem to be told again", async || door.server.events("reload_refused").len() == 3).await;
    door.honest().expect_accepted("an honest client").await;
}

fn breakages(door: &Door) -> Vec<Breakage> {
    let breakage = |name, file, told, done: Box<dyn Fn(&Path)>| Breakage { name, file, told, done };
    /// Replaces the file by another one, as `mv` does.
    fn by(text: impl Into<Vec<u8>>) -> Box<dyn Fn(&Path)> {
        let text = text.into();
        Box::new(move |path| {
            let next = path.with_extension("next");
            std::fs::write(&next, &text).unwrap();
            std::fs::rename(next, path).unwrap();
        })
    }
    /// Writes over the file in place, up to its middle.
    fn half() -> Box<dyn Fn(&Path)> {
        Box::new(|path| {
            let text = std::fs::read(path).unwrap();
            std::fs::write(path, &text[..text.len() / 2]).unwrap();
        })
    }
    let remove = || Box::new(|path: &Path| std::fs::remove_file(path).unwrap());
    let leaf = crate::support::pki::pem("CERTIFICATE", door.pki.honest.leaf());
    let expired = Authority::root_of(Spec::authority("Expired Root").expired()).pem();
    let stranger = Authority::root("Other Server Root").issue(Spec::server(crate::support::HOST));
    let garbage: Vec<u8> = (0..4096_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let (ca, chain, key) = ("client-ca.pem", "server-chain.pem", "server-key.pem");
    vec![
        breakage("half a CA", ca, "client_ca", half()),
        breakage("no CA", ca, "cannot be read", remove()),
        breakage("an empty CA", ca, "client_ca", by("")),
        breakage("garbage for a CA", ca, "client_ca", by(garbage)),
        breakage("a leaf for a CA", ca, "pin", by(leaf)),
        breakage("an expired CA", ca, "expired", by(expired)),
        breakage("the key of another chain", key, "private_key", by(stranger.key_pem())),
        breakage("half a key", key, "private_key", half()),
        breakage("no key", key, "cannot be read", remove()),
        breakage("half a chain", chain, "certificate_chain", half()),
        breakage("an empty chain", chain, "certificate_chain", by("")),
        breakage("the client CA for a chain", chain, "certificate_chain", by(door.pki.clients.pem())),
    ]
}

/// Callers over kept and over new connections, of both protocols, each served already.
async fn callers(door: &Door) -> Vec<Steady> {
    let callers = vec![
        Steady::keeping(door.honest().session().await.unwrap(), "/called"),
        Steady::keeping(door.honest().h2().session().await.unwrap(), "/called"),
        Steady::anew(door.honest(), "/called"),
        Steady::anew(door.honest().h2(), "/called"),
    ];
    for caller in &callers {
        caller.serves(1).await;
    }
    callers
}

async fn expect_no_failure(callers: Vec<Steady>) {
    for caller in callers {
        caller.serves(1).await;
        assert_eq!(caller.stop().await.failures, [""; 0], "an honest client lost calls");
    }
}

/// The first epoch is in force, `/readyz` is content, and `/status` tells why.
async fn expect_kept(door: &Door, name: &str, told: &str) {
    let status = door.server.status_of("preprod").await;
    let last = &status["last_reload"];
    assert_eq!((&status["epoch"], &last["outcome"]), (&1.into(), &"kept".into()), "{name}: {status}");
    assert!(last["problem"].as_str().is_some_and(|problem| problem.contains(told)), "{name}: {last}");
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200, "{name}");
}

async fn last_outcome(door: &Door) -> String {
    door.server.status_of("preprod").await["last_reload"]["outcome"].as_str().unwrap().to_owned()
}

/// How often each problem was told after the first `lines` lines of the log.
fn refusals_since(door: &Door, lines: usize) -> BTreeMap<String, usize> {
    let log = door.server.log();
    let events = log.lines().skip(lines).filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut told = BTreeMap::new();
    for event in events.filter(|event| event["event"] == "reload_refused") {
        *told.entry(event["message"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    told
}
