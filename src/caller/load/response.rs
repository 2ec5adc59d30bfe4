//! What an HTTP/1.1 server answers, as far as a load needs it: the status, where the answer ends, and whether the connection stays
//! (RFC 9112). Headers and body are thrown away, but of an answer that is judged.

use http::{HeaderName, HeaderValue};
use httparse::{Header, ParserConfig, Response, Status};

use super::judge::Heard;

/// More header fields than any answer of this kind has.
const MAX_HEADERS: usize = 64;

/// Reads one answer, a piece at a time. It is never the answer to HEAD or CONNECT.
#[derive(Debug)]
pub(super) struct ResponseReader {
    state: State,
    status: u16,
    keep_alive: bool,
    /// Where headers and body go; `None` = nobody wants them.
    heard: Option<Heard>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes of the body are missing.
    Body(u64),
    /// The line with the size of the next chunk (RFC 9112 section 7.1).
    ChunkSize,
    /// So many bytes of a chunk are missing, the line end behind it among them.
    Chunk(u64),
    /// Lines behind the last chunk, up to an empty one.
    Trailers,
    /// The body ends with the connection.
    UntilClose,
    Done,
}

/// Why it is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(String);

impl ResponseReader {
    pub(super) fn new(heard: Option<Heard>) -> Self {
        Self { state: State::Head, status: 0, keep_alive: true, heard }
    }

    /// Takes as much of `bytes` as it can, and says how much that was: what is left over is to be shown again, with more behind it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut taken = 0;
        while self.state != State::Done {
            let rest = bytes.get(taken..).unwrap_or_default();
            let step = self.step(rest)?;
            taken += step;
            if step == 0 {
                break;
            }
        }
        Ok(taken)
    }

    /// The server has ended the connection: whether the answer is whole.
    pub(super) fn ends_with_connection(&mut self) -> bool {
        if self.state == State::UntilClose {
            self.state = State::Done;
        }
        self.is_done()
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// Whether the connection can carry another request.
    pub(super) fn keeps_connection(&self) -> bool {
        self.keep_alive
    }

    /// Headers and body, where they were wanted.
    pub(super) fn into_heard(self) -> Option<Heard> {
        self.heard
    }

    /// The first `length` of `bytes` are of the body.
    fn hear(&mut self, bytes: &[u8], length: usize) {
        if let Some(heard) = &mut self.heard {
            heard.hear(bytes.get(..length).unwrap_or(bytes));
        }
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self.state {
            State::Head => self.head(bytes),
            State::Body(missing) => {
                let (taken, missing) = part(bytes, missing);
                self.hear(bytes, taken);
                self.state = if missing == 0 { State::Done } else { State::Body(missing) };
                Ok(taken)
            }
            State::ChunkSize => match httparse::parse_chunk_size(bytes) {
                Ok(Status::Complete((taken, 0))) => {
                    self.state = State::Trailers;
                    Ok(taken)
                }
                Ok(Status::Complete((taken, size))) => {
                    self.state = State::Chunk(size.saturating_add(2));
                    Ok(taken)
                }
                Ok(Status::Partial) => Ok(0),
                Err(_) => Err(Malformed("the size of a chunk is no number".to_owned())),
            },
            State::Chunk(missing) => {
                let (data, _) = part(bytes, missing.saturating_sub(2));
                self.hear(bytes, data);
                let (taken, missing) = part(bytes, missing);
                self.state = if missing == 0 { State::ChunkSize } else { State::Chunk(missing) };
                Ok(taken)
            }
            State::Trailers => {
                let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(0) };
                if end == 0 || (end == 1 && bytes.first() == Some(&b'\r')) {
                    self.state = State::Done;
                }
                Ok(end + 1)
            }
            State::UntilClose => {
                self.hear(bytes, bytes.len());
                Ok(bytes.len())
            }
            State::Done => Ok(0),
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = Response::new(&mut headers);
        let taken = match ParserConfig::default().parse_response(&mut response, bytes) {
            Ok(Status::Complete(taken)) => taken,
            Ok(Status::Partial) => return Ok(0),
            Err(error) => return Err(Malformed(format!("what it sent is no HTTP/1.1 answer: {error}"))),
        };
        self.status = response.code.unwrap_or_default();
        match self.status {
            // An answer of another kind follows the connection.
            101 => return Err(Malformed("it wants to change the protocol".to_owned())),
            // An interim answer: the real one follows.
            100..=199 => return Ok(taken),
            _ => {}
        }
        self.keep_alive = response.version == Some(1);
        if let Some(heard) = &mut self.heard {
            heard.headers.extend(response.headers.iter().filter_map(|header| {
                let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_bytes(header.value).ok()?))
            }));
        }
        self.state = self.framing(response.headers)?;
        Ok(taken)
    }

    /// How the body ends (RFC 9112 section 6.3).
    fn framing(&mut self, headers: &[Header<'_>]) -> Result<State, Malformed> {
        let (mut length, mut chunked) = (None, false);
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                let said = std::str::from_utf8(header.value).ok().and_then(|text| text.trim().parse::<u64>().ok());
                let said = said.ok_or_else(|| Malformed("its content-length is no number".to_owned()))?;
                if length.is_some_and(|length| length != said) {
                    return Err(Malformed("it has two content-lengths".to_owned()));
                }
                length = Some(said);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                if !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed("its transfer-encoding is not chunked".to_owned()));
                }
                chunked = true;
            } else if header.name.eq_ignore_ascii_case("connection") {
                let options = header.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                for option in options {
                    self.keep_alive &= !option.eq_ignore_ascii_case(b"close");
                }
            }
        }
        Ok(match (self.status, chunked, length) {
            (204 | 304, ..) | (_, false, Some(0)) => State::Done,
            (_, true, _) => State::ChunkSize,
            (_, false, Some(length)) => State::Body(length),
            (_, false, None) => {
                self.keep_alive = false;
                State::UntilClose
            }
        })
    }
}

/// How many of `bytes` belong to `missing` ones, and how many are missing then.
fn part(bytes: &[u8], missing: u64) -> (usize, u64) {
    let taken = usize::try_from(missing).unwrap_or(usize::MAX).min(bytes.len());
    (taken, missing.saturating_sub(taken as u64))
}

#[cfg(test)]
mod tests {
    use super::super::judge::Judge;
    use super::*;

    /// Shows `answer` in pieces of `size`, as a connection does; what is left over at the end.
    fn read(answer: &[u8], size: usize) -> Result<(ResponseReader, Vec<u8>), Malformed> {
        let mut reader = ResponseReader::new(None);
        let mut pending = Vec::new();
        for piece in answer.chunks(size) {
            pending.extend_from_slice(piece);
            let taken = reader.take(&pending)?;
            pending.drain(..taken);
        }
        Ok((reader, pending))
    }

    #[test]
    fn an_answer_is_read_alike_whole_and_byte_by_byte() {
        let answers: [(&[u8], u16, bool); 7] = [
            (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, true),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Close\r\n\r\nhello", 200, false),
            (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", 200, false),
            (b"HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n", 204, true),
            (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\nretry-after: 1\r\n\r\n{}", 503, true),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4;x=y\r\nWiki\r\nA\r\n0123456789\r\n0\r\na: b\r\n\r\n",
                200,
                true,
            ),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, true),
        ];
        for (answer, status, keeps) in answers {
            for size in [1, 2, 3, 7, 1000] {
                let shown = String::from_utf8_lossy(answer);
                let (reader, left) = read(answer, size).unwrap();
                assert!(reader.is_done(), "{size}: {shown}");
                assert_eq!((reader.status(), reader.keeps_connection()), (status, keeps), "{size}: {shown}");
                assert!(left.is_empty(), "{size}: {shown}");
            }
        }
    }

    #[test]
    fn an_answer_that_is_judged_is_heard_without_its_framing() {
        let answers: [&[u8]; 4] = [
            b"HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx-a: b\r\n\r\nhello",
            b"HTTP/1.1 100 Continue\r\nx-b: c\r\n\r\nHTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello",
        ];
        let judge = Judge::new(|status, headers, body| {
            let names = headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>().join(",");
            Some(format!("{status} {names} {}", String::from_utf8_lossy(body)))
        });
        for answer in answers {
            for size in [1, 2, 3, 1000] {
                let mut reader = ResponseReader::new(Some(Heard::default()));
                let mut pending = Vec::new();
                for piece in answer.chunks(size) {
                    pending.extend_from_slice(piece);
                    let taken = reader.take(&pending).unwrap();
                    pending.drain(..taken);
                }
                assert!(reader.ends_with_connection());
                let said = judge.problem(reader.status(), &reader.into_heard().unwrap()).unwrap();
                assert!(said.starts_with("200 OK x-a") && said.ends_with(" hello") && !said.contains("x-b"), "{said}");
            }
        }
    }

    #[test]
    fn an_answer_that_is_cut_anywhere_is_not_whole() {
        let answers: [&[u8]; 2] = [
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ];
        for answer in answers {
            for end in 0..answer.len() {
                let (mut reader, _) = read(answer.get(..end).unwrap(), 4).unwrap();
                assert!(!reader.is_done() && !reader.ends_with_connection(), "cut at {end}");
            }
            assert!(read(answer, 4).unwrap().0.is_done(), "control");
        }
    }

    #[test]
    fn an_answer_without_a_length_ends_with_the_connection() {
        let (mut reader, _) = read(b"HTTP/1.1 200 OK\r\n\r\nhello", 1000).unwrap();
        assert!(!reader.is_done());
        assert!(reader.ends_with_connection());
        assert!(!reader.keeps_connection());
    }

    #[test]
    fn what_follows_an_answer_is_left_over() {
        let (reader, left) = read(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n", 1000).unwrap();
        assert_eq!((reader.status(), left.as_slice()), (204, b"HTTP/1.1 200 OK\r\n".as_slice()));
    }

    #[test]
    fn what_is_no_answer_is_said() {
        for (answer, words) in [
            (b"SSH-2.0-OpenSSH_9.6\r\n\r\n".as_slice(), "no HTTP/1.1 answer"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "no number"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "two content-lengths"),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "not chunked"),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "chunk"),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "change the protocol"),
        ] {
            let problem = read(answer, 1000).unwrap_err().to_string();
            assert!(problem.contains(words), "{problem}");
        }
    }
}
