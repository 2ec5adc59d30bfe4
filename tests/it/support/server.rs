//! The real binary as a child process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{eventually, within};

const BINARY: &str = env!("CARGO_BIN_EXE_issuer-host");

/// A running `issuer-host serve`; killed when dropped. A panic in it fails the test that started it.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Ends when all is read that the server has written.
    reading: Option<JoinHandle<()>>,
    listeners: Vec<SocketAddr>,
    admin: SocketAddr,
}

impl Server {
    /// Starts `serve` and waits until it says that it is ready.
    pub(crate) async fn start(config: &Path) -> Self {
        Self::start_as(Self::command(BINARY), config).await
    }

    /// A command with nothing of this process' environment, which can become the server.
    pub(crate) fn command(program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// A shell that runs `script` and then becomes the server, as `"$@"`.
    pub(crate) fn shell(script: &str) -> Command {
        let mut command = Self::command("sh");
        command.arg("-c").arg(script).arg("sh").arg(BINARY);
        command
    }

    /// The same, with files that cannot grow beyond so many blocks of 512 bytes; a write beyond fails, and does not kill.
    pub(crate) async fn start_with_file_limit(config: &Path, blocks: u32) -> Self {
        // What is ignored stays ignored in what is executed; a soft limit can be raised later.
        let command = Self::shell(&format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$@\""));
        Self::start_as(command, config).await
    }

    /// Starts `command` with the arguments of `serve`, and waits until it says that it is ready.
    pub(crate) async fn start_as(command: Command, config: &Path) -> Self {
        let mut server = Self::spawn(command, config);
        server.gets_ready().await;
        server
    }

    /// Starts `command` with the arguments of `serve`, and waits until its admin listener is open.
    pub(crate) async fn begin_as(command: Command, config: &Path) -> Self {
        let mut server = Self::spawn(command, config);
        server.tells("admin_listening").await;
        server.admin = address_of(&server.events("admin_listening")[0]);
        server
    }

    /// The same with nothing special.
    pub(crate) async fn begin(config: &Path) -> Self {
        Self::begin_as(Self::command(BINARY), config).await
    }

    fn spawn(mut command: Command, config: &Path) -> Self {
        let child = command.args(["serve", "--config"]).arg(config).spawn().unwrap();
        let unset = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child, log: Arc::default(), reading: None, listeners: Vec::new(), admin: unset };
        server.collect_log();
        server
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn gets_ready(&mut self) {
        self.tells("ready").await;
        self.listeners = self.events("listening").iter().map(address_of).collect();
        let admin: Vec<_> = self.events("admin_listening").iter().map(address_of).collect();
        assert!(!self.listeners.is_empty(), "no `listening` event with an address:\n{}", self.log());
        assert_eq!(admin.len(), 1, "not one `admin_listening` event with an address:\n{}", self.log());
        self.admin = admin[0];
    }

    /// Waits for the first event of a name, from a server that goes on.
    async fn tells(&mut self, name: &str) {
        for _ in 0..800 {
            if !self.events(name).is_empty() {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended with {status} before any `{name}`:\n{}", self.log());
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("no `{name}` ever came:\n{}", self.log());
    }

    fn collect_log(&mut self) {
        let lines = BufReader::new(self.child.stderr.take().unwrap()).lines();
        let log = Arc::clone(&self.log);
        self.reading = Some(std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                log.lock().unwrap().push(line);
            }
        }));
    }

    /// The first address it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listeners[0]
    }

    pub(crate) fn listeners(&self) -> &[SocketAddr] {
        &self.listeners
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// The log lines of one event, as JSON with the event's fields on top.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let log = self.log.lock().unwrap();
        let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.map(|line| line.get("fields").cloned().unwrap_or(line)).filter(|line| line["event"] == name).collect()
    }

    /// The same, once there are so many: lines are written by a thread of their own, some time after what they tell of.
    pub(crate) async fn told(&self, name: &str, count: usize) -> Vec<Value> {
        eventually(name, async || self.events(name).len() >= count).await;
        self.events(name)
    }

    /// What was warned of in words that begin like this.
    pub(crate) fn warned_of(&self, beginning: &str) -> Vec<Value> {
        let about = |event: &Value| event["message"].as_str().is_some_and(|message| message.starts_with(beginning));
        self.events("material_warning").into_iter().filter(about).collect()
    }

    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id();
        let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().unwrap();
        assert!(status.success(), "could not signal the server");
    }

    /// Waits for the process to end, and for the last line of its log; `None` when a signal ended it.
    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        for _ in 0..800 {
            if let Some(status) = self.child.try_wait().unwrap() {
                if let Some(reading) = self.reading.take() {
                    tokio::task::spawn_blocking(|| reading.join().unwrap()).await.unwrap();
                }
                return status.code();
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("the server does not end:\n{}", self.log());
    }

    /// GET on the admin listener: status and body.
    pub(crate) async fn admin_fetch(&self, path: &str) -> (u16, String) {
        self.try_admin_fetch(path)
            .await
            .unwrap_or_else(|| panic!("the admin listener does not answer:\n{}", self.log()))
    }

    /// Whether `/metrics` has this line.
    pub(crate) async fn has_metric_line(&self, line: &str) -> bool {
        self.admin_fetch("/metrics").await.1.lines().any(|other| other == line)
    }

    /// Asks the admin listener for a reload; status and report.
    pub(crate) async fn try_reload(&self) -> (u16, Value) {
        let (status, body) = self.ask_admin("POST", "/reload").await.expect("the admin listener answers");
        (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
    }

    /// Asks the admin listener for a reload; the report.
    pub(crate) async fn reload(&self) -> Value {
        let (status, report) = self.try_reload().await;
        assert!(matches!(status, 200 | 422), "{status}: {report}");
        report
    }

    /// How many reloads of the environment `preprod` have ended in `outcome`.
    pub(crate) async fn reloads(&self, outcome: &str) -> usize {
        let (_, text) = self.admin_fetch("/metrics").await;
        let sample = format!("issuer_host_reloads_total{{environment=\"preprod\",outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&sample)).map_or(0, |count| count.parse().unwrap())
    }

    /// The epoch of the environment `preprod`.
    pub(crate) async fn epoch(&self) -> u64 {
        self.status_of("preprod").await["epoch"].as_u64().unwrap()
    }

    /// What `/status` says.
    pub(crate) async fn status(&self) -> Value {
        let (status, body) = self.admin_fetch("/status").await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// What `/status` says of the environment `name`.
    pub(crate) async fn status_of(&self, name: &str) -> Value {
        let status = self.status().await;
        let environments = status["environments"].as_array().unwrap();
        environments.iter().find(|environment| environment["name"] == name).cloned().unwrap_or(Value::Null)
    }

    /// The same, `None` when nobody answers.
    pub(crate) async fn try_admin_fetch(&self, path: &str) -> Option<(u16, String)> {
        self.ask_admin("GET", path).await
    }

    async fn ask_admin(&self, method: &str, path: &str) -> Option<(u16, String)> {
        self.tell_admin(method, path, "").await
    }

    /// A request with a body on the admin listener: status and body of the answer; `None` when nobody answers.
    pub(crate) async fn tell_admin(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.admin).await.ok()?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nissuer-host-admin: 1\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        within("the admin listener", stream.read_to_end(&mut answer)).await.ok()?;
        let answer = String::from_utf8(answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let (status, text) = self.admin_fetch("/metrics").await;
        assert_eq!(status, 200);
        let samples: Vec<f64> = text
            .lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter(|rest| rest.starts_with([' ', '{']))
            .map(|rest| rest.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert!(!samples.is_empty(), "/metrics has no {name}:\n{text}");
        samples.iter().sum()
    }

    /// The sum of the samples, whole numbers, of a metric that carry all of these labels, written as `name="value"`; 0 where there is
    /// none.
    pub(crate) async fn counted(&self, name: &str, labels: &[&str]) -> u64 {
        let (_, text) = self.admin_fetch("/metrics").await;
        let samples = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        let samples = samples.filter(|line| labels.iter().all(|label| line.contains(label)));
        samples.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Waits until no connection holds a permit and no handshake is under way.
    pub(crate) async fn permits_return_to_zero(&self) {
        eventually("all permits to come back", async || {
            self.metric("issuer_host_connection_permits_in_use").await == 0.0
                && self.metric("issuer_host_handshakes_in_flight").await == 0.0
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("what the server printed:\n{}", self.log());
        } else {
            assert!(!self.log().contains("panicked at"), "the server panicked:\n{}", self.log());
        }
    }
}

fn address_of(event: &Value) -> SocketAddr {
    event["address"].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no address in {event}"))
}
