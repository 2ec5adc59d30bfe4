//! The body of an answer, which drives the connection that it comes over.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::Sent;
use super::idle::Idle;
use super::link::Link;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct AnswerBody<B: Sent> {
    incoming: Incoming,
    /// `None` where something else drives the connection.
    driven: Option<Driven<B>>,
}

/// A connection, and where it goes when the body has ended.
#[derive(Debug)]
struct Driven<B: Sent> {
    link: Box<Link<B>>,
    idle: Arc<Idle<B>>,
}

impl<B: Sent> AnswerBody<B> {
    /// A body that has ended, or whose connection has a task of its own.
    pub(super) fn alone(incoming: Incoming) -> Self {
        Self { incoming, driven: None }
    }

    /// A body that comes over `link`, which is left with `idle` when it has ended.
    pub(super) fn over(incoming: Incoming, link: Box<Link<B>>, idle: &Arc<Idle<B>>) -> Self {
        Self { incoming, driven: Some(Driven { link, idle: Arc::clone(idle) }) }
    }
}

impl<B: Sent> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { incoming, driven } = self.get_mut();
        let mut frame = Pin::new(&mut *incoming).poll_frame(cx);
        // What is not there yet has to be asked for before the connection reads it.
        if frame.is_pending()
            && let Some(Driven { link, .. }) = driven
        {
            let _ = link.poll(cx);
            frame = Pin::new(&mut *incoming).poll_frame(cx);
        }
        let has_ended = match &frame {
            Poll::Ready(Some(Ok(_))) => incoming.is_end_stream(),
            Poll::Ready(None | Some(Err(_))) => true,
            Poll::Pending => false,
        };
        if has_ended && let Some(Driven { link, idle }) = driven.take() {
            idle.keep(link);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
