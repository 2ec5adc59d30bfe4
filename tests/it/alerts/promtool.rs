//! Prometheus' own tool: it checks rules, and tells which of them fire.

use std::fs;
use std::process::Command;

use super::history::{BEFORE, History};
use super::rules;

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

/// Tries `deploy/prometheus/rules.yaml` on these servers: `Err` unless none of it fires in their first half an hour, and afterwards
/// exactly `alerts`, at whatever time. Each is written as a series' labels, those left out that are another in each run; those named in
/// `beside` are not looked at.
pub(super) fn fires(servers: &[History], alerts: &[String], beside: &[&str]) -> Result<String, String> {
    let minutes = servers.iter().map(History::minutes).max().unwrap();
    let series: String = servers
        .iter()
        .flat_map(History::series)
        .map(|(name, samples)| format!("  - series: '{name}'\n    values: '{}'\n", samples.trim()))
        .collect();
    let firing = format!("ALERTS{{alertstate=\"firing\", alertname!~\"{}\"}}", beside.join("|"));
    let ever = format!("max without (job, instance, file, alertstate) (max_over_time({firing}[{minutes}m]))");
    let expected: String = alerts.iter().map(|labels| format!("    - labels: '{labels}'\n      value: 1\n")).collect();
    let test = format!(
        "rule_files: ['{rules}']\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n{series}  \
         promql_expr_test:\n  \
         - expr: '{firing}'\n    eval_time: {before}m\n    exp_samples: []\n  \
         - expr: '{ever}'\n    eval_time: {last}m\n    exp_samples:\n{expected}",
        rules = rules::path().display(),
        before = BEFORE - 1,
        last = minutes - 1,
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), test).unwrap();
    run(&["test", "rules", file.path().to_str().unwrap()])
}
