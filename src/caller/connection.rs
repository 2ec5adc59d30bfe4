//! One connection of a caller.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{HandshakeKind, ProtocolVersion};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::overheard::{Listening, Overheard};
use super::{Caller, Failure, Stage, suite_name, version_name};

/// An open connection. It closes when this goes.
#[derive(Debug)]
pub struct Connection {
    seen: Seen,
    sender: Sender,
    overheard: Overheard,
    /// Whether the last request has left, or may have.
    request_left: bool,
    /// Taken once its end has been asked for.
    driver: Option<JoinHandle<Result<(), hyper::Error>>>,
}

/// What the handshake came to.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The version.
    pub version: ProtocolVersion,
    /// The cipher suite, as IANA writes it.
    pub suite: String,
    /// The key exchange group; none where a TLS 1.2 session was resumed.
    pub group: Option<String>,
    /// The protocol that the server chose (ALPN); `None` = it chose none.
    pub alpn: Option<String>,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// The server's chain as it was sent, leaf first; of a resumed session, that of its first handshake.
    pub chain: Vec<CertificateDer<'static>>,
    /// TCP.
    pub connecting: Duration,
    /// TLS.
    pub handshake: Duration,
}

impl Seen {
    /// `TLS 1.3`
    #[must_use]
    pub fn version_name(&self) -> String {
        version_name(self.version)
    }
}

/// Of a body no more is read. Thales' own are some kilobytes long, and so are those that it expects.
pub const LONGEST_ANSWER: usize = 1024 * 1024;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, of at most [`LONGEST_ANSWER`] bytes.
    pub body: Bytes,
}

#[derive(Debug)]
enum Sender {
    V1(http1::SendRequest<Full<Bytes>>),
    V2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    pub(super) async fn open(caller: &Caller) -> Result<Self, Failure> {
        let options = caller.options();
        let (start, after) = (Instant::now(), options.connect_timeout);
        let socket = timeout(after, TcpStream::connect(options.address))
            .await
            .map_err(|_| Failure::TimedOut { stage: Stage::Connecting, after })?
            .map_err(Failure::Unreachable)?;
        let connecting = start.elapsed();
        // An answer is waited for after each write.
        socket.set_nodelay(true).map_err(Failure::Unreachable)?;
        let connector = TlsConnector::from(caller.tls_config().clone());
        let stream = timeout(after.saturating_sub(connecting), connector.connect(options.server_name.clone(), socket))
            .await
            .map_err(|_| Failure::TimedOut { stage: Stage::Handshake, after })?
            .map_err(|error| Failure::of(Stage::Handshake, &error))?;
        let seen = Seen::of(&stream, connecting, start.elapsed().saturating_sub(connecting))?;
        Self::speak(stream, seen).await
    }

    async fn speak(stream: TlsStream<TcpStream>, seen: Seen) -> Result<Self, Failure> {
        let failed = |error: hyper::Error| Failure::of(Stage::Exchange, &error);
        let overheard = Overheard::default();
        let io = TokioIo::new(Listening { stream, overheard: overheard.clone() });
        let (sender, driver) = if seen.alpn.as_deref() == Some("h2") {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.map_err(failed)?;
            (Sender::V2(sender), tokio::spawn(connection))
        } else {
            let (sender, connection) = http1::handshake(io).await.map_err(failed)?;
            (Sender::V1(sender), tokio::spawn(connection))
        };
        Ok(Self { seen, sender, overheard, request_left: false, driver: Some(driver) })
    }

    /// What the handshake came to.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Whether it can carry another request, as far as is known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !match &self.sender {
            Sender::V1(sender) => sender.is_closed(),
            Sender::V2(sender) => sender.is_closed(),
        }
    }

    /// Whether the request of the last [`send`](Self::send) has left, or may have: where it has not, nothing of it was written, and the
    /// server cannot have heard of it.
    #[must_use]
    pub fn has_request_left(&self) -> bool {
        self.request_left
    }

    /// One exchange. Over HTTP/1.1 the request names its path and a `Host` header; over HTTP/2 an absolute URI: the caller of this puts
    /// both in, and what does not belong is taken out here.
    ///
    /// # Errors
    /// [`Failure`]: no whole answer came, or one that is longer than [`LONGEST_ANSWER`].
    pub async fn send(&mut self, mut request: Request<Bytes>, within: Duration) -> Result<Answer, Failure> {
        self.request_left = false;
        let left = &mut self.request_left;
        let exchange = async {
            let response = match &mut self.sender {
                Sender::V1(sender) => {
                    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                    if let Ok(path) = path.parse() {
                        *request.uri_mut() = path;
                    }
                    sender.ready().await?;
                    *left = true;
                    let sent = sender.try_send_request(request.map(Full::new)).await;
                    sent.map_err(|error| given_back(error, left))?
                }
                Sender::V2(sender) => {
                    request.headers_mut().remove(http::header::HOST);
                    sender.ready().await?;
                    *left = true;
                    let sent = sender.try_send_request(request.map(Full::new)).await;
                    sent.map_err(|error| given_back(error, left))?
                }
            };
            whole(response).await
        };
        match timeout(within, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Err(_) => Err(Failure::TimedOut { stage: Stage::Exchange, after: within }),
            Ok(Err(Unread::TooLong(status))) => Err(Failure::AnswerTooLong { status, most: LONGEST_ANSWER }),
            Ok(Err(Unread::Failed(error))) => Err(self.why(Failure::of(Stage::Exchange, error.as_ref())).await),
        }
    }

    /// The sender often knows only that the connection went away, and its driver why.
    async fn why(&mut self, own: Failure) -> Failure {
        /// The driver has ended already, or is about to.
        const MOMENT: Duration = Duration::from_secs(1);
        if matches!(own, Failure::Refused(_) | Failure::ServerRefused(_)) {
            return own;
        }
        let Some(driver) = self.driver.take() else { return own };
        let ended = timeout(MOMENT, driver).await;
        match (self.overheard.error(), ended) {
            (Some(error), _) => Failure::of(Stage::Exchange, &error),
            (None, Ok(Ok(Err(error)))) => Failure::of(Stage::Exchange, &error),
            (None, _) => own,
        }
    }
}

/// The error of a request that was sent, or of one that hyper gives back, since nothing of it was written.
fn given_back<B>(mut error: TrySendError<Request<B>>, left: &mut bool) -> hyper::Error {
    *left = error.take_message().is_none();
    error.into_error()
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

/// Why an answer was not read to its end.
#[derive(Debug)]
enum Unread {
    TooLong(StatusCode),
    Failed(Box<dyn Error + Send + Sync>),
}

impl From<hyper::Error> for Unread {
    fn from(error: hyper::Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// A response with its body.
async fn whole<B>(response: Response<B>) -> Result<Answer, Unread>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (Parts { status, headers, .. }, body) = response.into_parts();
    match Limited::new(body, LONGEST_ANSWER).collect().await {
        Ok(body) => Ok(Answer { status, headers, body: body.to_bytes() }),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLong(status)),
        Err(error) => Err(Unread::Failed(error)),
    }
}

impl Seen {
    fn of(stream: &TlsStream<TcpStream>, connecting: Duration, handshake: Duration) -> Result<Self, Failure> {
        let (_, tls) = stream.get_ref();
        let (Some(version), Some(suite)) = (tls.protocol_version(), tls.negotiated_cipher_suite()) else {
            let problem = "it ended without a version".to_owned();
            return Err(Failure::Broken { stage: Stage::Handshake, problem });
        };
        Ok(Self {
            version,
            suite: suite_name(suite.suite()),
            group: tls.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            alpn: tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
            chain: tls.peer_certificates().unwrap_or_default().iter().map(|der| der.clone().into_owned()).collect(),
            connecting,
            handshake,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_read_up_to_its_bound_and_no_further() {
        let of = |length| Response::new(Full::new(Bytes::from(vec![b'x'; length])));
        assert_eq!(whole(of(LONGEST_ANSWER)).await.unwrap().body.len(), LONGEST_ANSWER);
        let problem = whole(of(LONGEST_ANSWER + 1)).await.unwrap_err();
        assert!(matches!(problem, Unread::TooLong(StatusCode::OK)), "{problem:?}");
    }
}
