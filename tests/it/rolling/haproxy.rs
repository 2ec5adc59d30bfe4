//! A real HAProxy with the configuration that is shipped, at other addresses.

use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::pair::{Pair, free};
use crate::support::door::write;
use crate::support::{Server, eventually};

/// HAProxy's address: one of its own as well.
const ADDRESS: &str = "127.0.0.20";

/// A running HAProxy; killed when dropped.
pub(super) struct Haproxy {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

/// The configuration as it is shipped.
pub(super) fn shipped() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/haproxy/haproxy.cfg")).unwrap()
}

/// Whether HAProxy accepts a configuration, and what it says of it.
pub(super) fn verdict(text: &str) -> (bool, String) {
    let directory = TempDir::new().unwrap();
    write(directory.path(), "haproxy.cfg", text);
    let checked = command("haproxy -c -f haproxy.cfg").current_dir(directory.path()).output().unwrap();
    (checked.status.success(), String::from_utf8(checked.stderr).unwrap())
}

/// Debian puts it where not everybody looks for programs.
fn command(line: &str) -> Command {
    let mut command = Server::command("sh");
    command.arg("-c").arg(format!("PATH=$PATH:/usr/sbin:/usr/local/sbin; exec {line}"));
    command
}

impl Haproxy {
    /// Starts it before two replicas, with these pieces of its configuration replaced.
    pub(super) async fn before(pair: &Pair, changes: &[(&str, &str)]) -> Self {
        let mut text = shipped();
        let address = free(ADDRESS);
        let (a, b) = (pair.replica("a"), pair.replica("b"));
        let server = |replica: &Server| format!("{} check port {}", replica.address(), replica.admin().port());
        for (piece, other) in [
            ("bind :8443", format!("bind {address}")),
            ("10.0.0.11:8443 check port 9090", server(a)),
            ("10.0.0.12:8443 check port 9090", server(b)),
        ] {
            assert_eq!(text.matches(piece).count(), 1, "{piece} in haproxy.cfg");
            text = text.replacen(piece, &other, 1);
        }
        for (piece, other) in changes {
            assert_eq!(text.matches(piece).count(), 1, "{piece} in haproxy.cfg");
            text = text.replacen(piece, other, 1);
        }
        let directory = TempDir::new().unwrap();
        write(directory.path(), "haproxy.cfg", &text);
        let mut command = command("haproxy -db -f haproxy.cfg");
        let said = File::create(directory.path().join("haproxy.log")).unwrap();
        let child = command.current_dir(directory.path()).stderr(Stdio::from(said)).spawn().unwrap();
        let haproxy = Self { child, address, directory };
        let listens = async || TcpStream::connect(address).await.is_ok();
        eventually("HAProxy, which scripts/test.sh installs, to listen", listens).await;
        haproxy
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("haproxy.log")).unwrap_or_default()
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("what HAProxy printed:\n{}", self.said());
        }
    }
}
