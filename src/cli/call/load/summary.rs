//! What became of a load: for people, and for programs.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::report::Format;
use super::advisor::{Advisor, Told};
use crate::caller::load::{Latencies, Mode, Outcome, Plan};
use crate::caller::{CallerOptions, Http};
use crate::cli::color::{BAD, FAINT, GOOD, HEADING, styled};
use crate::cli::wrapping::wrapped;
use crate::cli::{Error, say};

/// The quantiles that are told: what programs call them, what people call them.
const QUANTILES: [(&str, &str, f64); 4] =
    [("p50_us", "p50", 0.5), ("p90_us", "p90", 0.9), ("p99_us", "p99", 0.99), ("p999_us", "p99.9", 0.999)];

/// What the load was to be.
pub(super) struct Summary {
    mode: &'static str,
    http: &'static str,
    server: String,
    connections: usize,
    /// Calls at once over each connection.
    streams: usize,
    threads: usize,
    rate: Option<f64>,
}

impl Summary {
    pub(super) fn of(plan: &Plan, options: &CallerOptions, server: &str) -> Self {
        let http2 = options.http == Http::V2;
        Self {
            mode: match plan.mode {
                Mode::Handshake => "handshake",
                Mode::Resume => "resume",
                Mode::KeepAlive => "keepalive",
            },
            http: if http2 { "2" } else { "1.1" },
            server: server.to_owned(),
            connections: plan.connections.get(),
            streams: if http2 && plan.mode == Mode::KeepAlive { plan.streams.get() } else { 1 },
            threads: plan.threads.min(plan.connections).get(),
            rate: plan.rate,
        }
    }

    pub(super) fn write(&self, outcome: &Outcome, advisor: &Advisor, format: Format) -> Result<(), Error> {
        match format {
            Format::Json => say(self.json(outcome, advisor))?,
            Format::Text => say(self.text(outcome, advisor))?,
        }
        Ok(())
    }

    fn json(&self, outcome: &Outcome, advisor: &Advisor) -> Value {
        let measures = &outcome.measures;
        let statuses: Map<String, Value> =
            measures.statuses.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
        let failures = measures.failures.iter();
        let failures: Vec<_> = failures
            .map(|(kind, failures)| {
                let Told { example, advice } = advisor.tell(failures, outcome.wanted.as_ref());
                json!({ "kind": kind, "count": failures.count, "example": example, "advice": advice })
            })
            .collect();
        json!({
            "mode": self.mode,
            "http": self.http,
            "server": self.server,
            "connections": self.connections,
            "streams": self.streams,
            "threads": self.threads,
            "rate_wanted": self.rate,
            "stopped": outcome.stopped,
            "elapsed_seconds": outcome.elapsed.as_secs_f64(),
            "calls": calls(outcome),
            "succeeded": measures.succeeded,
            "failed": measures.failed(),
            "calls_per_second": per_second(outcome),
            "statuses": statuses,
            "failures": failures,
            "handshakes": {
                "full": measures.full,
                "resumed": measures.resumed,
                "refused_after": measures.refused_after,
            },
            "connect": times(&measures.connect),
            "handshake": times(&measures.handshake),
            "exchange": times(&measures.exchange),
            "call": times(&measures.call),
            "cpu_seconds": cpu(outcome).map(|cpu| cpu.as_secs_f64()),
            "cpu_us_per_call": cpu_each(outcome),
            "bytes_sent": measures.sent,
            "bytes_received": measures.received,
        })
    }

    fn text(&self, outcome: &Outcome, advisor: &Advisor) -> String {
        let measures = &outcome.measures;
        let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let streams = if self.streams > 1 { format!(" of {} streams", self.streams) } else { String::new() };
        let rate = self.rate.map_or(String::new(), |rate| format!(", {rate} calls/s wanted"));
        let head = format!(
            "{}, HTTP/{}, {}: {}{streams}, {}{rate}",
            self.server,
            self.http,
            self.mode,
            plural(self.connections, "connection"),
            plural(self.threads, "thread"),
        );
        let mut lines = vec![styled(HEADING, &wrapped(&head, 2))];
        let stopped = if outcome.stopped { ", stopped early" } else { "" };
        let (seconds, per_second) = (outcome.elapsed.as_secs_f64(), per_second(outcome).unwrap_or_default());
        lines.push(format!("{} calls in {seconds:.1} s{stopped}: {per_second:.0}/s", calls(outcome)));
        let (succeeded, failed) = (measures.succeeded, measures.failed());
        let good = if succeeded == 0 { BAD } else { GOOD };
        let bad = if failed == 0 { FAINT } else { BAD };
        lines.push(format!(
            "{}, {}",
            styled(good, &format!("{succeeded} had the expected status")),
            styled(bad, &format!("{failed} failed"))
        ));
        for (kind, failures) in &measures.failures {
            let Told { example, advice } = advisor.tell(failures, outcome.wanted.as_ref());
            lines.push(wrapped(&format!("  {:>9}  {kind}, the first: {example}", failures.count), 13));
            if let Some(advice) = advice {
                lines.push(styled(HEADING, &wrapped(&format!("{}-> {advice}", " ".repeat(13)), 13)));
            }
        }
        let names = QUANTILES.iter().map(|(_, name, _)| format!("{name:>11}")).collect::<Vec<_>>().concat();
        let rows = [
            ("connect", &measures.connect),
            ("handshake", &measures.handshake),
            ("exchange", &measures.exchange),
            ("call", &measures.call),
        ];
        let rows: Vec<_> = rows.into_iter().filter(|(_, latencies)| latencies.count() > 0).collect();
        if !rows.is_empty() {
            let head = format!("{:<12}{:>11}{names}{:>11}", "microseconds", "how many", "max");
            lines.extend([String::new(), styled(HEADING, &head)]);
        }
        for (name, latencies) in rows {
            let times = QUANTILES.iter().map(|(_, _, quantile)| format!("{:>11}", micros(latencies.at(*quantile))));
            let (times, longest) = (times.collect::<String>(), micros(latencies.longest()));
            lines.push(format!("{name:<12}{:>11}{times}{longest:>11}", latencies.count()));
        }
        let mut facts = Vec::new();
        if measures.full + measures.resumed > 0 {
            let refused = match measures.refused_after {
                0 => String::new(),
                refused => format!("; of these {refused} refused after the handshake"),
            };
            facts.push(format!("{} full handshakes, {} resumed sessions{refused}", measures.full, measures.resumed));
        }
        if measures.sent + measures.received > 0 {
            let (sent, received) = (measures.sent, measures.received);
            facts.push(format!("{sent} bytes of HTTP/{} sent inside TLS, {received} received", self.http));
        }
        if let (Some(cpu), Some(each)) = (cpu(outcome), cpu_each(outcome)) {
            facts.push(format!("{:.2} s of CPU in this process: {each:.1} us a call", cpu.as_secs_f64()));
        }
        if !facts.is_empty() {
            lines.push(String::new());
            lines.extend(facts);
        }
        lines.join("\n")
    }
}

/// Calls that have ended, well or not.
fn calls(outcome: &Outcome) -> u64 {
    outcome.measures.succeeded + outcome.measures.failed()
}

#[allow(clippy::cast_precision_loss, reason = "nobody makes 2^53 calls")]
fn per_second(outcome: &Outcome) -> Option<f64> {
    let seconds = outcome.elapsed.as_secs_f64();
    (seconds > 0.0).then(|| calls(outcome) as f64 / seconds)
}

/// The CPU time, unless it was too short to be measured.
fn cpu(outcome: &Outcome) -> Option<Duration> {
    outcome.cpu.filter(|cpu| !cpu.is_zero())
}

#[allow(clippy::cast_precision_loss, reason = "nobody makes 2^53 calls")]
fn cpu_each(outcome: &Outcome) -> Option<f64> {
    let calls = calls(outcome);
    cpu(outcome).filter(|_| calls > 0).map(|cpu| rounded(cpu.as_secs_f64() * 1e6 / calls as f64))
}

fn times(latencies: &Latencies) -> Value {
    let mut times = Map::new();
    times.insert("count".to_owned(), json!(latencies.count()));
    for (name, _, quantile) in QUANTILES {
        times.insert(name.to_owned(), json!(rounded(latencies.at(quantile).as_secs_f64() * 1e6)));
    }
    times.insert("max_us".to_owned(), json!(rounded(latencies.longest().as_secs_f64() * 1e6)));
    times.into()
}

/// To one digit behind the point.
fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Microseconds for people.
pub(super) fn micros(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::caller::load::{Cause, Failures, Measures};
    use crate::caller::{Failure, Stage};

    fn text(measures: Measures, cpu: Duration) -> String {
        let summary = Summary {
            mode: "keepalive",
            http: "2",
            server: "issuer.bank.test".to_owned(),
            connections: 1,
            streams: 1,
            threads: 1,
            rate: None,
        };
        let outcome =
            Outcome { measures, elapsed: Duration::from_secs(1), cpu: Some(cpu), stopped: false, wanted: None };
        anstream::adapter::strip_str(&summary.text(&outcome, &Advisor::of_nothing())).to_string()
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        const ROWS: [&str; 6] = ["microseconds", "connect ", "call ", "full handshakes", "bytes of HTTP/2", "CPU"];
        let mut none = Measures::new().unwrap();
        let failure = Arc::new(Failure::Closed(Stage::Exchange));
        let failures = Failures { count: 3, example: "closed".to_owned(), cause: Cause::Unanswered(failure) };
        none.failures.insert("closed".to_owned(), failures);
        let text_of_none = text(none, Duration::ZERO);
        assert!(text_of_none.contains("3 failed"), "{text_of_none}");
        assert!(text_of_none.contains("-> the server, or a load balancer"), "{text_of_none}");
        assert!(!ROWS.iter().any(|row| text_of_none.contains(row)), "{text_of_none}");
        let mut one = Measures::new().unwrap();
        one.connect.record(Duration::from_millis(1));
        one.call.record(Duration::from_millis(2));
        (one.succeeded, one.full, one.refused_after, one.sent, one.received) = (1, 2, 1, 70, 30);
        let text_of_one = text(one, Duration::from_millis(10));
        assert!(ROWS.iter().all(|row| text_of_one.contains(row)), "{text_of_one}");
        assert!(!text_of_one.contains("exchange"), "{text_of_one}");
        assert!(text_of_one.contains("of these 1 refused after the handshake"), "{text_of_one}");
    }
}
