//! Calls over one HTTP/1.1 connection, with one buffer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::judge::Heard;
use super::response::ResponseReader;
use crate::caller::{Failure, Stage};

/// Room for a record of TLS (RFC 8446 section 5.1), and the longest head of an answer.
const BUFFER: usize = 16 * 1024;

/// An open HTTP/1.1 connection.
pub(super) struct Http1 {
    stream: TlsStream<TcpStream>,
    buffer: Box<[u8]>,
    /// Whether the next answer is kept to be judged.
    hears: bool,
}

/// An answer that has come whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Whether the connection can carry another call.
    pub(super) stays: bool,
    /// What is to be judged.
    pub(super) heard: Option<Heard>,
}

impl Http1 {
    /// `hears` = the first answer is to be judged.
    pub(super) fn new(stream: TlsStream<TcpStream>, hears: bool) -> Self {
        Self { stream, buffer: vec![0; BUFFER].into_boxed_slice(), hears }
    }

    /// One call; of `request` the first `already` bytes have been sent.
    pub(super) async fn exchange(
        &mut self,
        request: &[u8],
        already: usize,
        within: Duration,
    ) -> Result<Answered, Failure> {
        let stage = Stage::Exchange;
        timeout(within, self.unbounded(request, already))
            .await
            .unwrap_or(Err(Failure::TimedOut { stage, after: within }))
    }

    async fn unbounded(&mut self, request: &[u8], already: usize) -> Result<Answered, Failure> {
        let written = self.write(request.get(already..).unwrap_or_default()).await;
        match (self.answer().await, written) {
            (Ok(answer), _) => Ok(Answered { sent: request.len() as u64, ..answer }),
            // An alert says more than that nothing could be written.
            (Err(failure @ (Failure::Refused(_) | Failure::ServerRefused(_))), _) | (Err(failure), Ok(())) => {
                Err(failure)
            }
            (Err(_), Err(error)) => Err(Failure::of(Stage::Exchange, &error)),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    async fn answer(&mut self) -> Result<Answered, Failure> {
        let mut reader = ResponseReader::new(std::mem::take(&mut self.hears).then(Heard::default));
        // Bytes `start..end` of the buffer have not been taken yet.
        let (mut start, mut end, mut received) = (0, 0, 0);
        let broken = |problem: String| Failure::Broken { stage: Stage::Exchange, problem };
        loop {
            let room = self.buffer.get_mut(end..).unwrap_or_default();
            if room.is_empty() {
                return Err(broken(format!("the head of its answer is longer than {BUFFER} bytes")));
            }
            let read = match self.stream.read(room).await {
                Ok(read) => read,
                // FIN without close_notify.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                Err(error) => return Err(Failure::of(Stage::Exchange, &error)),
            };
            if read == 0 && !reader.ends_with_connection() {
                return Err(Failure::Closed(Stage::Exchange));
            }
            received += read as u64;
            end += read;
            start += reader
                .take(self.buffer.get(start..end).unwrap_or_default())
                .map_err(|error| broken(error.to_string()))?;
            if reader.is_done() {
                break;
            }
            self.buffer.copy_within(start..end, 0);
            (start, end) = (0, end - start);
        }
        if start != end {
            return Err(broken("the server sent more than an answer".to_owned()));
        }
        let (status, stays) = (reader.status(), reader.keeps_connection());
        Ok(Answered { status, sent: 0, received, stays, heard: reader.into_heard() })
    }

    /// How the server has ended the connection; `None` = it is open so far. Asks the socket only when something has come in.
    pub(super) async fn end(&mut self) -> Option<Failure> {
        let Self { stream, buffer, .. } = self;
        poll_fn(|context| {
            if stream.get_ref().0.poll_read_ready(context).is_pending() {
                return Poll::Ready(None);
            }
            // A late ticket is taken in; an end, an alert, or an answer to nothing, ends it.
            Poll::Ready(match Pin::new(&mut *stream).poll_read(context, &mut ReadBuf::new(buffer)) {
                Poll::Pending => None,
                Poll::Ready(Ok(())) => Some(Failure::Closed(Stage::Exchange)),
                Poll::Ready(Err(error)) => Some(Failure::of(Stage::Exchange, &error)),
            })
        })
        .await
    }

    /// Says goodbye (`close_notify`) and closes, without waiting for the server's.
    pub(super) async fn close(mut self) {
        self.stream.get_mut().1.send_close_notify();
        // Who has gone already needs none.
        let _ = self.stream.flush().await;
    }
}
