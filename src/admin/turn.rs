//! Whose turn it is on a connection: the caller's, to send a head, or ours, to answer it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::Extensions;
use hyper::body::{Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// First byte of a head to its last, and from the beginning of a connection to its first head: probes have it ready.
pub(super) const HEAD: Duration = Duration::from_secs(5);
/// Between requests. A scraper that pauses for longer connects anew.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// What the connection's driver, its bytes and its requests share. Cheap to clone; all of them are polled by one task.
#[derive(Clone, Debug)]
pub(super) struct Turn(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Whether an answer has gone out that the driver has not heard of.
    answered: bool,
    /// Answers that may be owed to administrators at once, on all connections.
    permits: Arc<Semaphore>,
    /// The right to be answered whoever comes meanwhile.
    kept: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A head is awaited or has begun, since then.
    Head(Instant),
    Answering,
    /// All of the answer is known, and not all of it is on its way.
    Flushing,
    /// Since then.
    Idle(Instant),
}

impl Turn {
    /// The caller's, from now on.
    pub(super) fn new(permits: Arc<Semaphore>) -> Self {
        let phase = Phase::Head(Instant::now());
        Self(Arc::new(Mutex::new(State { phase, answered: false, permits, kept: None })))
    }

    /// An administrator has asked for something: the connection of a request with these extensions gives way to nobody until that is
    /// answered, where not too many do so already.
    pub(super) fn of_administrator(extensions: &Extensions) {
        if let Some(turn) = extensions.get::<Self>() {
            let mut state = turn.state();
            if state.kept.is_none() {
                state.kept = Arc::clone(&state.permits).try_acquire_owned().ok();
            }
        }
    }

    /// A head has come. It is answered until what is returned is dropped, and until all is sent that was said by then.
    pub(super) fn begin(&self) -> Exchange {
        self.state().phase = Phase::Answering;
        Exchange(self.clone())
    }

    /// When the caller has had its time; nothing while it waits for us.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.state().phase {
            Phase::Head(since) => Some(since + HEAD),
            Phase::Idle(since) => Some(since + IDLE),
            Phase::Answering | Phase::Flushing => None,
        }
    }

    /// Whether the connection gives way to nobody.
    pub(super) fn is_kept(&self) -> bool {
        self.state().kept.is_some()
    }

    /// Whether an answer has gone out since this was asked last.
    pub(super) fn has_answered(&self) -> bool {
        std::mem::take(&mut self.state().answered)
    }

    fn read(&self) {
        let mut state = self.state();
        if let Phase::Idle(_) = state.phase {
            state.phase = Phase::Head(Instant::now());
        }
    }

    /// Nothing is left to be written of what was said.
    fn flushed(&self) {
        let mut state = self.state();
        if state.phase == Phase::Flushing {
            state.phase = Phase::Idle(Instant::now());
            (state.kept, state.answered) = (None, true);
        }
    }

    /// As when an answer to all that was asked has gone out.
    #[cfg(test)]
    pub(super) fn answered_now(&self) {
        drop(self.begin());
        self.flushed();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Changed in one step each; a panic leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Exchange(Turn);

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.state().phase = Phase::Flushing;
    }
}

/// The body of an answer; the exchange lasts as long as it.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    _exchange: Exchange,
}

impl Answer {
    pub(super) fn new(body: Body, exchange: Exchange) -> Self {
        Self { body, _exchange: exchange }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that tells the turn what goes over it. The parser flushes it when it has nothing left to write.
#[derive(Debug)]
pub(super) struct Observed<T> {
    inner: T,
    turn: Turn,
}

impl<T> Observed<T> {
    pub(super) fn new(inner: T, turn: Turn) -> Self {
        Self { inner, turn }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Observed<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.turn.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Observed<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.turn.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
