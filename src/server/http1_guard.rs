//! Stands between the TLS stream and the HTTP/1.1 parser: what is refused by [`Framing`] never reaches the parser, and
//! the connection's timers learn where in its messages the connection is.
//!
//! The parser behind prefers Transfer-Encoding over Content-Length, takes bare LF, and its own timer for heads also runs
//! while the connection idles; hence this.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

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
}

impl<T> GuardedIo<T> {
    /// Guards `inner`, and gives the handle by which the connection learns what the guard saw.
    #[must_use]
    pub fn new(inner: T, limits: FramingLimits) -> (Self, GuardHandle) {
        let handle = GuardHandle::new();
        (Self { inner, framing: Framing::new(limits), handle: handle.clone(), refused: None }, handle)
    }

    /// The stream within.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> GuardedIo<T> {
    /// Ends a connection whose HTTP part is over: answers a refusal where [`GuardHandle::unanswered_refusal`] has one,
    /// shuts down, and reads on for a while, because bytes that nobody reads would let the kernel reset the connection
    /// before the peer saw the answer. Nothing is left to do where nothing was refused. May wait for the peer: to be
    /// called under a deadline.
    ///
    /// # Errors
    /// What the stream says.
    pub async fn finish(mut self) -> io::Result<()> {
        /// The most that is read after a refusal, in bytes: more than the buffers of both ends usually hold.
        const LINGER_BYTES: usize = 256 * 1024;
        if self.refused.is_none() {
            return Ok(());
        }
        if let Some(refusal) = self.handle.unanswered_refusal() {
            self.inner.write_all(refusal.response_bytes()).await?;
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
pub struct GuardHandle(Arc<Mutex<Seen>>);

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
        Self(Arc::new(Mutex::new(seen)))
    }

    /// Where the connection is now. Timers need not be told of changes: when one fires, it asks, and if the time has not
    /// come yet it starts again for the rest.
    #[must_use]
    pub fn observe(&self) -> Observation {
        let seen = self.seen();
        Observation { phase: seen.phase, since: seen.since, open: seen.open }
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let read = buf.filled().get(before..).unwrap_or_default();
        if read.is_empty() {
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
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
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
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const GET: &str = "GET /one HTTP/1.1\r\nHost: a\r\n\r\n";
    const BOTH: &str =
        "POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";

    /// Serves one connection behind a guard as a connection task would, and answers each request with its path after
    /// `answer_in`. Gives the client's end.
    fn serve(answer_in: Duration) -> (DuplexStream, GuardHandle) {
        let (client, server) = duplex(64 * 1024);
        let (io, handle) = GuardedIo::new(server, FramingLimits::default());
        let exchanges = handle.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let exchange = exchanges.exchange();
            async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await;
                tokio::time::sleep(answer_in).await;
                drop(exchange);
                let answer = if body.is_ok() { path } else { "broken".to_owned() };
                Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from(answer))))
            }
        });
        tokio::spawn(async move {
            let mut connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), service);
            let _ = (&mut connection).await;
            let _ = connection.into_parts().io.into_inner().finish().await;
        });
        (client, handle)
    }

    async fn answers(client: &mut DuplexStream) -> String {
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        text
    }

    fn statuses(text: &str) -> Vec<&str> {
        text.match_indices("HTTP/1.1 ").map(|(at, start)| &text[at + start.len()..at + start.len() + 3]).collect()
    }

    #[tokio::test]
    async fn a_smuggling_shape_is_refused_and_never_served() {
        let (mut client, handle) = serve(Duration::ZERO);
        client.write_all(BOTH.as_bytes()).await.unwrap();
        let text = answers(&mut client).await;
        assert_eq!(statuses(&text), ["400"], "{text}");
        assert_eq!(handle.refusal(), Some(FramingError::TransferEncodingAndContentLength));

        // Control arm: the same parser without a guard serves it.
        let (mut client, server) = duplex(64 * 1024);
        let service = service_fn(async |_: http::Request<hyper::body::Incoming>| {
            Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from("served"))))
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));
        client.write_all(BOTH.as_bytes()).await.unwrap();
        assert_eq!(statuses(&answers(&mut client).await), ["200"]);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_before_the_refused_one_are_answered_first() {
        for answer_in in [Duration::ZERO, Duration::from_secs(3)] {
            let (mut client, _) = serve(answer_in);
            client.write_all(format!("{GET}{GET}{BOTH}{GET}").as_bytes()).await.unwrap();
            let text = answers(&mut client).await;
            assert_eq!(statuses(&text), ["200", "200", "400"], "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn garbage_behind_a_request_that_closes_does_not_cost_its_answer() {
        let (mut client, _) = serve(Duration::from_secs(3));
        let last = "GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\0\0\0";
        client.write_all(last.as_bytes()).await.unwrap();
        let text = answers(&mut client).await;
        assert_eq!(statuses(&text)[..1], ["200"], "{text}");
    }

    #[tokio::test]
    async fn a_refused_body_breaks_the_request_that_waits_for_it() {
        let (mut client, handle) = serve(Duration::ZERO);
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel";
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(b"lo!!0\r\n\r\n").await.unwrap();
        let text = answers(&mut client).await;
        assert!(text.contains("broken") && statuses(&text).len() == 1, "{text}");
        assert_eq!(handle.refusal(), Some(FramingError::ChunkEnd));
    }

    #[tokio::test]
    async fn requests_are_served_octet_by_octet() {
        let (mut client, _) = serve(Duration::ZERO);
        let post = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        for byte in format!("{GET}\r\n{post}").bytes() {
            client.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let text = answers(&mut client).await;
        assert_eq!(statuses(&text), ["200", "200"], "{text}");
        assert!(text.ends_with("/p"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_head_starts_with_its_first_byte() {
        let second = Duration::from_secs(1);
        let (mut client, handle) = serve(Duration::ZERO);
        let start = Instant::now();
        tokio::time::sleep(7 * second).await;
        assert_eq!(handle.observe(), Observation { phase: Phase::Idle, since: start, open: 0 });
        for byte in GET.bytes().take(10) {
            client.write_all(&[byte]).await.unwrap();
            tokio::time::sleep(second).await;
        }
        let head = start + 7 * second;
        assert_eq!(handle.observe(), Observation { phase: Phase::Head, since: head, open: 0 });
        client.write_all(&GET.as_bytes()[10..]).await.unwrap();
        tokio::time::sleep(second).await;
        let idle = head + 10 * second;
        assert_eq!(handle.observe(), Observation { phase: Phase::Idle, since: idle, open: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_behind_a_slow_answer_has_its_time_after_the_answer() {
        let second = Duration::from_secs(1);
        let (mut client, handle) = serve(30 * second);
        let start = Instant::now();
        client.write_all(format!("{GET}GET /tw").as_bytes()).await.unwrap();
        tokio::time::sleep(20 * second).await;
        assert_eq!(handle.observe(), Observation { phase: Phase::Head, since: start, open: 1 });
        tokio::time::sleep(20 * second).await;
        let answered = start + 30 * second;
        assert_eq!(handle.observe(), Observation { phase: Phase::Head, since: answered, open: 0 });
    }

    #[tokio::test]
    async fn a_refusal_is_not_answered_where_an_exchange_was_cut_short() {
        let (mut client, server) = duplex(1024);
        let (mut io, handle) = GuardedIo::new(server, FramingLimits::default());
        client.write_all(format!("{GET}{BOTH}").as_bytes()).await.unwrap();
        let mut read = vec![0; 1024];
        let length = io.read(&mut read).await.unwrap();
        assert_eq!(&read[..length], GET.as_bytes());
        let exchange = handle.exchange();
        assert_eq!(handle.refusal(), Some(FramingError::TransferEncodingAndContentLength));
        assert_eq!(handle.unanswered_refusal(), None);
        drop(exchange);
        assert_eq!(handle.unanswered_refusal(), handle.refusal());
        let error = io.read(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let error = io.read(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "and for ever");
    }
}
