//! Field lines up to the empty line: of a head, or of a trailer section (RFC 9112 section 5).

use super::FramingError;
use super::octets::{token_run, value_run};

/// A section of field lines as far as it was read, and what it said about framing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FieldLines {
    at: At,
    name: Name,
    value: Value,
    /// Field lines that were begun.
    pub(super) count: usize,
    /// Whether there was a Host field.
    pub(super) host: bool,
    /// The Content-Length, in bytes.
    pub(super) content_length: Option<u64>,
    /// Whether there was `Transfer-Encoding: chunked`.
    pub(super) chunked: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    LineStart,
    Name,
    Value,
    ValueLf,
    LastLf,
}

impl FieldLines {
    /// Reads on; gives the number of octets taken and whether the section is complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(usize, bool), FramingError> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..)
            && let Some(&first) = rest.first()
        {
            taken += match self.at {
                At::LineStart => self.line_start(rest, first)?,
                At::Name => self.name(rest)?,
                At::Value => self.value(rest)?,
                At::ValueLf if first == b'\n' => {
                    self.at = At::LineStart;
                    self.judge(self.value)?;
                    1
                }
                At::LastLf if first == b'\n' => return Ok((taken + 1, true)),
                At::ValueLf | At::LastLf => return Err(FramingError::BareCr),
            };
        }
        Ok((taken, false))
    }

    fn line_start(&mut self, rest: &[u8], first: u8) -> Result<usize, FramingError> {
        if let Some((name, visible, length)) = whole_line(rest) {
            self.count += 1;
            let mut value = Value::of(name);
            value.keep(visible)?;
            self.judge(value)?;
            return Ok(length);
        }
        match first {
            b'\r' => {
                self.at = At::LastLf;
                return Ok(1);
            }
            b'\n' => return Err(FramingError::BareLf),
            b' ' | b'\t' => return Err(FramingError::FoldedField),
            b':' => return Err(FramingError::EmptyFieldName),
            _ => {}
        }
        self.count += 1;
        self.name.length = 0;
        self.at = At::Name;
        Ok(0)
    }

    fn name(&mut self, rest: &[u8]) -> Result<usize, FramingError> {
        let run = token_run(rest);
        let (token, rest) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        match rest.first() {
            None => {
                self.name.keep(token);
                Ok(run)
            }
            Some(b':') => {
                self.value = Value::of(self.name.followed_by(token));
                self.at = At::Value;
                Ok(run + 1)
            }
            Some(b' ' | b'\t') => Err(FramingError::SpaceBeforeColon),
            Some(b'\n') => Err(FramingError::BareLf),
            Some(b'\r' | b'!'..=b'~' | 0x80..) => Err(FramingError::FieldName),
            Some(_) => Err(FramingError::ControlCharacter),
        }
    }

    fn value(&mut self, rest: &[u8]) -> Result<usize, FramingError> {
        let run = value_run(rest);
        let (visible, rest) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        self.value.keep(visible)?;
        match rest.first() {
            None => Ok(run),
            Some(b'\r') => {
                self.at = At::ValueLf;
                Ok(run + 1)
            }
            Some(b'\t') => {
                self.value.keep(b"\t")?;
                Ok(run + 1)
            }
            Some(b'\n') => Err(FramingError::BareLf),
            Some(_) => Err(FramingError::ControlCharacter),
        }
    }

    /// Takes the value of a complete line.
    fn judge(&mut self, value: Value) -> Result<(), FramingError> {
        match value {
            Value::Any => {}
            Value::Host if self.host => return Err(FramingError::SeveralHosts),
            Value::Host => self.host = true,
            Value::ContentLength(_) if self.content_length.is_some() => {
                return Err(FramingError::SeveralContentLengths);
            }
            Value::ContentLength(number) => self.content_length = Some(number.finish()?),
            Value::TransferEncoding(_) if self.chunked => return Err(FramingError::SeveralTransferEncodings),
            Value::TransferEncoding(coding) if coding.is_chunked() => self.chunked = true,
            Value::TransferEncoding(_) => return Err(FramingError::TransferCoding),
        }
        Ok(())
    }
}

/// Name, value and length of the field line that `rest` starts with, if it is whole and well-formed: the short way that
/// nearly all lines go. Lines that are odd or cut are left to the long way.
fn whole_line(rest: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let (name, after) = rest.split_at_checked(token_run(rest))?;
    let (b':', after) = after.split_first()? else { return None };
    let (value, after) = after.split_at_checked(value_run(after))?;
    let whole = !name.is_empty() && after.starts_with(b"\r\n");
    whole.then_some((name, value, name.len() + 1 + value.len() + 2))
}

const HOST: &[u8] = b"host";
const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";

/// A field name, of which only those matter that say something about framing: more than their length is not kept.
#[derive(Clone, Copy, Debug, Default)]
struct Name {
    start: [u8; TRANSFER_ENCODING.len()],
    length: usize,
}

impl Name {
    /// Adds a part of a name that a read cut in two.
    fn keep(&mut self, part: &[u8]) {
        for (kept, byte) in self.start.iter_mut().skip(self.length).zip(part) {
            *kept = *byte;
        }
        self.length += part.len();
    }

    /// The whole name: what was kept and `last`. Nearly always the whole is in `last`.
    fn followed_by<'a>(&'a mut self, last: &'a [u8]) -> &'a [u8] {
        if self.length == 0 {
            return last;
        }
        self.keep(last);
        // A longer name is none of those that matter.
        self.start.get(..self.length).unwrap_or_default()
    }
}

/// The value of the current field, as far as it matters.
#[derive(Clone, Copy, Debug, Default)]
enum Value {
    #[default]
    Any,
    Host,
    ContentLength(Number),
    TransferEncoding(Coding),
}

impl Value {
    /// What is to be kept of the value of the field `name`.
    fn of(name: &[u8]) -> Self {
        match name.len() {
            4 if name.eq_ignore_ascii_case(HOST) => Self::Host,
            14 if name.eq_ignore_ascii_case(CONTENT_LENGTH) => Self::ContentLength(Number::default()),
            17 if name.eq_ignore_ascii_case(TRANSFER_ENCODING) => Self::TransferEncoding(Coding::default()),
            _ => Self::Any,
        }
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), FramingError> {
        match self {
            Self::Any | Self::Host => Ok(()),
            Self::ContentLength(number) => number.keep(part),
            Self::TransferEncoding(coding) => {
                coding.keep(part);
                Ok(())
            }
        }
    }
}

/// 1 to 19 decimal digits between optional white space.
#[derive(Clone, Copy, Debug, Default)]
struct Number {
    digits: u32,
    value: u64,
    /// White space after the last digit.
    over: bool,
}

impl Number {
    /// 19 digits always fit an unsigned 64-bit integer.
    const MOST_DIGITS: u32 = 19;

    fn keep(&mut self, part: &[u8]) -> Result<(), FramingError> {
        for byte in part {
            match byte {
                b' ' | b'\t' => self.over = self.digits > 0,
                b'0'..=b'9' if !self.over && self.digits < Self::MOST_DIGITS => {
                    self.digits += 1;
                    self.value = self.value * 10 + u64::from(byte - b'0');
                }
                _ => return Err(FramingError::ContentLength),
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<u64, FramingError> {
        // A backend may count in signed 64-bit integers.
        let fits = i64::try_from(self.value).is_ok();
        if self.digits > 0 && fits { Ok(self.value) } else { Err(FramingError::ContentLength) }
    }
}

/// The value of Transfer-Encoding: white space around it left out, and no more kept than tells `chunked` from others.
#[derive(Clone, Copy, Debug, Default)]
struct Coding {
    text: [u8; Self::CHUNKED.len()],
    length: usize,
    /// White space after the last visible octet.
    over: bool,
    other: bool,
}

impl Coding {
    const CHUNKED: &'static [u8] = b"chunked";

    fn keep(&mut self, part: &[u8]) {
        for byte in part {
            match byte {
                b' ' | b'\t' => self.over = self.length > 0,
                byte => match self.text.get_mut(self.length) {
                    Some(kept) if !self.over => {
                        *kept = *byte;
                        self.length += 1;
                    }
                    _ => self.other = true,
                },
            }
        }
    }

    fn is_chunked(&self) -> bool {
        !self.other && self.text.get(..self.length).is_some_and(|text| text.eq_ignore_ascii_case(Self::CHUNKED))
    }
}
