//! What `/status` tells, in lines for people.

use serde_json::Value;

/// How far what belongs to a line is set in.
pub(super) const MARGIN: usize = 8;

/// What is wrong, the worst first.
pub(super) fn problems(report: &Value) -> &[Value] {
    report["problems"].as_array().map_or(&[], Vec::as_slice)
}

/// What is wrong, with what to do about it; then a line for each environment.
pub(super) fn lines(report: &Value) -> Vec<String> {
    let problems = problems(report);
    let mut lines = vec![match problems.len() {
        0 => "Nothing is wrong.".to_owned(),
        1 => "1 thing is wrong:".to_owned(),
        count => format!("{count} things are wrong, the worst first:"),
    }];
    for problem in problems {
        lines.push(String::new());
        lines.push(format!("{:<MARGIN$}{}", text(&problem["severity"]), text(&problem["title"])));
        let detail = problem["detail"].as_str().unwrap_or_default();
        lines.extend(detail.lines().map(|line| set_in(&printable(line))));
        lines.push(set_in(&format!("To do: {}", text(&problem["to_do"]))));
        lines.push(set_in(&format!("Runbook: {}", text(&problem["runbook"]))));
    }
    let environments = report["environments"].as_array().map_or(&[][..], Vec::as_slice);
    if !environments.is_empty() {
        lines.push(String::new());
    }
    lines.extend(environments.iter().map(environment));
    lines
}

fn environment(status: &Value) -> String {
    let ends = next_end(status).map_or(String::new(), |(when, what)| format!(", next end {when} ({what})"));
    let (epoch, connections) = (&status["epoch"], status["live_connections"].as_i64().unwrap_or_default());
    let plural = if connections == 1 { "" } else { "s" };
    format!("{}: epoch {epoch}, {connections} connection{plural}{ends}", text(&status["name"]))
}

/// What ends first, be it in the past, and when.
fn next_end(status: &Value) -> Option<(String, String)> {
    let kinds = [
        ("anchors", "not_after", "subject", "Client CA"),
        ("server_chain", "not_after", "subject", "server chain"),
        ("endorsed_chain", "not_after", "subject", "endorsed chain"),
        ("crls", "next_update", "issuer", "revocation list"),
        ("api_keys", "expires", "name", "API key"),
        ("client_secrets", "expires", "name", "client secret"),
    ];
    let of = |all: &Value, when: &str, name: &str, word: &str| {
        let all = all.as_array().map_or(&[][..], Vec::as_slice);
        let end = |one: &Value| Some((printable(one[when].as_str()?), format!("{word} {}", text(&one[name]))));
        // RFC 3339 in UTC is in the order of its text.
        all.iter().filter_map(end).min()
    };
    let own = kinds.into_iter().filter_map(|(list, when, name, word)| of(&status[list], when, name, word));
    let backends = status["backends"].as_array().map_or(&[][..], Vec::as_slice);
    let shown = backends
        .iter()
        .filter_map(|backend| of(&backend["client_certificate"], "not_after", "subject", "shown to a backend:"));
    own.chain(shown).min()
}

fn set_in(line: &str) -> String {
    format!("{}{line}", " ".repeat(MARGIN))
}

fn text(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default())
}

/// What could steer a terminal is shown as blanks.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
