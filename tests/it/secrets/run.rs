//! A server that serves every product and keeps all of its output, in either format.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::planted::{API_KEY, CLIENT_SECRET, OLD_API_KEY};
use crate::support::door::{HOST, Pki, write};
use crate::support::jwt::TokenKey;
use crate::support::{Backend, Caller, eventually, within};

const BINARY: &str = env!("CARGO_BIN_EXE_issuer-host");

/// Files that an operator puts secrets into.
const SECRET_FILES: [&str; 5] =
    ["api-key.txt", "old-api-key.txt", "client-secret.txt", "signing-key.pem", "server-key.pem"];

/// A running server with a folder of its own; killed when dropped.
pub(super) struct Run {
    child: Child,
    pub(super) folder: TempDir,
    /// Outside of the server's folder.
    output: TempDir,
    pub(super) pki: Pki,
    pub(super) backend: Backend,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Run {
    /// `more` are further tables of the configuration.
    pub(super) async fn start(format: &str, signing_key: &TokenKey, more: &str) -> Self {
        let (pki, backend) = (Pki::new(), Backend::http1().await);
        let (folder, output) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        for (name, text) in [
            ("client-ca.pem", pki.clients.pem()),
            ("server-chain.pem", pki.server.chain_pem()),
            ("server-key.pem", pki.server.key_pem()),
            ("signing-key.pem", signing_key.pem()),
            ("api-key.txt", API_KEY.to_owned()),
            ("old-api-key.txt", OLD_API_KEY.to_owned()),
            ("client-secret.txt", CLIENT_SECRET.to_owned()),
            ("issuer-host.toml", configuration(format, backend.address()) + more),
        ] {
            write(folder.path(), name, &text);
        }
        let file = |name: &str| Stdio::from(std::fs::File::create(output.path().join(name)).unwrap());
        let child = Command::new(BINARY)
            .args(["serve", "--config", "issuer-host.toml"])
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let unset = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut run = Self { child, folder, output, pki, backend, address: unset, admin: unset };
        eventually("the server to be ready", async || run.stderr().contains("\"ready\"")).await;
        let log = run.stderr();
        (run.address, run.admin) = (listener(&log, "\"listening\""), listener(&log, "\"admin_listening\""));
        run
    }

    pub(super) fn caller(&self) -> Caller {
        Caller::new(self.address, HOST, self.pki.servers.certificate().clone()).presenting(&self.pki.honest)
    }

    pub(super) fn stderr(&self) -> String {
        std::fs::read_to_string(self.output.path().join("stderr")).unwrap()
    }

    /// Asks the admin listener; the whole answer.
    pub(super) async fn ask_admin(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).await.unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nissuer-host-admin: 1\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within("the admin listener", stream.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    /// Another command of the program on the same configuration; both of its outputs.
    pub(super) fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(BINARY);
        let output = command.args(arguments).current_dir(self.folder.path()).env_clear().output().unwrap();
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// Has the server end by itself, and reads what it left: both outputs, and every file of its folder but those of secrets.
    pub(super) async fn finish(&mut self) -> Vec<(String, Vec<u8>)> {
        let pid = self.child.id();
        assert!(Command::new("sh").arg("-c").arg(format!("kill -TERM {pid}")).status().unwrap().success());
        let child = &mut self.child;
        let mut ended = None;
        for _ in 0..800 {
            ended = child.try_wait().unwrap();
            if ended.is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        assert_eq!(ended.and_then(|status| status.code()), Some(0), "{}", self.stderr());
        let mut left = Vec::new();
        read_all(self.output.path(), &mut left);
        read_all(self.folder.path(), &mut left);
        left.retain(|(name, _)| !SECRET_FILES.iter().any(|secret| name.ends_with(secret)));
        left
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the line of an event, whatever the format.
fn listener(log: &str, event: &str) -> SocketAddr {
    let line = log.lines().find(|line| line.contains(event)).unwrap_or_else(|| panic!("no {event} in {log}"));
    let at = line.find("127.0.0.1:").unwrap_or_else(|| panic!("no address in {line}"));
    let address = line[at..].split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').next();
    address.unwrap().trim_end_matches(':').parse().unwrap()
}

fn read_all(directory: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else {
            into.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

fn configuration(format: &str, backend: SocketAddr) -> String {
    format!(
        r#"
[log]
format = "{format}"
level = "trace"

[admin]
listen = "127.0.0.1:0"

[reload]
watch = false
poll = "0s"

[server]
listen = ["127.0.0.1:0"]
max_body_size = "8 KiB"
body_timeout = "1s"

[environments.preprod]
product = ["tsh", "tsh-auxiliary", "tsp", "d1", "d1-ecom", "cof", "transit"]
customer_id = "ISSUER0001"
host = "{HOST}"
client_ca = "client-ca.pem"
certificate_chain = "server-chain.pem"
private_key = "server-key.pem"
deadlines = {{ query = "1s" }}
backend = {{ url = "http://{backend}" }}

[environments.preprod.api_keys.main]
key_file = "api-key.txt"
[environments.preprod.api_keys.old]
key_file = "old-api-key.txt"
expires = "2026-01-01T00:00:00Z"

[environments.preprod.tokens]
signing_key = "signing-key.pem"
[environments.preprod.tokens.clients.thales.secrets.current]
secret_file = "client-secret.txt"
"#
    )
}
