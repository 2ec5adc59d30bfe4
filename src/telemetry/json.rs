//! Log lines as JSON: an object a line, what the event says at its top level, beside when, how severe and from where. The library's
//! own way to write them costs more than all the rest of a request's way through this server.

mod clock;

use std::cell::Cell;
use std::fmt::{self, Write};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What a line of a request takes, so that a line is one allocation. Bytes.
const USUAL_LENGTH: usize = 1024;

/// Writes events as JSON. Spans are not told of: this server has none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut members = Members::begin(String::with_capacity(USUAL_LENGTH), *event.metadata().level());
        event.record(&mut members);
        let (line, result) = members.end(event.metadata().target());
        result.and_then(|()| writer.write_str(&line))
    }
}

/// The beginning of a member, in one piece with all that stands around it. [`member`] makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    /// Before a literal.
    pub(crate) bare: &'static str,
    /// Before text, with its quote.
    pub(crate) quoted: &'static str,
}

/// The beginning of a member of this name, in which nothing has to be escaped.
macro_rules! member {
    ($name:literal) => {
        $crate::telemetry::Begun { bare: concat!(",\"", $name, "\":"), quoted: concat!(",\"", $name, "\":\"") }
    };
}
pub(crate) use member;

/// The members of an object, behind the first ones.
pub(crate) struct Members {
    line: String,
    result: fmt::Result,
}

impl Members {
    /// A line in the place of what `line` holds.
    fn begin(mut line: String, level: Level) -> Self {
        line.clear();
        line.push_str("{\"timestamp\":\"");
        clock::push(&mut line, SystemTime::now());
        line.push_str("\",\"level\":\"");
        line.push_str(level.as_str());
        line.push('"');
        Self { line, result: Ok(()) }
    }

    fn end(mut self, target: &str) -> (String, fmt::Result) {
        self.string("target", target);
        self.line.push_str("}\n");
        (self.line, self.result)
    }

    /// As [`Members::end`], with a target of this program's own.
    fn end_of_ours(mut self, target: &'static str) -> String {
        self.word(member!("target"), target);
        self.line.push_str("}\n");
        self.line
    }

    fn name(&mut self, name: &str) {
        self.line.push_str(",\"");
        push_escaped(&mut self.line, name);
        self.line.push_str("\":");
    }

    fn string(&mut self, name: &str, text: &str) {
        self.name(name);
        self.line.push('"');
        push_escaped(&mut self.line, text);
        self.line.push('"');
    }

    /// What prints as JSON by itself: a number, `true`, `null`.
    fn literal(&mut self, name: &str, value: impl fmt::Display) {
        self.name(name);
        self.written(|line| write!(line, "{value}"));
    }

    /// A member that is text.
    pub(crate) fn text(&mut self, begun: Begun, text: &str) {
        self.line.push_str(begun.quoted);
        push_escaped(&mut self.line, text);
        self.line.push('"');
    }

    /// A member whose text is a word that this program made, with nothing in it to escape.
    pub(crate) fn word(&mut self, begun: Begun, word: &str) {
        debug_assert!(!word.bytes().any(must_be_escaped), "{word}");
        self.line.push_str(begun.quoted);
        self.line.push_str(word);
        self.line.push('"');
    }

    /// A member that is a whole number.
    pub(crate) fn number(&mut self, begun: Begun, number: impl itoa::Integer) {
        self.line.push_str(begun.bare);
        self.line.push_str(itoa::Buffer::new().format(number));
    }

    /// A member that is `true` or `false`.
    pub(crate) fn truth(&mut self, begun: Begun, value: bool) {
        self.line.push_str(begun.bare);
        self.line.push_str(if value { "true" } else { "false" });
    }

    fn integer(&mut self, name: &str, value: impl itoa::Integer) {
        self.name(name);
        self.line.push_str(itoa::Buffer::new().format(value));
    }

    /// Members that [`written_out`] made.
    pub(crate) fn as_written(&mut self, members: &str) {
        self.line.push_str(members);
    }

    fn written(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) {
        let written = write(&mut self.line);
        self.result = self.result.and(written);
    }
}

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(name(field), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.integer(name(field), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.integer(name(field), value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.literal(name(field), value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.literal(name(field), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.literal(name(field), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            // Its Debug form keeps the exponent of large numbers, where Display writes all their digits.
            self.literal(name(field), format_args!("{value:?}"));
        } else {
            self.literal(name(field), "null");
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(name(field));
        self.line.push('"');
        self.written(|line| write!(Escaped(line), "{value:?}"));
        self.line.push('"');
    }
}

/// Members that many lines have in common, to be put into each of them [as they are](Members::as_written).
pub(crate) fn written_out(write: impl FnOnce(&mut Members)) -> String {
    let mut members = Members { line: String::new(), result: Ok(()) };
    write(&mut members);
    members.line
}

/// Hands a whole line to `take`. What it is put together in is kept for the next one.
pub(super) fn with_line(level: Level, target: &'static str, write: impl FnOnce(&mut Members), take: impl FnOnce(&str)) {
    let mut members = Members::begin(BUFFER.take(), level);
    write(&mut members);
    let line = members.end_of_ours(target);
    take(&line);
    BUFFER.set(line);
}

thread_local! {
    static BUFFER: Cell<String> = const { Cell::new(String::new()) };
}

/// A name that is a word of the language is written with `r#` before it, which is no part of it.
fn name(field: &Field) -> &'static str {
    field.name().strip_prefix("r#").unwrap_or(field.name())
}

/// Escapes what is written through it.
struct Escaped<'l>(&'l mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

/// Text as it stands between the quotes of a JSON string (RFC 8259 section 7).
fn push_escaped(line: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = first_to_escape(rest.as_bytes()) {
        let (plain, escaped) = rest.split_at(at);
        line.push_str(plain);
        let mut chars = escaped.chars();
        // One byte in UTF-8, as all that must be escaped.
        match chars.next() {
            Some('"') => line.push_str("\\\""),
            Some('\\') => line.push_str("\\\\"),
            Some('\n') => line.push_str("\\n"),
            Some('\r') => line.push_str("\\r"),
            Some('\t') => line.push_str("\\t"),
            Some(control) => {
                let hexadecimal = |digit: u32| char::from_digit(digit, 16).unwrap_or('0');
                let code = u32::from(control);
                line.push_str("\\u00");
                line.push(hexadecimal(code >> 4));
                line.push(hexadecimal(code & 0x0f));
            }
            None => {}
        }
        rest = chars.as_str();
    }
    line.push_str(rest);
}

/// Eight at a time: nearly all text has none.
fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            // The lowest mark is right; those above it can be of bytes that a borrow came to.
            return Some(number * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    // What is left over is looked at with what stands before it.
    if bytes.last_chunk().is_some_and(|last| marks(u64::from_le_bytes(*last)) == 0) {
        return None;
    }
    rest.iter().position(|byte| must_be_escaped(*byte)).map(|at| words.len() * 8 + at)
}

/// The highest bit of each byte that must be escaped, up to the lowest of them.
const fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = 0x80 * ONES;
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let control = word.wrapping_sub(0x20 * ONES) & !word;
    let quote = zeros(word ^ (b'"' as u64 * ONES));
    let backslash = zeros(word ^ (b'\\' as u64 * ONES));
    (control | quote | backslash) & HIGHEST
}

const fn must_be_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
