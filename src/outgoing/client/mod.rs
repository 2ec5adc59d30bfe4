//! A client for one backend, with connections that are used again.
//!
//! A connection of HTTP/1.1 has no task of its own: whoever has a request on it drives it, so that nothing is handed from task to task for
//! each piece of an exchange; between requests [`idle`] looks after it. A connection of HTTP/2 is shared, and has a task.
//!
//! A request is sent again only when nothing of it had left: when a connection that was used before turned out to be closed.

mod answer;
mod http2;
mod idle;
mod link;

use std::future::poll_fn;
use std::sync::Arc;

use ::http::header::HOST;
use ::http::uri::{Authority, Scheme};
use ::http::{HeaderValue, Request, Response, Uri};
use bytes::Buf;
use futures_util::future::BoxFuture;
use http_body::Body;
use hyper::client::conn::TrySendError;
use hyper_util::client::legacy::connect::Connection as _;
use tower::{BoxError, Service as _};

pub(crate) use answer::AnswerBody;

use super::backend::{ForwardOptions, Protocol};
use super::connect::Connector;
use crate::pinned::pinned;
use http2::Shared;
use idle::Idle;
use link::Link;

/// What is sent as the body of a request.
pub(crate) trait Sent: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + Unpin + 'static {}

impl<B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + Unpin + 'static> Sent for B {}

/// A client for one backend. Cheap to clone; clones share the connections. Connects when the first request comes.
#[derive(Debug)]
pub(crate) struct Client<B: Sent>(Arc<Connections<B>>);

#[derive(Debug)]
struct Connections<B: Sent> {
    connector: Connector,
    protocol: Protocol,
    idle: Arc<Idle<B>>,
    http2: Shared<B>,
}

/// The answer to a request, or why there is none.
pub(crate) type Answer<B> = Result<Response<AnswerBody<B>>, ClientError>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody could be connected to: nothing of the request has left.
    #[error("no connection")]
    Connect(#[source] BoxError),
    /// Some of the request may have left.
    #[error("the exchange broke")]
    Exchange(#[source] hyper::Error),
}

/// Why a request did not come to its end on a connection.
enum Unanswered<B> {
    /// Nothing of it has left.
    Unsent(Box<Request<B>>, hyper::Error),
    Broken(hyper::Error),
}

impl<B> From<TrySendError<Request<B>>> for Unanswered<B> {
    fn from(mut error: TrySendError<Request<B>>) -> Self {
        match error.take_message() {
            Some(request) => Self::Unsent(Box::new(request), error.into_error()),
            None => Self::Broken(error.into_error()),
        }
    }
}

/// A connection that a request can go over.
enum Way<B: Sent> {
    Http1(Box<Link<B>>),
    Http2(http2::Way<B>),
}

impl<B: Sent> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: Sent> Client<B> {
    /// Connects with `connector`, and keeps connections as `options` say.
    pub(super) fn new(connector: Connector, options: &ForwardOptions) -> Self {
        let idle = Idle::new(options.max_idle, options.idle_timeout);
        Self(Arc::new(Connections {
            connector,
            protocol: options.protocol,
            idle,
            http2: Shared::new(options.idle_timeout),
        }))
    }

    /// Sends `request`, whose URL has a scheme and an authority: those of the backend. Dropping the future, or the body of the answer,
    /// ends the exchange.
    pub(crate) fn request(&self, request: Request<B>) -> BoxFuture<'static, Answer<B>> {
        let connections = Arc::clone(&self.0);
        pinned(|| connections.request(request))
    }
}

impl<B: Sent> Connections<B> {
    async fn request(self: Arc<Self>, mut request: Request<B>) -> Answer<B> {
        let uri = request.uri().clone();
        loop {
            let (way, is_new) = self.way(&uri).await?;
            let outcome = match way {
                Way::Http1(link) => {
                    target_for_http1(&mut request, &uri);
                    link.exchange(request, &self.idle).await
                }
                Way::Http2(way) => {
                    let number = way.number();
                    let outcome = way.exchange(request).await;
                    if let Err(Unanswered::Unsent(..)) = outcome {
                        // It may go on for a while with what it has.
                        self.http2.forget(number);
                    }
                    outcome
                }
            };
            match outcome {
                Ok(answer) => return Ok(answer),
                // A connection that was used before may have been closed meanwhile; one that refuses its first request is to blame.
                Err(Unanswered::Unsent(unsent, _)) if !is_new => {
                    request = *unsent;
                    request.uri_mut().clone_from(&uri);
                }
                Err(Unanswered::Unsent(_, error) | Unanswered::Broken(error)) => {
                    return Err(ClientError::Exchange(error));
                }
            }
        }
    }

    /// A connection to the authority of `uri`, and whether it was made for this request.
    async fn way(&self, uri: &Uri) -> Result<(Way<B>, bool), ClientError> {
        if let Some(link) = self.idle.take() {
            return Ok((Way::Http1(link), false));
        }
        if self.protocol != Protocol::Http2 && !self.http2.is_spoken() {
            return Ok((self.connect(uri).await?, true));
        }
        if let Some(way) = self.http2.get() {
            return Ok((Way::Http2(way), false));
        }
        // All requests share it, so one of them makes it.
        let mut turn = self.http2.turn().await;
        if let Some(way) = self.http2.get() {
            return Ok((Way::Http2(way), false));
        }
        if let Some(error) = turn.failed_meanwhile() {
            return Err(error);
        }
        match self.connect(uri).await {
            Ok(way) => Ok((way, true)),
            Err(error) => Err(turn.fail(error)),
        }
    }

    /// On the heap: it is ten times as large as all the rest of a request, and few requests connect.
    fn connect(&self, uri: &Uri) -> BoxFuture<'_, Result<Way<B>, ClientError>> {
        pinned(|| self.connected(uri.clone()))
    }

    async fn connected(&self, uri: Uri) -> Result<Way<B>, ClientError> {
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx)).await.map_err(ClientError::Connect)?;
        let socket = connector.call(uri).await.map_err(ClientError::Connect)?;
        let is_http2 = self.protocol == Protocol::Http2 || socket.connected().is_negotiated_h2();
        if is_http2 {
            let way = self.http2.open(socket).await.map_err(|error| ClientError::Connect(error.into()))?;
            Ok(Way::Http2(way))
        } else {
            self.http2.is_not_spoken();
            let link =
                Link::open(socket, self.idle.bell()).await.map_err(|error| ClientError::Connect(error.into()))?;
            Ok(Way::Http1(Box::new(link)))
        }
    }
}

/// Path and query alone, and a host (RFC 9112 section 3.2).
fn target_for_http1<B>(request: &mut Request<B>, uri: &Uri) {
    if !request.headers().contains_key(HOST)
        && let Some(host) = uri.authority().and_then(|authority| host_of(uri.scheme(), authority))
    {
        request.headers_mut().insert(HOST, host);
    }
    let target = uri.path_and_query().cloned();
    *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);
}

/// Without a port that goes without saying.
fn host_of(scheme: Option<&Scheme>, authority: &Authority) -> Option<HeaderValue> {
    let usual = if scheme == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = if authority.port_u16() == Some(usual) { authority.host() } else { authority.as_str() };
    HeaderValue::from_str(host).ok()
}

#[cfg(test)]
mod tests;
