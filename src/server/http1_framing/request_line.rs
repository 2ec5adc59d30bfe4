//! `METHOD SP target SP HTTP/1.x CRLF` (RFC 9112 section 3).

use super::FramingError;
use super::octets::{target_run, token_run};

/// A request line as far as it was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestLine {
    at: At,
    /// Octets in the current part, or matched of it.
    length: usize,
    /// Whether the method has been `PRI` so far, as in the preface of HTTP/2.
    preface: bool,
    pub(super) minor: Minor,
}

/// HTTP/1.0 or HTTP/1.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Minor {
    Zero,
    #[default]
    One,
}

#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    Method,
    Target,
    Version,
    Cr,
    Lf,
}

const VERSION: &[u8] = b"HTTP/1.1";
/// The version and the end of the line in one piece, as they nearly always come; else they go octet by octet.
const USUAL_END: &[u8] = b"HTTP/1.1\r\n";
const PREFACE_METHOD: &[u8] = b"PRI";

impl RequestLine {
    /// Reads on; gives the number of octets taken and whether the line is complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(usize, bool), FramingError> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..)
            && let Some(&first) = rest.first()
        {
            taken += match self.at {
                At::Method => self.method(rest)?,
                At::Target => self.target(rest)?,
                At::Version if self.length == 0 && rest.starts_with(USUAL_END) => {
                    return Ok((taken + USUAL_END.len(), true));
                }
                At::Version => self.version(first)?,
                At::Cr => self.carriage_return(first)?,
                At::Lf if first == b'\n' => return Ok((taken + 1, true)),
                At::Lf => return Err(FramingError::BareCr),
            };
        }
        Ok((taken, false))
    }

    fn method(&mut self, rest: &[u8]) -> Result<usize, FramingError> {
        let run = token_run(rest);
        let so_far = PREFACE_METHOD.get(self.length..self.length + run);
        self.preface = (self.preface || self.length == 0) && so_far == rest.get(..run);
        self.length += run;
        match rest.get(run) {
            None => Ok(run),
            Some(b' ') if self.length > 0 => {
                self.preface &= self.length == PREFACE_METHOD.len();
                self.next(At::Target);
                Ok(run + 1)
            }
            Some(&other) => Err(unexpected(other)),
        }
    }

    fn target(&mut self, rest: &[u8]) -> Result<usize, FramingError> {
        let run = target_run(rest);
        self.length += run;
        match rest.get(run) {
            None => Ok(run),
            Some(b' ') if self.length > 0 => {
                self.next(At::Version);
                Ok(run + 1)
            }
            Some(b'\r' | b'\n') if self.length > 0 => Err(FramingError::NoVersion),
            Some(&other) => Err(unexpected(other)),
        }
    }

    fn version(&mut self, byte: u8) -> Result<usize, FramingError> {
        /// Where in [`VERSION`] its two digits stand.
        const MAJOR: usize = 5;
        const MINOR: usize = 7;
        match (self.length, byte) {
            (MINOR, b'0') => self.minor = Minor::Zero,
            (MAJOR | MINOR, b'0'..=b'9') if VERSION.get(self.length) != Some(&byte) => {
                return Err(if self.preface { FramingError::Http2Preface } else { FramingError::Version });
            }
            (at, byte) if VERSION.get(at) == Some(&byte) => {}
            (_, other) => return Err(unexpected(other)),
        }
        self.length += 1;
        if self.length == VERSION.len() {
            self.next(At::Cr);
        }
        Ok(1)
    }

    fn carriage_return(&mut self, byte: u8) -> Result<usize, FramingError> {
        match byte {
            b'\r' => {
                self.next(At::Lf);
                Ok(1)
            }
            // HTTP/1.10 and the like.
            b'0'..=b'9' => Err(FramingError::Version),
            other => Err(unexpected(other)),
        }
    }

    fn next(&mut self, at: At) {
        self.at = at;
        self.length = 0;
    }
}

/// What is wrong with an octet that the grammar does not have here.
fn unexpected(byte: u8) -> FramingError {
    match byte {
        b'\n' => FramingError::BareLf,
        b'\r' | b'\t' | b' '..=b'~' | 0x80..=0xff => FramingError::RequestLine,
        _ => FramingError::ControlCharacter,
    }
}
