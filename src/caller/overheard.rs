//! A TLS stream that remembers what TLS ended it with: HTTP/2 keeps of an error no more than its text.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The first error of TLS that went over a stream. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Overheard(Arc<Mutex<Option<rustls::Error>>>);

impl Overheard {
    /// What TLS ended the stream with; `None` = it has not.
    pub(super) fn error(&self) -> Option<rustls::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What came before a reset can be read after it, and tells why: writing fails first where the server refuses and closes.
    fn hear_out<S: AsyncRead + Unpin>(&self, stream: &mut S, context: &mut Context<'_>) {
        /// An alert comes in a record of its own, behind tickets at most.
        const READS: usize = 16;
        let mut buffer = [0; 1024];
        for _ in 0..READS {
            let mut into = ReadBuf::new(&mut buffer);
            let polled = Pin::new(&mut *stream).poll_read(context, &mut into);
            self.note(&polled);
            if !matches!(polled, Poll::Ready(Ok(()))) || into.filled().is_empty() {
                break;
            }
        }
    }

    fn note<T>(&self, polled: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = polled
            && let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
    }
}

/// The stream itself.
pub(super) struct Listening<S> {
    pub(super) stream: S,
    pub(super) overheard: Overheard,
}

impl<S: AsyncRead + Unpin> Listening<S> {
    fn wrote<T>(&mut self, polled: &Poll<io::Result<T>>, context: &mut Context<'_>) {
        self.overheard.note(polled);
        if matches!(polled, Poll::Ready(Err(_))) && self.overheard.error().is_none() {
            let Self { stream, overheard } = self;
            overheard.hear_out(stream, context);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Listening<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        self.overheard.note(&polled);
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Listening<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(&polled, context);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.wrote(&polled, context);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.wrote(&polled, context);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// A server that has sent an alert and reset the connection.
    struct Reset {
        /// Tickets, which are read as nothing but their length.
        before: usize,
    }

    impl AsyncRead for Reset {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
            let Some(left) = self.before.checked_sub(1) else { return Poll::Ready(Err(io::Error::other(alert))) };
            self.before = left;
            into.put_slice(&[0]);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Reset {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn an_alert_that_was_sent_before_a_reset_is_heard_though_writing_fails_first() {
        for (before, heard) in [(0, true), (2, true), (1000, false)] {
            let overheard = Overheard::default();
            let mut stream = Listening { stream: Reset { before }, overheard: overheard.clone() };
            let problem = stream.write_all(b"GET").await.unwrap_err();
            assert_eq!(problem.kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(overheard.error().is_some(), heard, "{before}");
        }
    }
}
