//! Lets the ticket of TLS 1.3 travel with the first answer.
//!
//! The ticket is the last thing that a server says in a handshake, and nothing waits for it (RFC 8446 section 4.6.1): sent by itself it costs
//! both ends a system call and a packet. So it is held back until there is something to be sent with it: HTTP/2's settings at once, the
//! first answer of HTTP/1.1, at the latest the goodbye.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

/// The record type that everything has which is encrypted (RFC 8446 section 5.2).
const APPLICATION_DATA: u8 = 23;

/// A socket below TLS.
#[derive(Debug)]
pub struct LateTicket<IO> {
    inner: IO,
    /// Written by the TLS side, and not yet to the socket.
    held: Vec<u8>,
    phase: Phase,
    /// Whether the socket has not taken the whole of what was written last: what is written next goes on with it.
    is_cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// What the server writes answers the client.
    Flight,
    /// The client has spoken since: what is encrypted from its first byte on is no flight, which begins with a `ServerHello` in clear. It
    /// is the ticket, or an alert.
    Answered,
    /// The handshake is over; what is held waits for company.
    Open,
    /// It has company and goes.
    Leaving,
}

impl<IO> LateTicket<IO> {
    /// Around a socket on which a handshake begins.
    pub(super) fn new(inner: IO) -> Self {
        Self { inner, held: Vec::new(), phase: Phase::Flight, is_cut: false }
    }

    /// The handshake was completed: what is written from now on takes the ticket along.
    pub(super) fn open(&mut self) {
        self.phase = Phase::Open;
    }

    /// The socket, without what is still held.
    pub fn into_inner(self) -> IO {
        self.inner
    }

    /// The socket.
    pub fn get_ref(&self) -> &IO {
        &self.inner
    }

    /// The socket.
    pub(super) fn inner_mut(&mut self) -> &mut IO {
        &mut self.inner
    }

    /// So much of `offered` bytes went to the socket.
    fn wrote(&mut self, written: &Poll<io::Result<usize>>, offered: usize) {
        self.is_cut = !matches!(written, Poll::Ready(Ok(written)) if *written == offered);
    }
}

impl<IO: AsyncWrite + Unpin> LateTicket<IO> {
    /// The socket, once all was written to it that is held: the alert of a handshake that failed.
    pub(super) async fn released(mut self) -> IO {
        // The peer may be gone already.
        let _ = self.inner.write_all(&self.held).await;
        self.inner
    }

    fn hold<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) -> usize {
        let before = self.held.len();
        pieces.for_each(|piece| self.held.extend_from_slice(piece));
        self.held.len() - before
    }

    /// Writes what is held.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, &self.held))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.held.drain(..written)),
            }
        }
        // Its room is not needed again.
        self.held = Vec::new();
        self.phase = Phase::Open;
        Poll::Ready(Ok(()))
    }

    /// Takes `pieces`, if they are to be held or to leave with what is; `None` = they go to the socket by themselves.
    fn poll_taken<'a>(
        &mut self,
        cx: &mut Context<'_>,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Poll<io::Result<Option<usize>>> {
        match self.phase {
            Phase::Open if self.held.is_empty() => {}
            Phase::Flight => {}
            Phase::Answered => {
                let first = pieces.clone().find_map(|piece| piece.first());
                if first == Some(&APPLICATION_DATA) {
                    return Poll::Ready(Ok(Some(self.hold(pieces))));
                }
                self.phase = Phase::Flight;
            }
            Phase::Open => {
                let taken = self.hold(pieces);
                self.phase = Phase::Leaving;
                // What does not fit into the socket goes with the flush that follows.
                return match self.poll_leave(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(Some(taken))),
                };
            }
            Phase::Leaving => ready!(self.poll_leave(cx))?,
        }
        Poll::Ready(Ok(None))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for LateTicket<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if self.phase == Phase::Flight && !self.is_cut && buf.filled().len() > before {
            self.phase = Phase::Answered;
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for LateTicket<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(taken) = ready!(self.poll_taken(cx, std::iter::once(buf)))? {
            return Poll::Ready(Ok(taken));
        }
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.wrote(&written, buf.len());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(taken) = ready!(self.poll_taken(cx, bufs.iter().map(|buf| &**buf)))? {
            return Poll::Ready(Ok(taken));
        }
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.wrote(&written, bufs.iter().map(|buf| buf.len()).sum());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.phase == Phase::Leaving {
            ready!(self.poll_leave(cx))?;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.phase == Phase::Leaving {
            ready!(self.poll_leave(cx))?;
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    use super::*;

    const TICKET: &[u8] = &[23, 3, 3, 0, 1, 9];
    const FLIGHT: &[u8] = &[22, 3, 3, 0, 1, 9];

    fn pair(room: usize) -> (LateTicket<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(room);
        (LateTicket::new(near), far)
    }

    /// A server that has sent its flight, read the client's answer to it, and written its ticket.
    async fn with_ticket(room: usize) -> (LateTicket<DuplexStream>, DuplexStream) {
        let (mut server, mut client) = pair(room);
        server.write_all(FLIGHT).await.unwrap();
        // A flight that is written in pieces: an encrypted one is not the first after a read.
        server.write_all(TICKET).await.unwrap();
        let mut flight = [0; 12];
        client.read_exact(&mut flight).await.unwrap();
        client.write_all(&[1]).await.unwrap();
        server.read_u8().await.unwrap();
        server.write_all(TICKET).await.unwrap();
        server.flush().await.unwrap();
        (server, client)
    }

    fn arrived(client: &mut DuplexStream) -> Vec<u8> {
        let mut bytes = [0; 256];
        let mut buf = ReadBuf::new(&mut bytes);
        let _ = Pin::new(client).poll_read(&mut Context::from_waker(std::task::Waker::noop()), &mut buf);
        buf.filled().to_vec()
    }

    #[tokio::test]
    async fn a_ticket_goes_with_what_is_written_after_the_handshake_in_one_piece() {
        let (mut server, mut client) = with_ticket(64).await;
        assert_eq!(arrived(&mut client), b"");
        server.open();
        server.flush().await.unwrap();
        assert_eq!(arrived(&mut client), b"", "a flush alone is no company");
        assert_eq!(
            server.write_vectored(&[IoSlice::new(b""), IoSlice::new(b"an"), IoSlice::new(b"swer")]).await.unwrap(),
            6
        );
        assert_eq!(arrived(&mut client), [TICKET, b"answer"].concat());
        server.write_all(b"more").await.unwrap();
        assert_eq!(arrived(&mut client), b"more");
    }

    #[tokio::test]
    async fn what_does_not_fit_is_sent_by_the_flush_and_keeps_its_order() {
        let (mut server, mut client) = with_ticket(12).await;
        server.open();
        server.write_all(b"an answer").await.unwrap();
        let rest = tokio::spawn(async move {
            server.flush().await.unwrap();
            server.write_all(b", more").await.unwrap();
            server.shutdown().await.unwrap();
        });
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        rest.await.unwrap();
        assert_eq!(all, [TICKET, b"an answer, more"].concat());
    }

    #[tokio::test]
    async fn the_alert_of_a_handshake_that_failed_is_sent() {
        let (server, mut client) = with_ticket(64).await;
        drop(server.released().await);
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, TICKET);
    }

    #[tokio::test]
    async fn the_rest_of_a_flight_that_the_socket_did_not_take_at_once_is_not_held() {
        let (mut server, mut client) = pair(4);
        client.write_all(&[1]).await.unwrap();
        server.read_u8().await.unwrap();
        // Behind its first four bytes stands one that looks like a ticket.
        assert_eq!(server.write(&[22, 3, 3, 0, 23, 9]).await.unwrap(), 4);
        client.write_all(&[1]).await.unwrap();
        server.read_u8().await.unwrap();
        let mut flight = [0; 4];
        client.read_exact(&mut flight).await.unwrap();
        assert_eq!(server.write(&[23, 9]).await.unwrap(), 2);
        assert_eq!(arrived(&mut client), [23, 9]);
        // Control: the flight is whole now, and what follows the client's next words is a ticket.
        client.write_all(&[1]).await.unwrap();
        server.read_u8().await.unwrap();
        server.write_all(&[23, 9]).await.unwrap();
        assert_eq!(arrived(&mut client), b"");
    }

    #[tokio::test]
    async fn what_is_no_ticket_is_not_held() {
        let (mut server, mut client) = pair(64);
        client.write_all(&[1]).await.unwrap();
        server.read_u8().await.unwrap();
        // TLS 1.2: the server's last flight has its ticket and its Finished in it, and the client waits for both.
        server.write_all(FLIGHT).await.unwrap();
        assert_eq!(arrived(&mut client), FLIGHT);
    }
}
