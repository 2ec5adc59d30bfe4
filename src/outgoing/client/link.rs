//! A connection of HTTP/1.1: one exchange after the other, driven by whoever has a request on it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ::http::{Request, Response};
use http_body::Body as _;
use hyper::client::conn::http1;
use tokio::runtime::{self, Handle};

use super::answer::AnswerBody;
use super::idle::{Bell, Idle};
use super::{Sent, Unanswered};
use crate::outgoing::connect::Socket;

/// hyper's read buffer, in bytes: what is read ahead of a caller who takes his answer slowly, or not at all, of whom there may be ten thousand.
/// It must hold the head of an answer; a backend's with a larger one is not understood. hyper's own is more than six times as large.
const READ_AHEAD: usize = 64 * 1024;

/// A connection of HTTP/1.1.
#[derive(Debug)]
pub(super) struct Link<B: Sent> {
    sender: http1::SendRequest<B>,
    /// `None` = it has ended. Whatever is still asked of it is given back, so that it is dropped at once.
    connection: Option<http1::Connection<Socket, B>>,
    /// Where it was opened, and where what happens on it is noticed.
    home: runtime::Id,
    bell: Arc<Bell>,
    rings: Waker,
}

impl<B: Sent> Link<B> {
    /// Begins HTTP/1.1 on `socket`. What happens on it while it is idle rings the `bell`.
    pub(super) async fn open(socket: Socket, bell: Arc<Bell>) -> hyper::Result<Self> {
        let (sender, connection) = http1::Builder::new().max_buf_size(READ_AHEAD).handshake(socket).await?;
        let rings = Waker::from(Arc::clone(&bell));
        Ok(Self { sender, connection: Some(connection), home: Handle::current().id(), bell, rings })
    }

    /// Sends `request` up to the head of its answer; the body goes on driving the connection, and leaves it with `idle`.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: Request<B>,
        idle: &Arc<Idle<B>>,
    ) -> Result<Response<AnswerBody<B>>, Unanswered<B>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let connection = &mut self.connection;
        let answer = poll_fn(|cx| {
            let _ = poll(connection, cx);
            answer.as_mut().poll(cx)
        })
        .await?;
        let (head, body) = answer.into_parts();
        let body = if body.is_end_stream() {
            idle.keep(self);
            AnswerBody::alone(body)
        } else {
            AnswerBody::over(body, self, idle)
        };
        Ok(Response::from_parts(head, body))
    }

    /// Reads and writes what can be read and written; ready when the connection has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll(&mut self.connection, cx)
    }

    /// The same for nobody in particular: what happens next rings the bell.
    pub(super) fn poll_by_bell(&mut self) -> Poll<()> {
        poll(&mut self.connection, &mut Context::from_waker(&self.rings))
    }

    pub(super) fn home(&self) -> runtime::Id {
        self.home
    }

    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Whether the exchange before is over in both directions, and another one may begin.
    pub(super) fn is_free(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }
}

fn poll<B: Sent>(connection: &mut Option<http1::Connection<Socket, B>>, cx: &mut Context<'_>) -> Poll<()> {
    let Some(open) = connection else { return Poll::Ready(()) };
    // How an exchange failed is told where its answer is waited for.
    if Pin::new(open).poll(cx).is_pending() {
        return Poll::Pending;
    }
    *connection = None;
    Poll::Ready(())
}
