//! What a reload costs while many connections are live: one that keeps their CA, and one that removes it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{self, Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use issuer_host::app::EnvironmentReload;
use issuer_host::tls::MaterialSource;
use issuer_host::tls::reload::ReloadReport;
use tokio::runtime::Runtime;

use crate::Error;
use crate::holder::{CLIENTS, COUNT, GONE};
use crate::pki::{Authority, Keys};
use crate::process::{cpu_time, resident_bytes};
use crate::report::{Report, line};
use crate::server::{Server, environment};

/// Leaves that Thales presents.
const FEW: u32 = 4;
/// Descriptors that are not connections.
const SPARE: u32 = 200;

/// Measures with few leaves, and with one for each connection.
pub(crate) fn measure(report: &mut Report, connections: u32) -> Result<(), Error> {
    let limit = descriptors()?;
    if limit < connections + SPARE {
        let needed = connections + SPARE;
        return Err(
            format!("{connections} connections need {needed} descriptors, and there are {limit}: ulimit -n").into()
        );
    }
    for (leaves, name) in [(FEW, "few leaves"), (connections, "a leaf each")] {
        let label = format!("reload, {name}");
        let seconds = measure_with(&label, connections, leaves)?;
        if leaves == FEW {
            report.at_most(&label, "CPU seconds until every connection ended", seconds, 1.0);
        }
    }
    Ok(())
}

/// Returns the CPU seconds of the reload that ends all connections.
fn measure_with(label: &str, connections: u32, leaves: u32) -> Result<f64, Error> {
    let directory = tempfile::tempdir()?;
    let clients = Authority::new(CLIENTS, Keys::P256)?;
    let others = Authority::new("Others", Keys::P256)?;
    let servers = Authority::new("Servers", Keys::P256)?;
    clients.write(directory.path())?;
    fs::write(directory.path().join("server-root.pem"), &servers.root_pem)?;
    let bundle = directory.path().join("client-ca.pem");
    fs::write(&bundle, &clients.root_pem)?;
    let server = Server::start(environment(MaterialSource::File(bundle.clone()), &servers.server()?))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    let before = resident_bytes(process::id())?;
    let mut holder = Holder::start(&server, directory.path(), connections, leaves)?;
    holder.expect(connections, "were opened")?;
    let memory = resident_bytes(process::id())?.saturating_sub(before) / u64::from(connections);
    line(label, "held", &format!("{connections} connections, {memory} bytes each"));

    fs::write(&bundle, clients.root_pem.clone() + &others.root_pem)?;
    let kept = Reloaded::now(&runtime, &server)?;
    server.clock.at_rest()?;
    let cpu = kept.cpu_since()?;
    if kept.retired != 0 {
        return Err(format!("{} connections were retired for nothing", kept.retired).into());
    }
    holder.ask(COUNT)?;
    holder.expect(connections, "are still open")?;
    line(label, "CA kept, one added", &kept.to_text(cpu, None));

    fs::write(&bundle, &others.root_pem)?;
    let removed = Reloaded::now(&runtime, &server)?;
    holder.ask(GONE)?;
    holder.expect(0, "are still open")?;
    let gone = removed.begun.elapsed();
    server.clock.at_rest()?;
    let cpu = removed.cpu_since()?;
    if removed.retired != connections as usize {
        return Err(format!("{} of {connections} connections were retired", removed.retired).into());
    }
    line(label, "CA removed", &removed.to_text(cpu, Some(gone)));
    Ok(cpu.as_secs_f64())
}

/// A reload that has put another epoch in force.
struct Reloaded {
    begun: Instant,
    cpu_before: Duration,
    wall: Duration,
    retired: usize,
}

impl Reloaded {
    fn now(runtime: &Runtime, server: &Server) -> Result<Self, Error> {
        server.clock.at_rest()?;
        let cpu_before = cpu_time(process::id())?;
        let begun = Instant::now();
        let reload = runtime.block_on(server.reloader.reload())?;
        let wall = begun.elapsed();
        match reload.environments.values().next() {
            Some(EnvironmentReload::Material(ReloadReport::Installed { connections_retired, .. })) => {
                Ok(Self { begun, cpu_before, wall, retired: *connections_retired })
            }
            other => Err(format!("the reload installed nothing: {other:?}").into()),
        }
    }

    /// CPU of this process since the reload began, in ticks. It does nothing but serve; judging is done in a thread apart.
    fn cpu_since(&self) -> Result<Duration, Error> {
        Ok(cpu_time(process::id())?.saturating_sub(self.cpu_before))
    }

    fn to_text(&self, cpu: Duration, gone: Option<Duration>) -> String {
        let (cpu, wall, retired) = (cpu.as_secs_f64(), self.wall.as_secs_f64(), self.retired);
        let gone = gone.map_or_else(String::new, |gone| format!(", the last gone after {:.3} s", gone.as_secs_f64()));
        format!("{cpu:>9.2} s CPU, reload {wall:.3} s, {retired} retired{gone}")
    }
}

/// The process that holds the calling ends.
struct Holder {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Holder {
    fn start(server: &Server, directory: &Path, connections: u32, leaves: u32) -> Result<Self, Error> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("hold")
            .args(["--address", &server.address.to_string()])
            .args(["--connections", &connections.to_string()])
            .args(["--leaves", &leaves.to_string()])
            .arg("--directory")
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take();
        let answers = child.stdout.take().ok_or("the callers' process has no output")?;
        Ok(Self { child, questions, answers: BufReader::new(answers) })
    }

    fn ask(&mut self, question: &str) -> Result<(), Error> {
        let questions = self.questions.as_mut().ok_or("the callers' process has no input")?;
        writeln!(questions, "{question}")?;
        Ok(())
    }

    /// The next answer has to be `open`.
    fn expect(&mut self, open: u32, what: &str) -> Result<(), Error> {
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let number: u32 = answer.trim().parse().map_err(|_| "the callers' process has failed")?;
        if number == open { Ok(()) } else { Err(format!("{number} connections {what}, not {open}").into()) }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Without questions it ends.
        drop(self.questions.take());
        let _ = self.child.wait();
    }
}

/// Descriptors that this process may have.
fn descriptors() -> Result<u32, Error> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
    Ok(soft.and_then(|soft| soft.parse().ok()).unwrap_or(u32::MAX))
}
