//! The real binary with as many environments, each of which was called with everything that its products know.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::median::median;
use crate::{Error, process, tell_scrape};

const BINARY: &str = env!("CARGO_BIN_EXE_issuer-host");
const HOST: &str = "localhost";
const KEY: &str = "key-of-the-benchmark-0123456789";

/// What `/metrics` costs a server with so many environments: when it has nothing else to do, and under load.
pub(crate) fn measure(environments: usize, quick: bool) -> Result<(), Error> {
    let (scrapes, rounds, seconds) = if quick { (20, 1, 1) } else { (1000, 5, 10) };
    let directory = tempfile::TempDir::new()?;
    let directory = directory.path();
    run(Command::new(BINARY).arg("sample-pki").arg(directory.join("tls")))?;
    fs::write(directory.join("api-key.txt"), KEY)?;
    fs::write(directory.join("issuer-host.toml"), configuration(environments))?;
    let server = Server::start(directory)?;
    for address in &server.listeners {
        // It is not content with the answers, since nobody is behind. They are counted all the same.
        let _ = caller(directory, *address).args(["--all", "tsh"]).status()?;
        let _ = caller(directory, *address)
            .args(["--all", "cof", "--api-key-file"])
            .arg(directory.join("api-key.txt"))
            .status()?;
    }
    let text = scrape(server.admin)?;
    if text.matches("operation=\"notifyTokenUpdate\",status_class").count() < environments {
        return Err("not every environment was called".into());
    }
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    println!(
        "the server with {environments} environments, each called with all of two products: {samples} samples, {} KiB",
        text.len() / 1024
    );
    let used = server.cpu_of(|| (0..scrapes).try_for_each(|_| scrape(server.admin).map(drop)))?;
    tell_scrape("the server with nothing else to do, HTTP and connection included", used / scrapes);

    let first = *server.listeners.first().ok_or("the server listens nowhere")?;
    let load = || {
        let mut load = caller(directory, first);
        load.args(["tsh", "notifyVirtualCardChange", "--mode", "keepalive", "--rate", "300", "--duration"]);
        load.arg(format!("{seconds}s")).spawn()
    };
    let (mut alone, mut each) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let without = server.cpu_of(|| Ok(load()?.wait().map(drop)?))?;
        let mut scraped = 0;
        let with = server.cpu_of(|| {
            let mut load = load()?;
            while load.try_wait()?.is_none() {
                scrape(server.admin)?;
                scraped += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        })?;
        alone.push(without.as_secs_f64() / f64::from(seconds));
        each.push((with.as_secs_f64() - without.as_secs_f64()) / f64::from(scraped));
    }
    println!("300 calls a second take {:.1} % of a core", median(alone) * 100.0);
    tell_scrape("the server under that load", Duration::from_secs_f64(median(each).max(0.0)));
    Ok(())
}

/// Somebody who calls the environment at `address`.
fn caller(directory: &Path, address: SocketAddr) -> Command {
    let tls = directory.join("tls");
    let mut call = Command::new(BINARY);
    call.args(["call", &format!("https://{HOST}:{}", address.port()), "--connect"]).arg(address.to_string());
    call.arg("--server-ca").arg(tls.join("server-ca.pem"));
    call.arg("--client-certificate").arg(tls.join("client-a-chain.pem"));
    call.arg("--client-key").arg(tls.join("client-a-key.pem"));
    call.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    call
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

    /// The CPU time that it takes while `work` is done.
    fn cpu_of(&self, work: impl FnOnce() -> Result<(), Error>) -> Result<Duration, Error> {
        let before = process::cpu_time(self.child.id())?;
        work()?;
        Ok(process::cpu_time(self.child.id())?.saturating_sub(before))
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
