//! What systemd is told, with this process as systemd.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::support::{Door, Server, Setup, eventually};

/// The other end of `NOTIFY_SOCKET`, and what has come there.
struct ServiceManager {
    directory: TempDir,
    heard: Arc<Mutex<Vec<String>>>,
}

impl ServiceManager {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(Self::path(directory.path())).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let messages = Arc::clone(&heard);
        // Ends with the test's process.
        std::thread::spawn(move || {
            let mut message = [0; 8192];
            while let Ok(length) = socket.recv(&mut message) {
                messages.lock().unwrap().push(String::from_utf8_lossy(&message[..length]).into_owned());
            }
        });
        Self { directory, heard }
    }

    fn path(directory: &Path) -> std::path::PathBuf {
        directory.join("notify")
    }

    /// The server as this one starts it.
    fn command(&self) -> Command {
        let mut command = Server::shell("exec \"$@\"");
        command.env("NOTIFY_SOCKET", Self::path(self.directory.path()));
        command
    }

    /// How many messages have a line that begins so.
    fn count(&self, beginning: &str) -> usize {
        self.all(beginning).len()
    }

    /// The lines that begin so, in the order in which they came.
    fn all(&self, beginning: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let lines = heard.iter().flat_map(|message| message.lines().map(str::to_owned));
        lines.filter(|line| line.starts_with(beginning)).collect()
    }

    async fn hears(&self, beginning: &str, times: usize) {
        eventually(&format!("{beginning:?} for the {times}. time"), async || self.count(beginning) >= times).await;
    }
}

#[tokio::test]
async fn it_is_told_of_readiness_reloads_and_the_end() {
    let manager = ServiceManager::new();
    let command = Some(manager.command());
    let mut door = Door::with(Setup { command, server: "drain_delay = \"10m\"", ..Setup::default() }).await;
    manager.hears("READY=1", 1).await;
    door.honest().expect_accepted("who calls when READY=1 has come").await;
    manager.hears("STATUS=serving preprod (epoch 1)", 1).await;

    door.replace("client-ca.pem", door.pki.clients.pem() + &door.pki.servers.pem());
    door.server.hang_up();
    manager.hears("READY=1", 2).await;
    let beginnings = ["READY=1", "RELOADING=1", "MONOTONIC_USEC="];
    let heard = manager.heard.lock().unwrap().clone();
    let order: Vec<_> =
        heard.iter().filter(|message| beginnings.iter().any(|line| message.starts_with(line))).collect();
    assert_eq!(order.len(), 3, "{heard:?}");
    let reloading: Vec<_> = order[1].lines().collect();
    assert_eq!(reloading[0], "RELOADING=1");
    let at: u64 = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    assert!(at > 0);
    assert!(order[2].contains("\nSTATUS=serving preprod (epoch "), "READY=1 comes with what is now: {heard:?}");
    assert_eq!(manager.count("STOPPING=1"), 0, "control");

    door.server.terminate();
    manager.hears("STOPPING=1", 1).await;
    door.honest().expect_accepted("who calls during the delay").await;
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    assert_eq!(manager.count("STOPPING=1"), 1);
    assert_eq!(manager.count("WATCHDOG=1"), 0, "nobody has asked for it");
}

#[tokio::test]
async fn a_start_that_waits_for_its_store_asks_for_time_and_says_what_it_waits_for() {
    let manager = ServiceManager::new();
    let door = Door::open().await;
    // Takes connections, and says nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let inbox = format!("[inbox]\nurl = \"postgres://inbox@{}/inbox\"\n", mute.local_addr().unwrap());
    door.edit("[environments.preprod]", &format!("{inbox}\n[environments.preprod]"));
    let mut server = Server::begin_as(manager.command(), &door.directory.path().join("issuer-host.toml")).await;
    manager.hears("EXTEND_TIMEOUT_USEC=120000000", 2).await;
    manager.hears("STATUS=starting; waits for the store of the inbox: the store cannot be reached", 1).await;
    assert_eq!(manager.count("READY=1"), 0);
    server.terminate();
    assert_eq!(server.exit_code().await, Some(0));
    assert_eq!((manager.count("STOPPING=1"), manager.count("READY=1")), (1, 0));

    // Control: one that has no store to wait for is soon ready, and asks for nothing more then.
    let other = ServiceManager::new();
    let _door = Door::with(Setup { command: Some(other.command()), ..Setup::default() }).await;
    other.hears("STATUS=serving preprod", 1).await;
    assert!(other.all("STATUS=").iter().all(|status| !status.contains("waits")));
}

#[tokio::test]
async fn a_configuration_that_is_refused_ends_the_reload_and_shows() {
    let manager = ServiceManager::new();
    let door = Door::with(Setup { command: Some(manager.command()), ..Setup::default() }).await;
    manager.hears("READY=1", 1).await;
    door.edit("[admin]", "[admin]\nno_such_key = 1");
    door.server.hang_up();
    manager.hears("READY=1", 2).await;
    let status = manager.all("STATUS=").pop().unwrap();
    assert!(status.contains("the configuration on disk is refused"), "{status}");
    door.honest().expect_accepted("a caller, as before").await;
}

#[tokio::test]
async fn a_watchdog_hears_signs_of_life_to_the_end() {
    let manager = ServiceManager::new();
    let mut command = manager.command();
    command.env("WATCHDOG_USEC", "200000");
    let mut door =
        Door::with(Setup { command: Some(command), server: "drain_delay = \"10m\"", ..Setup::default() }).await;
    manager.hears("WATCHDOG=1", 3).await;
    door.server.terminate();
    manager.hears("STOPPING=1", 1).await;
    let so_far = manager.count("WATCHDOG=1");
    manager.hears("WATCHDOG=1", so_far + 3).await;
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    assert!(door.server.events("accept_loop_silent").is_empty());
}
