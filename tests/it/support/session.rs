//! HTTP on top of a caller's connection: HTTP/2 where ALPN chose it, else HTTP/1.1.

use std::convert::Infallible;

use bytes::Bytes;
use http::request::Builder;
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, Uri, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{HOST, Refusal, within};

type Body = BoxBody<Bytes, Infallible>;

/// An open connection. Dropping it closes it.
pub(crate) struct Session {
    sender: Sender,
    task: tokio::task::JoinHandle<()>,
}

enum Sender {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) version: http::Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request to the host that the tests' server answers for; `path` may have a query.
pub(crate) fn request(method: &str, path: &str) -> Builder {
    Request::builder().method(method).uri(format!("https://{HOST}{path}"))
}

impl Session {
    pub(crate) async fn over(stream: TlsStream<TcpStream>) -> Result<Self, Refusal> {
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if h2 {
            return Self::h2(stream).await;
        }
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Refusal::Closed)?;
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender: Sender::One(sender), task })
    }

    /// HTTP/2 over anything.
    pub(crate) async fn h2<S>(stream: S) -> Result<Self, Refusal>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.map_err(|_| Refusal::Closed)?;
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender: Sender::Two(sender), task })
    }

    pub(crate) fn is_h2(&self) -> bool {
        matches!(self.sender, Sender::Two(_))
    }

    /// Sends a request with a whole body and reads the whole answer.
    pub(crate) async fn send(&mut self, request: Request<Bytes>) -> Result<Reply, Refusal> {
        let response = self.begin(request.map(|body| Full::new(body).boxed())).await.map_err(|_| Refusal::Closed)?;
        Reply::read(response).await.map_err(|_| Refusal::Closed)
    }

    /// Sends a request and returns as soon as the head of the answer is there.
    pub(crate) async fn begin(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        let response = async {
            match &mut self.sender {
                Sender::One(sender) => {
                    sender.ready().await?;
                    sender.send_request(origin_form(request)).await
                }
                Sender::Two(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        within("an answer", response).await
    }

    /// Completes when the connection has ended, whoever ended it.
    pub(crate) async fn ended(mut self) {
        within("the connection to end", &mut self.task).await.unwrap();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reply {
    pub(crate) async fn read(response: Response<Incoming>) -> hyper::Result<Self> {
        let (head, body) = response.into_parts();
        let body = within("the end of an answer", body.collect()).await?.to_bytes();
        Ok(Self { status: head.status.as_u16(), version: head.version, headers: head.headers, body })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// HTTP/1.1 wants the path in the request line and the authority in Host.
fn origin_form<B>(mut request: Request<B>) -> Request<B> {
    let authority = request.uri().authority().unwrap().to_string();
    let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    request.headers_mut().entry(header::HOST).or_insert(authority.parse().unwrap());
    *request.uri_mut() = Uri::from(path);
    request
}
