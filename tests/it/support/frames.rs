//! HTTP/2 frames by hand (RFC 9113), for what no HTTP/2 library would send.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{HOST, within};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;

/// One frame.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// A request's HEADERS with the pseudo-headers of `method` and `path`, and `fields`.
    pub(crate) fn request(stream: u32, flags: u8, method: &str, path: &str, fields: &[(&str, &str)]) -> Self {
        let pseudo = [(":method", method), (":scheme", "https"), (":authority", HOST), (":path", path)];
        let block: Vec<u8> = pseudo.iter().chain(fields).flat_map(|(name, value)| literal(name, value)).collect();
        Self::new(HEADERS, flags | END_HEADERS, stream, block)
    }

    pub(crate) fn reset(stream: u32) -> Self {
        Self::new(RST_STREAM, 0, stream, CANCEL.to_be_bytes())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let head = [length[1..].to_vec(), vec![self.kind, self.flags], self.stream.to_be_bytes().to_vec()].concat();
        [head, self.payload.clone()].concat()
    }

    /// The error code of a `RST_STREAM` or GOAWAY.
    pub(crate) fn error(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        self.payload.get(at..at + 4).map(|code| u32::from_be_bytes(code.try_into().unwrap()))
    }
}

/// A field as a literal without indexing and without Huffman coding (RFC 7541, 6.2.2).
pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    [vec![0], string(name.as_bytes()), string(value.as_bytes())].concat()
}

/// The same, put into the dynamic table, where it becomes entry 62.
pub(crate) fn indexed_literal(name: &str, value: &str) -> Vec<u8> {
    [vec![0x40], string(name.as_bytes()), string(value.as_bytes())].concat()
}

fn string(text: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    if text.len() < 127 {
        coded.push(u8::try_from(text.len()).unwrap());
    } else {
        coded.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            coded.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        coded.push(u8::try_from(rest).unwrap());
    }
    coded.extend_from_slice(text);
    coded
}

/// The client's opening: preface and empty SETTINGS.
pub(crate) fn opening() -> Vec<u8> {
    [PREFACE.to_vec(), Frame::new(SETTINGS, 0, 0, []).bytes()].concat()
}

/// Sends what the hostile client has to say while it reads what the server answers, until the server closes or `enough`
/// says that the frame just read ends the matter.
pub(crate) async fn converse<S>(stream: S, said: Vec<u8>, mut enough: impl FnMut(&Frame) -> bool) -> Vec<Frame>
where
    S: AsyncRead + AsyncWrite,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut frames = Vec::new();
    let writing = async {
        // The server may close in the middle of it: that is one of the right answers.
        let _ = writer.write_all(&said).await;
        let _ = writer.flush().await;
        std::future::pending::<()>().await;
    };
    let reading = async {
        while let Ok(frame) = read(&mut reader).await {
            let last = enough(&frame);
            frames.push(frame);
            if last {
                break;
            }
        }
    };
    let both = async {
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
    };
    within("the server to end a hostile HTTP/2 connection", both).await;
    frames
}

/// Whether a conversation that has ended was ended by the server because of what was said: by an error, or by closing; and not
/// by an answer, nor as idle.
pub(crate) fn ended_for_cause(frames: &[Frame]) -> bool {
    frames.iter().all(|frame| frame.kind != HEADERS && frame.error() != Some(0))
}

/// Reads one frame; the connection's end is an error.
pub(crate) async fn read<R: AsyncRead + Unpin>(reader: &mut R) -> std::io::Result<Frame> {
    let mut head = [0; 9];
    reader.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    reader.read_exact(&mut payload).await?;
    Ok(Frame { kind: head[3], flags: head[4], stream, payload })
}
