//! Other people's programs: curl, openssl, java.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a program to its end, at most three minutes (a busy machine starts a JVM slowly), and fails in words where it is not installed.
pub(crate) async fn run(directory: &Path, program: &str, arguments: &[&str], input: &str) -> Finished {
    let mut command = Command::new("timeout");
    command.current_dir(directory).arg("180").arg(program).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (program, input) = (program.to_owned(), input.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that is done early does not read all of its input.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let missing = output.status.code() == Some(127);
        assert!(!missing, "`{program}` is not installed here; the test script installs what the tests need");
        Finished(output)
    })
    .await
    .unwrap()
}

/// Whether a program is installed.
pub(crate) fn is_installed(program: &str) -> bool {
    let found = Command::new("sh").arg("-c").arg(format!("command -v {program}")).stdout(Stdio::null()).status();
    found.unwrap().success()
}

/// What a program left behind.
pub(crate) struct Finished(Output);

impl Finished {
    pub(crate) fn succeeded(&self) -> bool {
        self.0.status.success()
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    /// Both outputs with single spaces, however their lines were wrapped.
    pub(crate) fn words(&self) -> String {
        self.text().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Both outputs, one after the other.
    pub(crate) fn text(&self) -> String {
        let (out, err) = (String::from_utf8_lossy(&self.0.stdout), String::from_utf8_lossy(&self.0.stderr));
        format!("{out}\n{err}")
    }

    #[track_caller]
    pub(crate) fn expect_success(&self, what: &str) -> String {
        assert!(self.succeeded(), "{what} failed ({}):\n{}", self.0.status, self.text());
        self.text()
    }
}
