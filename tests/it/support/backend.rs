//! A backend on loopback that records what reaches it and answers as told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Gate;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How the backend answers a path.
#[derive(Clone)]
pub(crate) enum Answer {
    /// This status and body, once the request was read to its end.
    Fixed(StatusCode, &'static str),
    /// The same with headers of the test's own.
    Whole(Response<Bytes>),
    /// The request's body, while it arrives.
    Echo,
    /// 200, but only once the gate lets the request pass.
    Held(Gate),
    /// 200 at once, then the chunks that the test sends.
    Streamed(Arc<Mutex<Option<mpsc::Receiver<Bytes>>>>),
    /// No answer: the connection breaks.
    Broken,
    /// 200 and the first part of a body that breaks off.
    BrokenOff,
}

/// A request that the backend read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

/// The running backend; it ends with the test.
pub(crate) struct Backend {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    answers: Mutex<HashMap<String, Answer>>,
    arrivals: Mutex<Vec<String>>,
    received: Mutex<Vec<Received>>,
    connections: Mutex<usize>,
}

impl Backend {
    pub(crate) async fn http1() -> Self {
        Self::start(false).await
    }

    /// HTTP/2 with prior knowledge.
    pub(crate) async fn h2c() -> Self {
        Self::start(true).await
    }

    async fn start(h2: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&state), h2));
        Self { address, state, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        self.state.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Answers `path` with what the test sends into the returned channel; dropping it ends the body.
    pub(crate) fn stream(&self, path: &str) -> mpsc::Sender<Bytes> {
        let (sender, receiver) = mpsc::channel(1);
        self.answer(path, Answer::Streamed(Arc::new(Mutex::new(Some(receiver)))));
        sender
    }

    /// How many requests for `path` have reached the backend, complete or not.
    pub(crate) fn arrivals(&self, path: &str) -> usize {
        self.state.arrivals.lock().unwrap().iter().filter(|arrived| *arrived == path).count()
    }

    /// How many requests have reached the backend at all.
    pub(crate) fn all_arrivals(&self) -> usize {
        self.state.arrivals.lock().unwrap().len()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    /// Every complete request, in the order in which they came.
    pub(crate) fn all_received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// The last complete request for `path`.
    pub(crate) fn received(&self, path: &str) -> Received {
        let received = self.state.received.lock().unwrap();
        let found = received.iter().rev().find(|one| one.uri.path() == path);
        found.unwrap_or_else(|| panic!("no request for {path} reached the backend; it saw {received:?}")).clone()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, h2: bool) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        *state.connections.lock().unwrap() += 1;
        connections.spawn(serve(stream, Arc::clone(&state), h2));
    }
}

async fn serve(stream: TcpStream, state: Arc<State>, h2: bool) {
    let service = service_fn(move |request| respond(request, Arc::clone(&state)));
    let io = TokioIo::new(stream);
    // How a connection ends is the server's business; what it delivered is in the records.
    let _ = if h2 {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
    } else {
        hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
    };
}

async fn respond(request: Request<Incoming>, state: Arc<State>) -> io::Result<Response<Body>> {
    let path = request.uri().path().to_owned();
    state.arrivals.lock().unwrap().push(path.clone());
    let answer = state.answers.lock().unwrap().get(&path).cloned();
    match answer.unwrap_or(Answer::Fixed(StatusCode::OK, "received")) {
        Answer::Fixed(status, text) => {
            record(request, &state).await?;
            Ok(whole(status, text))
        }
        Answer::Whole(response) => {
            record(request, &state).await?;
            let never = |never: Infallible| match never {};
            Ok(response.map(|body| Full::new(body).map_err(never).boxed_unsync()))
        }
        Answer::Echo => Ok(Response::new(request.into_body().map_err(io::Error::other).boxed_unsync())),
        Answer::Held(gate) => {
            record(request, &state).await?;
            gate.pass().await;
            Ok(whole(StatusCode::OK, "held"))
        }
        Answer::Streamed(chunks) => {
            record(request, &state).await?;
            let mut chunks = chunks.lock().unwrap().take().unwrap();
            let frames = futures_util::stream::poll_fn(move |context| {
                chunks.poll_recv(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
            });
            Ok(Response::new(StreamBody::new(frames).boxed_unsync()))
        }
        Answer::Broken => Err(io::Error::other("told to break")),
        Answer::BrokenOff => {
            record(request, &state).await?;
            let frames =
                [Ok(Frame::data(Bytes::from_static(b"the first half"))), Err(io::Error::other("told to break"))];
            let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
            Ok(Response::builder().header("content-length", "1000").body(body).unwrap())
        }
    }
}

async fn record(request: Request<Incoming>, state: &State) -> io::Result<()> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    let trailers = body.trailers().cloned();
    let received = Received {
        method: head.method,
        uri: head.uri,
        version: head.version,
        headers: head.headers,
        body: body.to_bytes(),
        trailers,
    };
    state.received.lock().unwrap().push(received);
    Ok(())
}

fn whole(status: StatusCode, text: &'static str) -> Response<Body> {
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never: Infallible| match never {});
    Response::builder().status(status).header("x-backend", "yes").body(body.boxed_unsync()).unwrap()
}
