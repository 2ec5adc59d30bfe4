//! Prometheus' own tool.

use std::process::Command;

/// What promtool printed: `Err` where it found something wrong.
pub(super) fn run(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("promtool").args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("promtool, of Debian's package prometheus: {error}"));
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text) } else { Err(text) }
}

pub(super) fn succeeds(arguments: &[&str]) -> String {
    run(arguments).unwrap_or_else(|problem| panic!("promtool {}: {problem}", arguments.join(" ")))
}
