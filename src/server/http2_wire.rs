//! Looks at the HTTP/2 frames of a connection as they pass, and changes nothing.
//!
//! Two deadlines cannot be kept from behind the HTTP/2 implementation: it tells nobody of a header block that has begun and
//! does not end, and it takes a whole answer off its handler although the peer's flow-control window lets one byte of it go.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::deadline::Wire;

/// A stream of HTTP/2 frames in both directions, the client's preface included.
#[derive(Debug)]
pub(super) struct ObservedIo<T> {
    inner: T,
    incoming: Frames,
    outgoing: Frames,
    handle: WireHandle,
}

/// What was seen on a connection; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct WireHandle(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// First byte of a header block whose end was not seen yet.
    block_began: Option<Instant>,
    /// The requests that have no whole answer on the wire: stream, and end of its head. Streams are numbered upwards, so the
    /// first is the oldest.
    open: BTreeMap<u32, Instant>,
    highest: u32,
}

impl<T> ObservedIo<T> {
    /// Observes `inner` from its first byte.
    pub(super) fn new(inner: T) -> (Self, WireHandle) {
        let handle = WireHandle::default();
        let (incoming, outgoing) = (Frames::after(PREFACE_BYTES), Frames::after(0));
        (Self { inner, incoming, outgoing, handle: handle.clone() }, handle)
    }

    fn wrote(&mut self, bytes: &[u8]) {
        let handle = &self.handle;
        self.outgoing.push(bytes, |event| {
            if let Event::Ended(frame, _) = event {
                handle.seen().sent(frame);
            }
        });
    }
}

impl WireHandle {
    /// What the timers of the connection have to know.
    pub(super) fn observe(&self) -> Wire {
        let seen = self.seen();
        Wire { head_began: seen.block_began, oldest_request: seen.open.first_key_value().map(|(_, began)| *began) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Each change is one assignment, insertion or removal.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn received(&mut self, event: &Event) {
        match *event {
            Event::Began(Frame { kind: HEADERS | CONTINUATION, .. }, began) => {
                self.block_began.get_or_insert(began);
            }
            Event::Ended(Frame { kind: HEADERS | CONTINUATION, flags, stream }, now) if flags & END_HEADERS != 0 => {
                self.block_began = None;
                // A lower number is that of trailers.
                if stream > self.highest {
                    self.highest = stream;
                    self.open.insert(stream, now);
                }
            }
            Event::Ended(Frame { kind: RST_STREAM, stream, .. }, _) => drop(self.open.remove(&stream)),
            _ => {}
        }
    }

    fn sent(&mut self, frame: Frame) {
        let ends = matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0;
        if ends || frame.kind == RST_STREAM {
            self.open.remove(&frame.stream);
        }
    }
}

/// RFC 9113 section 3.4.
const PREFACE_BYTES: usize = 24;
/// RFC 9113 section 4.1.
const FRAME_HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The head of a frame is there; its first byte came then.
    Began(Frame, Instant),
    /// The last byte of a frame came then.
    Ended(Frame, Instant),
}

/// The frames of one direction, as a push parser that keeps no payload. Frames that are malformed are for the HTTP/2
/// implementation to refuse.
#[derive(Debug)]
struct Frames {
    head: [u8; FRAME_HEAD_BYTES],
    /// Bytes of `head` that are there.
    filled: usize,
    began: Instant,
    /// Bytes to be skipped: of the preface, or of the payload of `frame`.
    left: usize,
    frame: Option<Frame>,
}

impl Frames {
    fn after(skipped: usize) -> Self {
        Self { head: [0; FRAME_HEAD_BYTES], filled: 0, began: Instant::now(), left: skipped, frame: None }
    }

    fn push(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Event)) {
        let now = Instant::now();
        while !bytes.is_empty() {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            self.end(now, &mut tell);
            let Some((first, rest)) = bytes.split_first() else { return };
            if self.filled == 0 {
                self.began = now;
            }
            if let Some(place) = self.head.get_mut(self.filled) {
                *place = *first;
            }
            self.filled += 1;
            bytes = rest;
            if self.filled == FRAME_HEAD_BYTES {
                let [high, middle, low, kind, flags, stream @ ..] = self.head;
                let frame = Frame { kind, flags, stream: u32::from_be_bytes(stream) & (u32::MAX >> 1) };
                self.left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                self.filled = 0;
                self.frame = Some(frame);
                tell(Event::Began(frame, self.began));
                self.end(now, &mut tell);
            }
        }
    }

    fn end(&mut self, now: Instant, tell: &mut impl FnMut(Event)) {
        if self.left == 0
            && let Some(frame) = self.frame.take()
        {
            tell(Event::Ended(frame, now));
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ObservedIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let handle = &this.handle;
        this.incoming.push(buf.filled().get(before..).unwrap_or_default(), |event| handle.seen().received(&event));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ObservedIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, buf))?;
        this.wrote(buf.get(..written).unwrap_or(buf));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.inner).poll_write_vectored(cx, bufs))?;
        let mut left = written;
        for buf in bufs {
            let taken = left.min(buf.len());
            left -= taken;
            this.wrote(buf.get(..taken).unwrap_or_default());
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), &vec![0; payload]].concat()
    }

    fn received(handle: &WireHandle, frames: &mut Frames, bytes: &[u8]) {
        frames.push(bytes, |event| handle.seen().received(&event));
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_block_lasts_from_its_first_byte_to_its_last_wherever_reads_cut_it() {
        let whole = [
            vec![b'p'; PREFACE_BYTES],
            frame(4, 0, 0, 6),
            frame(HEADERS, END_STREAM, 1, 3),
            frame(CONTINUATION, 0, 1, 0),
            frame(CONTINUATION, END_HEADERS, 1, 2),
        ]
        .concat();
        let block = PREFACE_BYTES + FRAME_HEAD_BYTES + 6;
        for cut in 0..whole.len() {
            let (handle, mut frames) = (WireHandle::default(), Frames::after(PREFACE_BYTES));
            received(&handle, &mut frames, &whole[..cut]);
            let first = Instant::now();
            // Of a frame whose kind is not there yet nothing can be said.
            assert_eq!(handle.observe().head_began, (cut >= block + FRAME_HEAD_BYTES).then_some(first), "{cut}");
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
            for byte in &whole[cut..] {
                received(&handle, &mut frames, &[*byte]);
            }
            assert_eq!(handle.observe(), Wire { head_began: None, oldest_request: Some(Instant::now()) }, "{cut}");
        }
    }

    #[test]
    fn a_request_is_open_until_its_answer_has_ended_on_the_wire() {
        let (handle, mut frames) = (WireHandle::default(), Frames::after(0));
        let open = || handle.seen().open.keys().copied().collect::<Vec<_>>();
        for stream in [1, 3, 5, 7] {
            received(&handle, &mut frames, &frame(HEADERS, END_HEADERS, stream, 4));
        }
        received(&handle, &mut frames, &frame(RST_STREAM, 0, 5, 4));
        assert_eq!(open(), [1, 3, 7]);
        let (mut io, _) = ObservedIo::new(());
        io.handle = handle.clone();
        io.wrote(&frame(HEADERS, END_HEADERS, 1, 4));
        io.wrote(&frame(DATA, 0, 1, 9));
        assert_eq!(open(), [1, 3, 7], "a part of an answer");
        io.wrote(&frame(DATA, END_STREAM, 1, 0));
        io.wrote(&frame(RST_STREAM, 0, 3, 4));
        io.wrote(&frame(HEADERS, END_HEADERS | END_STREAM, 7, 4));
        received(&handle, &mut frames, &frame(HEADERS, END_HEADERS | END_STREAM, 7, 4));
        assert_eq!(open(), [0; 0], "trailers open nothing");
    }
}
