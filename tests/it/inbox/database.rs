//! A PostgreSQL of a test's own, which it may kill.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

/// A running cluster; killed with the test.
pub(super) struct Database {
    programs: PathBuf,
    directory: TempDir,
    port: u16,
}

impl Database {
    /// Makes a cluster on a free port of loopback, and starts it.
    pub(super) fn start() -> Self {
        let programs =
            std::env::var_os("ISSUER_HOST_TEST_PG_BIN").expect("scripts/services.sh says where initdb is").into();
        let directory = TempDir::new().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let database = Self { programs, directory, port: free_port() };
        let data = database.data();
        let made = database.run("initdb", &["-D", &data, "-U", "issuer", "-A", "trust", "-E", "UTF8", "--locale=C"]);
        assert!(made.status.success(), "{made:?}");
        database.up();
        database
    }

    /// Its url, for the database that every cluster has.
    pub(super) fn url(&self) -> String {
        format!("postgres://issuer@127.0.0.1:{}/postgres", self.port)
    }

    /// A connection of the test's own.
    pub(super) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    /// Starts it again. Right after it was killed, what is left of it may still be in the way.
    pub(super) fn up(&self) {
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=", self.port);
        let (data, log) = (self.data(), self.directory.path().join("log").display().to_string());
        for _ in 0..40 {
            if self.run("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &options, "start"]).status.success() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
        panic!("PostgreSQL does not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
    }

    /// SIGKILL, as a machine dies.
    pub(super) fn kill(&self) {
        let Some(pid) = self.postmaster() else { return };
        let killed = Command::new("sh").arg("-c").arg(format!("kill -9 {pid}")).stderr(Stdio::null()).status();
        assert!(killed.is_ok());
    }

    /// Stops it in an orderly way: connections are cut, transactions that are under way are rolled back.
    pub(super) fn stop(&self) {
        let stopped = self.run("pg_ctl", &["-D", &self.data(), "-w", "-m", "fast", "stop"]);
        assert!(stopped.status.success(), "{stopped:?}");
    }

    /// From now on it says nothing: its processes stand still, connections stay as they are, and the kernel takes new ones in. Until
    /// what is returned is dropped.
    pub(super) fn silence(&self) -> Silence {
        let postmaster = self.postmaster().expect("it runs");
        let mut silence = Silence { processes: Vec::new() };
        // Nobody else makes new ones.
        silence.stop(vec![postmaster]);
        silence.stop(children(postmaster));
        assert!(silence.processes.len() > 2, "its own processes, and one for each connection: {silence:?}");
        silence
    }

    /// The process that is the parent of all others.
    fn postmaster(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.directory.path().join("data/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }

    /// Runs one of its programs, which do not run as root.
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.programs.join(program);
        let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = if root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // What it starts must not hold pipes that somebody waits for.
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.directory.path().join("said")).unwrap();
        command.current_dir(self.directory.path()).args(arguments).stdin(Stdio::null());
        let status = command.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        let said = std::fs::read(self.directory.path().join("said")).unwrap();
        Output { status, stdout: said, stderr: Vec::new() }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Processes that stand still for as long as this lives.
#[derive(Debug)]
pub(super) struct Silence {
    processes: Vec<u32>,
}

impl Silence {
    /// Stops `processes`, and waits until all of them stand still.
    fn stop(&mut self, processes: Vec<u32>) {
        self.processes.extend(&processes);
        signal("STOP", &processes);
        for process in processes {
            let stands_still = (0..400).any(|_| {
                // One that has ended is silent, too.
                let still = state(process).is_none_or(|(state, _)| state == "T");
                if !still {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                still
            });
            assert!(stands_still, "process {process} goes on");
        }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        signal("CONT", &self.processes);
    }
}

fn signal(name: &str, processes: &[u32]) {
    let processes: Vec<String> = processes.iter().map(u32::to_string).collect();
    let kill = format!("kill -{name} {}", processes.join(" "));
    // One of them may have ended.
    let _ = Command::new("sh").arg("-c").arg(kill).stderr(Stdio::null()).status();
}

fn children(of: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter(|process| state(*process).is_some_and(|(_, parent)| parent == of)).collect()
}

/// The state of a process, and its parent; `None` when there is no such process.
fn state(process: u32) -> Option<(String, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Number, name in parentheses, which may hold anything, state, parent.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// A port of loopback that nobody listens on.
pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
