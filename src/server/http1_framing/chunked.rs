//! A chunked body and its trailer section (RFC 9112 section 7.1).

use super::field_lines::FieldLines;
use super::octets::value_run;
use super::{FramingError, FramingLimits};

/// A chunked body as far as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunked {
    at: At,
    /// Octets of chunk extensions in this body.
    extensions: usize,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Size { digits: u32, size: u64 },
    Extension { size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    Trailers { lines: FieldLines, octets: usize },
}

const NEXT_CHUNK: At = At::Size { digits: 0, size: 0 };

/// Digits of the longest chunk size, which fits an unsigned 64-bit integer.
const MOST_DIGITS: u32 = 16;

impl Chunked {
    pub(super) fn new() -> Self {
        Self { at: NEXT_CHUNK, extensions: 0 }
    }

    /// Reads on; gives the number of octets taken and whether the body is complete.
    pub(super) fn push(&mut self, bytes: &[u8], limits: &FramingLimits) -> Result<(usize, bool), FramingError> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..)
            && let Some(&first) = rest.first()
        {
            taken += match self.at {
                At::Size { digits, size } => {
                    self.at = size_octet(first, digits, size)?;
                    1
                }
                At::Extension { size } => self.extension(rest, size, limits)?,
                At::SizeLf { size } => {
                    self.at = match (first, size) {
                        (b'\n', 0) => At::Trailers { lines: FieldLines::default(), octets: 0 },
                        (b'\n', left) => At::Data { left },
                        _ => return Err(FramingError::BareCr),
                    };
                    1
                }
                At::Data { left } => {
                    let (skipped, left) = skip(rest.len(), left);
                    self.at = if left == 0 { At::DataCr } else { At::Data { left } };
                    skipped
                }
                At::DataCr | At::DataLf => {
                    self.at = match (self.at, first) {
                        (At::DataCr, b'\r') => At::DataLf,
                        (At::DataLf, b'\n') => NEXT_CHUNK,
                        _ => return Err(FramingError::ChunkEnd),
                    };
                    1
                }
                At::Trailers { ref mut lines, ref mut octets } => {
                    let (read, complete) = lines.push(rest)?;
                    *octets += read;
                    judge_trailers(lines, *octets, limits)?;
                    if complete {
                        return Ok((taken + read, true));
                    }
                    read
                }
            };
        }
        Ok((taken, false))
    }

    fn extension(&mut self, rest: &[u8], size: u64, limits: &FramingLimits) -> Result<usize, FramingError> {
        let run = value_run(rest);
        self.extensions += run;
        if self.extensions > limits.chunk_extension_bytes {
            return Err(FramingError::ChunkExtensions);
        }
        match rest.get(run) {
            None => Ok(run),
            Some(b'\r') => {
                self.at = At::SizeLf { size };
                Ok(run + 1)
            }
            Some(b'\n') => Err(FramingError::BareLf),
            Some(_) => Err(FramingError::ControlCharacter),
        }
    }
}

/// How many of `available` octets a body of `left` octets takes, and how many it then lacks.
pub(super) fn skip(available: usize, left: u64) -> (usize, u64) {
    let skipped = usize::try_from(left).map_or(available, |left| left.min(available));
    (skipped, left.saturating_sub(skipped as u64))
}

fn size_octet(byte: u8, digits: u32, size: u64) -> Result<At, FramingError> {
    // White space after the size is "bad" by RFC 9112 section 7.1.1: it is not taken.
    match (byte, char::from(byte).to_digit(16)) {
        (_, Some(digit)) if digits < MOST_DIGITS => {
            let size = size << 4 | u64::from(digit);
            // A backend may count in signed 64-bit integers.
            if i64::try_from(size).is_err() {
                return Err(FramingError::ChunkSize);
            }
            Ok(At::Size { digits: digits + 1, size })
        }
        (b';', _) if digits > 0 => Ok(At::Extension { size }),
        (b'\r', _) if digits > 0 => Ok(At::SizeLf { size }),
        (b'\n', _) if digits > 0 => Err(FramingError::BareLf),
        _ => Err(FramingError::ChunkSize),
    }
}

fn judge_trailers(lines: &FieldLines, octets: usize, limits: &FramingLimits) -> Result<(), FramingError> {
    if octets > limits.trailer_bytes || lines.count > limits.trailer_fields {
        return Err(FramingError::TrailersTooLarge);
    }
    if lines.host || lines.chunked || lines.content_length.is_some() {
        return Err(FramingError::ForbiddenTrailer);
    }
    Ok(())
}
