//! What is said of each call: a line for people, or an object for programs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use http::Request;
use serde_json::{Value, json};

use super::advice::{Known, advice, problem};
use super::answer_advice::{self, Making};
use super::connections::Attempt;
use super::shown::Leaf;
use crate::caller::Seen;
use crate::cli::color::{BAD, FAINT, GOOD, HEADING, WARNING, styled};
use crate::cli::wrapping::wrapped;
use crate::cli::{Error, say};
use crate::thales::{Fate, Operation, Product, Verdict};

/// How to write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For programs: an object for each try, and one with the sum
    Json,
}

/// Writes what is said, and counts the calls.
pub(super) struct Report {
    format: Format,
    calls: usize,
    good: usize,
    /// The facts of the connection that were written last.
    connection: String,
}

/// What is said of one try.
#[derive(Debug)]
pub(super) struct Line {
    product: Product,
    operation: String,
    kind: &'static str,
    method: String,
    path: String,
    correlation_id: Option<String>,
    /// What is special about the call.
    pub(super) label: Option<&'static str>,
    /// Counted from one.
    pub(super) attempt: u32,
    /// Whether it ended as it should.
    pub(super) good: bool,
    verdict: &'static str,
    /// The verdict in a few words.
    words: &'static str,
    status: Option<u16>,
    fate: Option<Fate>,
    /// What is wrong, in a sentence each.
    pub(super) problems: Vec<String>,
    notes: Vec<String>,
    /// What to do about it.
    pub(super) advice: Option<String>,
    /// How long is waited before the next try; `None` = there is none.
    pub(super) again_after: Option<Duration>,
    /// The client certificate that was there to be shown.
    leaf: Option<Arc<Leaf>>,
    /// Whether it takes turns with others.
    rotates: bool,
    seen: Option<Seen>,
    kept: bool,
    took: Duration,
    exchange: Duration,
}

impl Line {
    /// What came of a try; no verdict where there was no answer.
    pub(super) fn of(
        operation: &Operation,
        request: &Request<Bytes>,
        attempt: &Attempt,
        verdict: Option<Verdict>,
    ) -> Self {
        let correlation = operation.correlation.as_ref().and_then(|name| request.headers().get(name));
        let mut line = Self {
            path: request.uri().path().to_owned(),
            correlation_id: correlation.map(|value| value.as_bytes().escape_ascii().to_string()),
            leaf: attempt.leaf.clone(),
            rotates: attempt.rotates,
            seen: attempt.seen.clone(),
            kept: attempt.kept,
            took: attempt.took,
            exchange: attempt.exchange,
            ..Self::empty(operation)
        };
        match (&attempt.outcome, verdict) {
            (Ok(answer), Some(verdict)) => {
                line.good = verdict.is_acknowledged();
                (line.verdict, line.words) = if line.good {
                    ("acknowledged", "acknowledged as Thales expects")
                } else {
                    ("not_acknowledged", "not as Thales expects")
                };
                line.status = Some(answer.status.as_u16());
                line.fate = Some(verdict.fate);
                line.problems = verdict.wrong;
                line.notes = verdict.notes;
                if !line.good {
                    line.advice = answer_advice::advice(operation, request, answer, Making::Single);
                }
                // What goes well may hold what is nobody's business.
                if !line.good && !answer.status.is_success() && !answer.body.is_empty() {
                    line.notes.push(format!("it says: {}", excerpt(&answer.body)));
                }
            }
            (Err(failure), _) => {
                line.problems = vec![printable(&problem(failure))];
                line.advice = Some(printable(&advice(failure, &Known::of(attempt))));
            }
            (Ok(_), None) => {}
        }
        line
    }

    /// A call that could not be made, since no token came.
    pub(super) fn without_token(operation: &Operation, label: Option<&'static str>) -> Self {
        let problems = vec![
            "not called: there is no token to call it with, and the token endpoint is asked for one once only"
                .to_owned(),
        ];
        Self { label, problems, verdict: "not_called", words: "not called", ..Self::empty(operation) }
    }

    /// Calls that the server has to refuse, and that are not made: it has not taken the call as it should be either.
    pub(super) fn unproven(operation: &Operation) -> Self {
        let problems = vec![
            "such calls are not made: the call as it should be was not acknowledged, and so it proves nothing that another one \
             is refused"
                .to_owned(),
        ];
        let label = Some("calls that must be refused");
        Self { label, problems, verdict: "not_proven", words: "nothing is proven", ..Self::empty(operation) }
    }

    /// Turns it into the line of a call that the server had to refuse.
    pub(super) fn is_refused_rightly(&mut self, refused: bool) {
        self.good = refused;
        self.advice = None;
        if refused {
            (self.verdict, self.words) = ("refused", "refused, as it has to be");
            self.notes = std::mem::take(&mut self.problems);
            if self.status.is_some() {
                self.notes.clear();
            }
        } else {
            (self.verdict, self.words) = ("not_refused", "NOT REFUSED");
            self.problems.push("such a call must not be answered like one of Thales'".to_owned());
        }
    }

    fn empty(operation: &Operation) -> Self {
        Self {
            product: operation.product,
            operation: operation.name.clone(),
            kind: operation.kind.name(),
            method: operation.method.to_string(),
            path: operation.full_path(),
            correlation_id: None,
            label: None,
            attempt: 1,
            good: false,
            verdict: "no_answer",
            words: "no answer",
            status: None,
            fate: None,
            problems: Vec::new(),
            notes: Vec::new(),
            advice: None,
            again_after: None,
            leaf: None,
            rotates: false,
            seen: None,
            kept: false,
            took: Duration::ZERO,
            exchange: Duration::ZERO,
        }
    }

    fn json(&self) -> Value {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        json!({
            "product": self.product.name(),
            "operation": self.operation,
            "kind": self.kind,
            "method": self.method,
            "path": self.path,
            "label": self.label,
            "attempt": self.attempt,
            "good": self.good,
            "verdict": self.verdict,
            "status": self.status,
            "fate": self.fate.map(Fate::name),
            "problems": self.problems,
            "notes": self.notes,
            "advice": self.advice,
            "again_after_us": self.again_after.map(micros),
            "correlation_id": self.correlation_id,
            "client_certificate": self.leaf.as_ref().map(|leaf| leaf.json()),
            "tls": self.seen.as_ref().map(|seen| json!({
                "version": seen.version_name(),
                "suite": seen.suite,
                "group": seen.group,
                "alpn": seen.alpn.as_deref().map(printable),
                "resumed": seen.resumed,
                "connection_kept": self.kept,
                "connecting_us": micros(seen.connecting),
                "handshake_us": micros(seen.handshake),
            })),
            "exchange_us": micros(self.exchange),
            "total_us": micros(self.took),
        })
    }

    fn text(&self) -> String {
        /// Columns before what is said of a call.
        const MARGIN: usize = 7;
        let (style, mark) = match (self.good, self.again_after) {
            (true, _) => (GOOD, "ok     "),
            (false, Some(_)) => (WARNING, "again  "),
            (false, None) => (BAD, "WRONG  "),
        };
        let status = self.status.map_or("-".to_owned(), |status| status.to_string());
        let connection = self.seen.as_ref().map_or(String::new(), |seen| {
            let alpn = seen.alpn.as_deref().map_or("no ALPN".to_owned(), printable);
            let connection = match (self.kept, seen.resumed) {
                (true, _) => "kept",
                (false, true) => "resumed",
                (false, false) => "full",
            };
            format!("; {} {alpn} {connection}", seen.version_name())
        });
        let took = if self.took.is_zero() { String::new() } else { format!(", {}", milliseconds(self.took)) };
        let facts = format!("{}{connection}{took}", self.words);
        let line = wrapped(&format!("{mark}{:<26} {status:>3}  {facts}", self.operation), MARGIN);
        // The mark is plain ASCII, and stands at the beginning.
        let mut text = line.replacen(mark.trim_end(), &styled(style, mark.trim_end()), 1);
        let mut more = |style, words: &str| {
            let lines = wrapped(&format!("{}{words}", " ".repeat(MARGIN)), MARGIN);
            text.push('\n');
            text.push_str(&styled(style, &lines));
        };
        match (self.label, self.attempt) {
            (Some(label), 1) => more(FAINT, label),
            (Some(label), attempt) => more(FAINT, &format!("{label}; try {attempt}")),
            (None, 1) => {}
            (None, attempt) => more(FAINT, &format!("try {attempt}")),
        }
        if let Some(leaf) = self.leaf.as_ref().filter(|_| self.rotates) {
            more(FAINT, &format!("with {leaf}"));
        }
        let lost = if self.fate == Some(Fate::Lost) { BAD } else { anstyle::Style::new() };
        self.problems.iter().for_each(|problem| more(lost, problem));
        self.notes.iter().for_each(|note| more(FAINT, note));
        if let Some(advice) = &self.advice {
            more(HEADING, &format!("-> {advice}"));
        }
        if let Some(wait) = self.again_after {
            more(FAINT, &format!("again in {}", humantime::format_duration(wait)));
        }
        text
    }
}

impl Report {
    pub(super) fn new(format: Format) -> Self {
        Self { format, calls: 0, good: 0, connection: String::new() }
    }

    /// Says something to people.
    pub(super) fn remark(&self, words: &str) -> Result<(), Error> {
        if self.format == Format::Text {
            say(styled(FAINT, &wrapped(words, 0)))?;
        }
        Ok(())
    }

    /// Heads what follows, for people.
    pub(super) fn head(&self, words: &str) -> Result<(), Error> {
        if self.format == Format::Text {
            say(styled(HEADING, words))?;
        }
        Ok(())
    }

    /// A try that is not the last one of its call.
    pub(super) fn line(&mut self, line: &Line) -> Result<(), Error> {
        if self.format == Format::Json {
            return Ok(say(line.json())?);
        }
        if let Some(seen) = line.seen.as_ref().filter(|_| !line.kept) {
            let group = seen.group.as_ref().map_or(String::new(), |group| format!(", {group}"));
            let facts = format!("{}, {}{group}", seen.version_name(), seen.suite);
            if facts != self.connection {
                self.remark(&facts)?;
                self.connection = facts;
            }
        }
        Ok(say(line.text())?)
    }

    /// The last try of a call.
    pub(super) fn last(&mut self, line: &Line) -> Result<(), Error> {
        self.calls += 1;
        self.good += usize::from(line.good);
        self.line(line)
    }

    /// The sum. Whether every call ended as it should.
    pub(super) fn sum(&self) -> Result<bool, Error> {
        let (calls, good) = (self.calls, self.good);
        match self.format {
            Format::Json => say(json!({ "summary": { "calls": calls, "good": good } }))?,
            Format::Text if calls > 1 => say(format_args!("\n{good} of {calls} calls ended as they should."))?,
            Format::Text => {}
        }
        Ok(good == calls)
    }
}

/// The beginning of what a server says, without what a terminal could take for more than text.
fn excerpt(body: &[u8]) -> String {
    const LONGEST: usize = 200;
    let shown = body.get(..LONGEST).unwrap_or(body);
    let more = if shown.len() < body.len() { "..." } else { "" };
    format!("{}{more}", printable(&String::from_utf8_lossy(shown)))
}

/// Printable ASCII; anything else escaped.
pub(super) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' '..='~' => printable.push(character),
            other => printable.extend(other.escape_default()),
        }
    }
    printable
}

fn milliseconds(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    if milliseconds < 10.0 { format!("{milliseconds:.1}ms") } else { format!("{milliseconds:.0}ms") }
}
