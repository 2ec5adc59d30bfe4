//! The framing of HTTP/1.1 requests, stricter than any parser behind it.
//!
//! Requests are smuggled where two readers of one byte stream disagree about where a message ends (RFC 9112 section
//! 11.2). [`Framing`] runs along the bytes of a connection before anything else sees them and refuses every shape about
//! which readers have been known to disagree, so that what is left has one reading only. It knows nothing of methods,
//! targets or values, keeps no bytes and allocates nothing.

mod chunked;
mod error;
mod field_lines;
mod octets;
mod request_line;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;

pub use error::FramingError;

use chunked::{Chunked, skip};
use field_lines::FieldLines;
use request_line::{Minor, RequestLine};

/// How much of a message may be framing. The HTTP parser behind has limits of its own; these are meant to be lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramingLimits {
    /// The longest request line, in bytes with its CRLF.
    pub request_line_bytes: usize,
    /// The largest head, request line and all CRLF included, in bytes.
    pub head_bytes: usize,
    /// The most field lines in a head.
    pub head_fields: usize,
    /// The largest trailer section, in bytes.
    pub trailer_bytes: usize,
    /// The most field lines in a trailer section.
    pub trailer_fields: usize,
    /// The most chunk extensions in one body, in bytes. Nobody uses them for anything good.
    pub chunk_extension_bytes: usize,
}

impl Default for FramingLimits {
    fn default() -> Self {
        Self {
            request_line_bytes: 8 * 1024,
            head_bytes: 32 * 1024,
            head_fields: 100,
            trailer_bytes: 8 * 1024,
            trailer_fields: 32,
            chunk_extension_bytes: 256,
        }
    }
}

/// Where in its messages a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between messages. The one empty line that may precede a request line (RFC 9112 section 2.2) still counts as idle.
    Idle,
    /// In a head: its first byte was seen, its end was not.
    Head,
    /// In a body, trailers included.
    Body,
}

/// A refused message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    /// The shape.
    pub error: FramingError,
    /// Whether the head or the body of the message was refused; never [`Phase::Idle`] unless the shape stands before the
    /// request line.
    pub phase: Phase,
    /// How many of the pushed bytes may still be passed on: those before the message where its head is refused; those
    /// read without complaint where its body is.
    pub good: usize,
}

/// The framing of the requests of one connection, as a push parser: give it what was read, in the order in which it was
/// read, cut anywhere.
#[derive(Clone, Debug)]
pub struct Framing {
    limits: FramingLimits,
    state: State,
    heads_begun: u64,
    heads_complete: u64,
    messages_complete: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle(EmptyLine),
    Head(Head),
    Length(u64),
    Chunked(Chunked),
    Refused(Refusal),
}

/// The empty line before a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EmptyLine {
    NotSeen,
    Cr,
    Seen,
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    octets: usize,
    line_complete: bool,
    line: RequestLine,
    fields: FieldLines,
}

impl Framing {
    /// The framing of a fresh connection.
    #[must_use]
    pub fn new(limits: FramingLimits) -> Self {
        Self { limits, state: State::Idle(EmptyLine::NotSeen), heads_begun: 0, heads_complete: 0, messages_complete: 0 }
    }

    /// Runs along `bytes`.
    ///
    /// # Errors
    /// [`Refusal`] at the first refused shape, and again at each later call: there is no way back into step.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        // Where in `bytes` the current message begins: at 0 for one that an earlier read began.
        let mut message = 0;
        let mut at = 0;
        while let Some(rest) = bytes.get(at..)
            && let Some(&first) = rest.first()
        {
            match self.advance(rest, first) {
                Ok(taken) => {
                    if taken == 0 || matches!(self.state, State::Idle(EmptyLine::NotSeen)) {
                        message = at + taken;
                    }
                    at += taken;
                }
                Err(error) => {
                    let phase = self.phase();
                    let good = if phase == Phase::Body { at } else { message };
                    let refusal = Refusal { error, phase, good };
                    self.state = State::Refused(Refusal { good: 0, ..refusal });
                    return Err(refusal);
                }
            }
        }
        match self.state {
            State::Refused(refusal) => Err(refusal),
            _ => Ok(()),
        }
    }

    /// Where in its messages the connection is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Idle(_) => Phase::Idle,
            State::Head(_) => Phase::Head,
            State::Length(_) | State::Chunked(_) => Phase::Body,
            State::Refused(refusal) => refusal.phase,
        }
    }

    /// How many heads have begun.
    #[must_use]
    pub fn heads_begun(&self) -> u64 {
        self.heads_begun
    }

    /// How many heads were complete and taken.
    #[must_use]
    pub fn heads_complete(&self) -> u64 {
        self.heads_complete
    }

    /// How many messages were complete and taken.
    #[must_use]
    pub fn messages_complete(&self) -> u64 {
        self.messages_complete
    }

    /// Takes some of `rest`, which starts with `first`; taking none changes the state.
    fn advance(&mut self, rest: &[u8], first: u8) -> Result<usize, FramingError> {
        match &mut self.state {
            State::Idle(empty_line) => {
                *empty_line = match (*empty_line, first) {
                    (EmptyLine::NotSeen, b'\r') => EmptyLine::Cr,
                    (EmptyLine::Cr, b'\n') => EmptyLine::Seen,
                    (EmptyLine::Cr, _) => return Err(FramingError::BareCr),
                    (EmptyLine::Seen, b'\r') => return Err(FramingError::EmptyLines),
                    (EmptyLine::NotSeen | EmptyLine::Seen, b'\n') => return Err(FramingError::BareLf),
                    (EmptyLine::NotSeen | EmptyLine::Seen, _) => {
                        self.heads_begun += 1;
                        self.state = State::Head(Head::default());
                        return Ok(0);
                    }
                };
                Ok(1)
            }
            State::Head(head) => {
                let (taken, complete) = head.push(rest, &self.limits)?;
                if complete {
                    let body = head.body()?;
                    self.heads_complete += 1;
                    self.enter(body);
                }
                Ok(taken)
            }
            State::Length(left) => {
                let taken;
                (taken, *left) = skip(rest.len(), *left);
                if *left == 0 {
                    self.complete();
                }
                Ok(taken)
            }
            State::Chunked(chunked) => {
                let (taken, complete) = chunked.push(rest, &self.limits)?;
                if complete {
                    self.complete();
                }
                Ok(taken)
            }
            State::Refused(refusal) => Err(refusal.error),
        }
    }

    fn enter(&mut self, body: State) {
        match body {
            State::Length(0) => self.complete(),
            body => self.state = body,
        }
    }

    fn complete(&mut self) {
        self.messages_complete += 1;
        self.state = State::Idle(EmptyLine::NotSeen);
    }
}

impl Head {
    fn push(&mut self, bytes: &[u8], limits: &FramingLimits) -> Result<(usize, bool), FramingError> {
        let mut rest = bytes;
        let mut taken = 0;
        if !self.line_complete {
            (taken, self.line_complete) = self.line.push(bytes)?;
            self.octets += taken;
            if self.octets > limits.request_line_bytes {
                return Err(FramingError::RequestLineTooLong);
            }
            if !self.line_complete {
                return Ok((taken, false));
            }
            rest = bytes.get(taken..).unwrap_or_default();
        }
        let (read, complete) = self.fields.push(rest)?;
        self.octets += read;
        if self.fields.count > limits.head_fields {
            return Err(FramingError::TooManyFields);
        }
        if self.octets > limits.head_bytes {
            return Err(FramingError::HeadTooLarge);
        }
        Ok((taken + read, complete))
    }

    /// How the body of the complete head is framed (RFC 9112 section 6.3).
    fn body(&self) -> Result<State, FramingError> {
        let fields = &self.fields;
        if self.line.minor == Minor::One && !fields.host {
            return Err(FramingError::NoHost);
        }
        match (fields.chunked, fields.content_length) {
            (true, Some(_)) => Err(FramingError::TransferEncodingAndContentLength),
            (true, None) if self.line.minor == Minor::Zero => Err(FramingError::TransferEncodingInHttp10),
            (true, None) => Ok(State::Chunked(Chunked::new())),
            (false, length) => Ok(State::Length(length.unwrap_or(0))),
        }
    }
}
