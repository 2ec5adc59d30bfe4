//! `openssl s_server`, which speaks what rustls does not.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::Pki;
use crate::support::door::write;

/// Runs until it is dropped.
pub(super) struct OldServer {
    pub(super) address: SocketAddr,
    child: Child,
    _directory: TempDir,
}

impl OldServer {
    /// Demands certificates of the client CA, answers to any name, speaks HTTP/1.1; `options` are its versions and suites.
    pub(super) async fn start(pki: &Pki, options: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let [leaf, issuers @ ..] = &pki.server.chain[..] else { panic!("no chain") };
        write(directory.path(), "leaf.pem", &crate::support::pki::pem("CERTIFICATE", leaf));
        let issuers: String = issuers.iter().map(|der| crate::support::pki::pem("CERTIFICATE", der)).collect();
        write(directory.path(), "issuers.pem", &issuers);
        write(directory.path(), "key.pem", &pki.server.key_pem());
        write(directory.path(), "client-ca.pem", &pki.clients.pem());
        let served = ["-cert", "leaf.pem", "-key", "key.pem", "-cert_chain", "issuers.pem"];
        let clients = ["-CAfile", "client-ca.pem", "-Verify", "3", "-verify_return_error"];
        let mut child = Command::new("openssl")
            .current_dir(directory.path())
            // The system's configuration would put a floor under the versions.
            .env("OPENSSL_CONF", "/dev/null")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-alpn", "http/1.1"])
            .args(served)
            .args(clients)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (address, lines) = tokio::task::spawn_blocking(move || {
            let told =
                lines.by_ref().map_while(Result::ok).find_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_owned()));
            (told.expect("openssl says where it listens").parse().unwrap(), lines)
        })
        .await
        .unwrap();
        // What it says of each connection has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Self { address, child, _directory: directory }
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
