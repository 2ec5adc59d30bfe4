//! How many bytes go over a connection, inside TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The bytes of a connection. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// How many were sent and received since this was asked last.
    pub(super) fn take(&self) -> (u64, u64) {
        (self.0.sent.swap(0, Ordering::Relaxed), self.0.received.swap(0, Ordering::Relaxed))
    }

    fn sent(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(length)) = polled {
            self.0.sent.fetch_add(*length as u64, Ordering::Relaxed);
        }
    }
}

/// The stream itself.
pub(super) struct Counted<S> {
    pub(super) stream: S,
    pub(super) traffic: Traffic,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        let length = into.filled().len().saturating_sub(before);
        self.traffic.0.received.fetch_add(length as u64, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.traffic.sent(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.traffic.sent(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_goes_both_ways_is_counted_once() {
        let (near, mut far) = tokio::io::duplex(64);
        let traffic = Traffic::default();
        let mut near = Counted { stream: near, traffic: traffic.clone() };
        near.write_all(b"four").await.unwrap();
        far.write_all(b"seventh").await.unwrap();
        near.read_exact(&mut [0; 7]).await.unwrap();
        assert_eq!(traffic.take(), (4, 7));
        assert_eq!(traffic.take(), (0, 0));
    }
}
