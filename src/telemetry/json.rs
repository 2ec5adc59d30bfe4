//! Log lines as JSON: an object a line, what the event says at its top level, beside when, how severe and from where. The library's
//! own way to write them costs more than all the rest of a request's way through this server.

mod clock;

use std::fmt::{self, Write};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
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
        let mut line = String::with_capacity(USUAL_LENGTH);
        line.push_str("{\"timestamp\":\"");
        clock::push(&mut line, SystemTime::now());
        line.push_str("\",\"level\":\"");
        line.push_str(event.metadata().level().as_str());
        line.push('"');
        let mut members = Members { line, result: Ok(()) };
        event.record(&mut members);
        members.string("target", event.metadata().target());
        let Members { mut line, result } = members;
        line.push_str("}\n");
        result.and_then(|()| writer.write_str(&line))
    }
}

/// The members of an object, behind a first one.
struct Members {
    line: String,
    result: fmt::Result,
}

impl Members {
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

    fn integer(&mut self, name: &str, value: impl itoa::Integer) {
        self.name(name);
        self.line.push_str(itoa::Buffer::new().format(value));
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

/// Sixteen at a time, as the compiler does them at once: nearly all text has none.
fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<16>();
    let any = |chunk: &[u8; 16]| chunk.iter().fold(false, |any, byte| any | must_be_escaped(*byte));
    if let Some(chunk) = chunks.iter().position(any) {
        let begin = chunk * 16;
        let at = bytes.get(begin..)?.iter().position(|byte| must_be_escaped(*byte))?;
        return Some(begin + at);
    }
    rest.iter().position(|byte| must_be_escaped(*byte)).map(|at| chunks.len() * 16 + at)
}

const fn must_be_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
