//! A connection of HTTP/1.1, which is put aside while nothing happens on it.
//!
//! Callers keep connections open between calls, many of them for most of the time. What hyper needs for one, buffers above all, is
//! much of what such a connection holds, so that it is given back after [`PARK_AFTER`] and made anew when the next byte comes. What
//! the connection has agreed on with its peer is below, in TLS and in the guard, and stays.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::http1_framing::FramingLimits;
use super::http1_guard::{GuardHandle, GuardedIo};
use super::service::{Answers, Counted};
use super::watch::Connection;
use crate::tls::LateTicket;

/// How long nothing happens before a connection is put aside: a caller that calls more often than that finds it as it was.
const PARK_AFTER: Duration = Duration::from_secs(1);

/// The fields of a head that hyper takes when it is told nothing.
const HYPER_HEADERS: usize = 100;

/// What HTTP/1.1 is spoken over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Ready when there may be something to read, or nothing any more, without a byte being taken.
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Wire for TcpStream {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        // It may have been told of something that was read long ago. What went wrong is told by whoever reads.
        self.poll_peek(cx, &mut ReadBuf::new(&mut [0])).map(drop)
    }
}

impl Wire for Box<TlsStream<LateTicket<TcpStream>>> {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        // hyper reads until there is nothing left, here or in the socket.
        Wire::poll_read_ready(self.get_ref().0.get_ref(), cx)
    }
}

type Spoken<W, A> = http1::Connection<TokioIo<GuardedIo<W>>, Counted<A>>;

/// A connection of HTTP/1.1.
pub(super) struct Http1<W: Wire, A: Answers> {
    state: State<W, A>,
    guard: GuardHandle,
    framing: FramingLimits,
}

enum State<W: Wire, A: Answers> {
    Spoken(Box<Spoken<W, A>>),
    Parked(GuardedIo<W>, Counted<A>),
    /// Says goodbye.
    Over(GuardedIo<W>),
    /// In between, and after a panic.
    Nowhere,
}

impl<W: Wire, A: Answers> Http1<W, A> {
    /// Over `io`, whose `guard` knows what happens on it.
    pub(super) fn new(io: GuardedIo<W>, guard: GuardHandle, service: Counted<A>, framing: FramingLimits) -> Self {
        Self { state: State::Spoken(spoken(io, service, &framing)), guard, framing }
    }

    /// What it was spoken over.
    pub(super) fn into_io(self) -> Option<GuardedIo<W>> {
        match self.state {
            State::Spoken(connection) => Some(connection.into_parts().io.into_inner()),
            State::Parked(io, _) | State::Over(io) => Some(io),
            State::Nowhere => None,
        }
    }
}

fn spoken<W: Wire, A: Answers>(io: GuardedIo<W>, service: Counted<A>, framing: &FramingLimits) -> Box<Spoken<W, A>> {
    let mut builder = http1::Builder::new();
    // header_read_timeout also runs while a connection idles, so it is off: the guard knows when a head began.
    builder.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(read_buffer(framing));
    // The guard refuses more fields than there may be. Room for another number than hyper's own would be cleared for each head.
    if framing.head_fields > HYPER_HEADERS {
        builder.max_headers(framing.head_fields);
    }
    Box::new(builder.serve_connection(TokioIo::new(io), service))
}

/// hyper's read buffer, in bytes: it must hold a whole head. The guard refuses a larger one first.
fn read_buffer(framing: &FramingLimits) -> usize {
    // hyper takes no less than 8 KiB.
    framing.head_bytes.saturating_add(4096).max(8192)
}

impl<W: Wire, A: Answers> Future for Http1<W, A> {
    type Output = hyper::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let State::Parked(io, _) = &this.state {
            ready!(io.get_ref().poll_read_ready(cx));
            if let State::Parked(io, service) = mem::replace(&mut this.state, State::Nowhere) {
                this.state = State::Spoken(spoken(io, service, &this.framing));
            }
        }
        match &mut this.state {
            State::Spoken(connection) => Pin::new(connection).poll(cx),
            State::Over(io) => {
                // Whoever does not take the goodbye is closed all the same.
                let _ = ready!(Pin::new(io).poll_shutdown(cx));
                Poll::Ready(Ok(()))
            }
            State::Parked(..) | State::Nowhere => Poll::Ready(Ok(())),
        }
    }
}

impl<W: Wire, A: Answers> Connection for Http1<W, A> {
    const ANSWERS_SAY_GOODBYE: bool = true;

    fn say_goodbye(self: Pin<&mut Self>) {
        let this = self.get_mut();
        match mem::replace(&mut this.state, State::Nowhere) {
            State::Spoken(mut connection) => {
                Pin::new(&mut *connection).graceful_shutdown();
                this.state = State::Spoken(connection);
            }
            State::Parked(io, _) => this.state = State::Over(io),
            other => this.state = other,
        }
    }

    fn rest(self: Pin<&mut Self>, now: Instant) -> Option<Instant> {
        let this = self.get_mut();
        if !matches!(this.state, State::Spoken(_)) {
            return None;
        }
        // Without its guard's word nothing is known of it; a busy one is asked again.
        let rests_from = this.guard.quiet_since().unwrap_or(now) + PARK_AFTER;
        if now < rests_from {
            return Some(rests_from);
        }
        if let State::Spoken(connection) = mem::replace(&mut this.state, State::Nowhere) {
            let http1::Parts { io, read_buf, service, .. } = connection.into_parts();
            let mut io = io.into_inner();
            io.push_back(read_buf);
            service.put_aside();
            this.state = State::Parked(io, service);
        }
        None
    }
}

#[cfg(test)]
mod tests;
