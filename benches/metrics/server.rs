//! The real binary with as many environments, each of which was called with everything that its products know.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{Error, process, tell_scrape};

const BINARY: &str = env!("CARGO_BIN_EXE_issuer-host");
const HOST: &str = "localhost";
const KEY: &str = "key-of-the-benchmark-0123456789";

/// What `scrapes` of `/metrics` cost a server with so many environments.
pub(crate) fn measure(environments: usize, scrapes: u32) -> Result<(), Error> {
    let directory = tempfile::TempDir::new()?;
    let tls = directory.path().join("tls");
    run(Command::new(BINARY).arg("sample-pki").arg(&tls))?;
    fs::write(directory.path().join("api-key.txt"), KEY)?;
    fs::write(directory.path().join("issuer-host.toml"), configuration(environments))?;
    let server = Server::start(directory.path())?;
    for address in &server.listeners {
        Server::call_everything(directory.path(), *address)?;
    }
    let text = scrape(server.admin)?;
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    println!(
        "the server with {environments} environments, each called with all of two products: {samples} samples, {} KiB",
        text.len() / 1024
    );
    let before = process::cpu_time(server.child.id())?;
    for _ in 0..scrapes {
        scrape(server.admin)?;
    }
    let used = process::cpu_time(server.child.id())?.saturating_sub(before);
    tell_scrape("the server, its connection and all of HTTP included", used / scrapes);
    Ok(())
}

/// Environments that are told apart by their listeners. What is behind them is not there, which an answer is as well.
fn configuration(environments: usize) -> String {
    let environment = |number: usize| {
        let address = number + 1;
        format!(
            "[environments.environment{number}]\nproduct = [\"tsh\", \"cof\"]\ncustomer_id = \"SAMPLE0001\"\nhost = \"{HOST}\"\n\
             listen = [\"127.0.0.{address}:0\"]\nclient_ca = \"tls/thales-client-ca.pem\"\ncertificate_chain = \"tls/server-chain.pem\"\n\
             private_key = \"tls/server-key.pem\"\n[environments.environment{number}.backend]\nurl = \"http://127.0.0.1:9\"\n\
             [environments.environment{number}.api_keys.main]\nkey_file = \"api-key.txt\"\n"
        )
    };
    let quiet = "[admin]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\naccess = false\n[reload]\nwatch = false\npoll = \"0s\"\n";
    std::iter::once(quiet.to_owned()).chain((0..environments).map(environment)).collect()
}

struct Server {
    child: Child,
    listeners: Vec<SocketAddr>,
    admin: SocketAddr,
}

impl Server {
    /// Waits until it is ready; what it says later is read and thrown away.
    fn start(directory: &Path) -> Result<Self, Error> {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--config"]).arg(directory.join("issuer-host.toml"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
        let (mut listeners, mut admin, mut said) = (Vec::new(), None, String::new());
        for line in lines.by_ref() {
            let line = line?;
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            let address = event.get("address").and_then(Value::as_str).and_then(|address| address.parse().ok());
            match event.get("event").and_then(Value::as_str) {
                Some("listening") => listeners.extend(address),
                Some("admin_listening") => admin = address,
                Some("ready") => break,
                _ => said = line,
            }
        }
        std::thread::spawn(move || lines.for_each(drop));
        let Some(admin) = admin else { return Err(format!("the server did not start: {said}").into()) };
        Ok(Self { child, listeners, admin })
    }

    fn call_everything(directory: &Path, address: SocketAddr) -> Result<(), Error> {
        let tls = directory.join("tls");
        for product in ["tsh", "cof"] {
            let mut call = Command::new(BINARY);
            call.args(["call", &format!("https://{HOST}:{}", address.port()), "--all", product, "--connect"])
                .arg(address.to_string())
                .arg("--server-ca")
                .arg(tls.join("server-ca.pem"))
                .arg("--client-certificate")
                .arg(tls.join("client-a-chain.pem"))
                .arg("--client-key")
                .arg(tls.join("client-a-key.pem"))
                .arg("--api-key-file")
                .arg(directory.join("api-key.txt"));
            // It is not content with the answers: nobody is behind. They are counted all the same.
            call.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As Prometheus does, but for the connection, which it keeps.
fn scrape(admin: SocketAddr) -> Result<String, Error> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    if !text.starts_with("HTTP/1.1 200") || !text.ends_with("# EOF\n") {
        return Err("no metrics".into());
    }
    Ok(text)
}

fn run(command: &mut Command) -> Result<(), Error> {
    let output = command.output()?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned().into()) }
}
