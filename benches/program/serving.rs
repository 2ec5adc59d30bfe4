//! `issuer-host serve` as a child process.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit, setrlimit};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::metrics::Metrics;
use super::{Error, process};

/// A program that is not ready by then does not start, and an admin listener that is slower does not answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The running program; killed when dropped.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
    /// Where callers are served.
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
}

impl Program {
    /// Starts `program` on `issuer-host.toml` in `directory`, which has to log JSON, and waits until it is ready. `prefix` is a command
    /// that becomes the program; none where it is empty.
    pub(crate) async fn start(program: &Path, prefix: &[String], directory: &Path) -> Result<Self, Error> {
        let mut command = match prefix.split_first() {
            Some((first, more)) => {
                let mut command = Command::new(first);
                command.args(more).arg(program);
                command
            }
            None => Command::new(program),
        };
        let log = directory.join("server.log");
        let child = command
            .args(["serve", "--config"])
            .arg(directory.join("issuer-host.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let unset = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut this = Self { child, log, address: unset, admin: unset };
        let begun = Instant::now();
        while this.event("ready").is_none() {
            if let Some(end) = this.ended()? {
                return Err(format!("the program ended with {end}:\n{}", fs::read_to_string(&this.log)?).into());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("the program does not get ready:\n{}", fs::read_to_string(&this.log)?).into());
            }
            sleep(Duration::from_millis(25)).await;
        }
        this.address = this.address_of("listening")?;
        this.admin = this.address_of("admin_listening")?;
        Ok(this)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<String>, Error> {
        Ok(self.child.try_wait()?.map(|status| status.to_string()))
    }

    /// Lines of its log that hold `what`.
    pub(crate) fn lines_with(&self, what: &str) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().lines().filter(|line| line.contains(what)).count()
    }

    /// SIGHUP: the program looks at its files again.
    pub(crate) fn hang_up(&self) -> Result<(), Error> {
        Ok(kill_process(self.process()?, Signal::HUP)?)
    }

    /// From now on it may have so many descriptors; returns how many it might have before.
    pub(crate) fn limit_descriptors(&self, most: u64) -> Result<u64, Error> {
        let process = self.process()?;
        let maximum = getrlimit(Resource::Nofile).maximum;
        let before = prlimit(Some(process), Resource::Nofile, Rlimit { current: Some(most), maximum })?;
        Ok(before.current.unwrap_or(u64::MAX))
    }

    pub(crate) fn open_descriptors(&self) -> Result<usize, Error> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid()))?.count())
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64, Error> {
        process::resident_bytes(self.pid())
    }

    /// What `/metrics` says.
    pub(crate) async fn metrics(&self) -> Result<Metrics, Error> {
        let (status, text) = self.ask("GET", "/metrics").await?;
        if status == 200 {
            Ok(Metrics::parse(&text))
        } else {
            Err(format!("/metrics was answered with {status}").into())
        }
    }

    /// Asks for a reload; what it reports.
    pub(crate) async fn reload(&self) -> Result<Value, Error> {
        let (status, text) = self.ask("POST", "/reload").await?;
        match status {
            200 | 422 => Ok(serde_json::from_str(&text)?),
            other => Err(format!("/reload was answered with {other}: {text}").into()),
        }
    }

    async fn ask(&self, method: &str, path: &str) -> Result<(u16, String), Error> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nissuer-host-admin: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let answer = timeout(PATIENCE, async {
            let mut stream = TcpStream::connect(self.admin).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            std::io::Result::Ok(answer)
        })
        .await
        .map_err(|_| "the admin listener does not answer")??;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("half an answer of the admin listener")?;
        let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
        Ok((status, body.to_owned()))
    }

    fn process(&self) -> Result<Pid, Error> {
        Ok(Pid::from_raw(i32::try_from(self.pid())?).ok_or("no process")?)
    }

    fn address_of(&self, event: &str) -> Result<SocketAddr, Error> {
        let event = self.event(event).ok_or_else(|| format!("no event {event}"))?;
        Ok(event.get("address").and_then(Value::as_str).ok_or("an event without an address")?.parse()?)
    }

    fn event(&self, name: &str) -> Option<Value> {
        let text = fs::read_to_string(&self.log).ok()?;
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut events = events.map(|line| line.get("fields").cloned().unwrap_or(line));
        events.find(|event| event.get("event").is_some_and(|event| event == name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives this process, and those that it starts, `wanted` descriptors, or as many as it may have; how many that are.
pub(crate) fn raise_descriptors(wanted: u64) -> u64 {
    let limit = |maximum| Rlimit { current: Some(maximum), maximum: Some(maximum) };
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    // Beyond the hard limit takes a capability.
    let most = if hard < wanted && setrlimit(Resource::Nofile, limit(wanted)).is_ok() { wanted } else { hard };
    let _ = setrlimit(Resource::Nofile, limit(most));
    descriptors()
}

/// How many descriptors this process, and those that it starts, may have.
pub(crate) fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
