//! Stands between the TLS stream and the HTTP/1.1 parser: what is refused by [`Framing`] never reaches the parser, and
//! the connection's timers learn where in its messages the connection is.
//!
//! The parser behind prefers Transfer-Encoding over Content-Length, takes bare LF, and its own timer for heads also runs
//! while the connection idles; hence this.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

use super::http1_framing::{Framing, FramingError, FramingLimits, Phase, Refusal};

/// A stream of HTTP/1.1 requests that has only well-framed ones to read. Writing is left alone.
///
/// When a message is refused, the messages before it are still read; then reading fails with
/// [`io::ErrorKind::InvalidData`]. While an earlier request has no complete answer yet the failure is held back, so that
/// the parser does not drop that answer; a refused body fails at once, since somebody waits for it. From then on shutting
/// down is left to [`GuardedIo::finish`].
#[derive(Debug)]
pub struct GuardedIo<T> {
    inner: T,
    framing: Framing,
    handle: GuardHandle,
    refused: Option<Refusal>,
    /// Was looked at, and is to be read once more.
    pushed_back: Bytes,
    /// Whether the peer has said all that it will.
    has_ended: bool,
}

impl<T> GuardedIo<T> {
    /// Guards `inner`, and gives the handle by which the connection learns what the guard saw.
    #[must_use]
    pub fn new(inner: T, limits: FramingLimits) -> (Self, GuardHandle) {
        let handle = GuardHandle::new();
        let framing = Framing::new(limits);
        let guarded =
            Self { inner, framing, handle: handle.clone(), refused: None, pushed_back: Bytes::new(), has_ended: false };
        (guarded, handle)
    }

    /// The stream within.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The stream within.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Whether the peer has ended its side, so that nothing is left to be read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Gives `bytes` back that the parser has read and not used.
    pub(super) fn push_back(&mut self, bytes: Bytes) {
        // None at all still hold the parser's whole buffer.
        self.pushed_back = if bytes.is_empty() { Bytes::new() } else { bytes };
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> GuardedIo<T> {
    /// Ends a connection whose HTTP part is over: answers a refusal where [`GuardHandle::unanswered_refusal`] has one,
    /// shuts down, and reads on for a while, because bytes that nobody reads would let the kernel reset the connection
    /// before the peer saw the answer. Nothing is left to do where nothing was refused. `only_temporary` says that the peer must not
    /// be told of what is wrong for good. May wait for the peer: to be called under a deadline.
    ///
    /// # Errors
    /// What the stream says.
    pub async fn finish(mut self, only_temporary: bool) -> io::Result<()> {
        /// The most that is read after a refusal, in bytes: more than the buffers of both ends usually hold.
        const LINGER_BYTES: usize = 256 * 1024;
        if self.refused.is_none() {
            return Ok(());
        }
        if let Some(refusal) = self.handle.unanswered_refusal() {
            let answer = if only_temporary { FramingError::TEMPORARY } else { refusal.response_bytes() };
            self.inner.write_all(answer).await?;
        }
        self.inner.shutdown().await?;
        let mut unread = [0; 4096];
        let mut lingered = 0;
        while lingered < LINGER_BYTES {
            match self.inner.read(&mut unread).await? {
                0 => break,
                length => lingered += length,
            }
        }
        Ok(())
    }
}

/// What the guard of a connection saw; cheap to clone.
#[derive(Clone, Debug)]
pub struct GuardHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    seen: Mutex<Seen>,
    /// Whether something was to be written and has not gone as far as the socket.
    is_writing: AtomicBool,
}

#[derive(Debug)]
struct Seen {
    phase: Phase,
    since: Instant,
    /// Complete heads that were passed on and whose exchanges have not ended.
    open: u64,
    refusal: Option<Refusal>,
    /// Reads again once the exchanges before a refused message have ended.
    held_back: Option<Waker>,
}

/// Where a connection is, for its timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Where in its messages the connection is, seen from the peer's side.
    pub phase: Phase,
    /// Since when: in a head, since its first byte; between messages, since the last one ended. An answer that ended
    /// later counts instead, because the server reads no further while it answers.
    pub since: Instant,
    /// Requests whose exchanges have not ended. With any of them open neither the time for a head nor the idle time runs.
    pub open: u64,
}

impl GuardHandle {
    fn new() -> Self {
        let seen = Seen { phase: Phase::Idle, since: Instant::now(), open: 0, refusal: None, held_back: None };
        Self(Arc::new(Shared { seen: Mutex::new(seen), is_writing: AtomicBool::new(false) }))
    }

    /// Where the connection is now. Timers need not be told of changes: when one fires, it asks, and if the time has not
    /// come yet it starts again for the rest.
    #[must_use]
    pub fn observe(&self) -> Observation {
        let seen = self.seen();
        Observation { phase: seen.phase, since: seen.since, open: seen.open }
    }

    /// Since when nothing has happened between the end of one exchange and the beginning of another; `None` where something is under way,
    /// be it the rest of an answer on its way to the socket.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        let seen = self.seen();
        let is_quiet = seen.phase == Phase::Idle && seen.open == 0 && seen.refusal.is_none();
        (is_quiet && !self.0.is_writing.load(Ordering::Relaxed)).then_some(seen.since)
    }

    /// The shape that was refused, if any.
    #[must_use]
    pub fn refusal(&self) -> Option<FramingError> {
        self.seen().refusal.map(|refusal| refusal.error)
    }

    /// The refusal that may still be answered with [`FramingError::response_bytes`] after the HTTP connection has ended
    /// (see [`GuardedIo::finish`]): none where a body was refused, because whoever got its head answers, and none where
    /// an exchange was cut short, because the peer would take it for that exchange's answer.
    #[must_use]
    pub fn unanswered_refusal(&self) -> Option<FramingError> {
        let seen = self.seen();
        let refusal = seen.refusal.filter(|refusal| refusal.phase != Phase::Body && seen.open == 0);
        refusal.map(|refusal| refusal.error)
    }

    /// The exchange of a request that reached the service. To be kept until the last byte of its response was handed to
    /// the HTTP connection: every request needs exactly one.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        Exchange(self.clone())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // The state is written in whole steps: a panic elsewhere cannot leave it half written.
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request and its answer; ends when dropped.
#[derive(Debug)]
pub struct Exchange(GuardHandle);

impl Drop for Exchange {
    fn drop(&mut self) {
        let held_back = {
            let mut seen = self.0.seen();
            seen.open = seen.open.saturating_sub(1);
            if seen.open > 0 {
                return;
            }
            seen.since = Instant::now();
            seen.held_back.take()
        };
        if let Some(waker) = held_back {
            waker.wake();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for GuardedIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(refusal) = this.refused {
            return this.handle.fail(refusal, cx);
        }
        if !this.pushed_back.is_empty() {
            let part = this.pushed_back.split_to(this.pushed_back.len().min(buf.remaining()));
            buf.put_slice(&part);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let read = buf.filled().get(before..).unwrap_or_default();
        if read.is_empty() {
            this.has_ended |= buf.remaining() > 0;
            return Poll::Ready(Ok(()));
        }
        let (begun, complete, ended) = this.counts();
        let outcome = this.framing.push(read);
        let (begun_after, complete_after, ended_after) = this.counts();
        let moved = begun_after != begun || ended_after != ended;
        this.handle.record(this.framing.phase(), moved, complete_after - complete, outcome.err());
        let Err(refusal) = outcome else {
            return Poll::Ready(Ok(()));
        };
        this.refused = Some(refusal);
        buf.set_filled(before + refusal.good);
        if refusal.good > 0 { Poll::Ready(Ok(())) } else { this.handle.fail(refusal, cx) }
    }
}

impl<T> GuardedIo<T> {
    fn counts(&self) -> (u64, u64, u64) {
        (self.framing.heads_begun(), self.framing.heads_complete(), self.framing.messages_complete())
    }
}

impl GuardHandle {
    fn record(&self, phase: Phase, moved: bool, heads_complete: u64, refusal: Option<Refusal>) {
        let mut seen = self.seen();
        if moved || phase != seen.phase {
            seen.phase = phase;
            seen.since = Instant::now();
        }
        seen.open += heads_complete;
        seen.refusal = refusal;
    }

    /// Fails a read, but not before the exchanges ahead of a refused head have ended.
    fn fail(&self, refusal: Refusal, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut seen = self.seen();
        if refusal.phase != Phase::Body && seen.open > 0 {
            seen.held_back = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal.error)))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for GuardedIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handle.0.is_writing.store(true, Ordering::Relaxed);
        Pin::new(&mut this.inner).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.inner).poll_flush(cx);
        if flushed.is_ready() {
            this.handle.0.is_writing.store(false, Ordering::Relaxed);
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The HTTP parser takes a failed read between messages for the end and shuts down, before the refusal is answered.
        if this.refused.is_some() { Poll::Ready(Ok(())) } else { Pin::new(&mut this.inner).poll_shutdown(cx) }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handle.0.is_writing.store(true, Ordering::Relaxed);
        Pin::new(&mut this.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
