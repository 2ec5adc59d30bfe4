//! A backend in this process: it answers as it is told, and remembers what it was brought.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::Error;

/// Whoever asks for this path gets [`LARGE_ANSWER`].
pub(crate) const LARGE: &str = "/large";
/// More than the buffers of the sockets on the way hold for a caller that does not read.
static LARGE_ANSWER: [u8; 384 * 1024] = [b'x'; 384 * 1024];
/// What a slow backend takes.
const SLOW: Duration = Duration::from_millis(1500);

/// How it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    Well = 0,
    Slow = 1,
    /// It answers 500.
    Failing = 2,
    /// It breaks off every connection.
    Down = 3,
}

/// The running backend; cheap to clone.
#[derive(Clone)]
pub(crate) struct Backend {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    mood: AtomicU8,
    /// How often each `x-correlation-id` or `operationId` was answered well.
    served: Mutex<HashMap<String, u32>>,
}

impl Backend {
    pub(crate) async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.state.mood.store(mood as u8, Ordering::Relaxed);
    }

    /// What was answered well so far, and how often.
    pub(crate) fn served(&self) -> HashMap<String, u32> {
        self.state.served().clone()
    }
}

impl State {
    fn mood(&self) -> Mood {
        match self.mood.load(Ordering::Relaxed) {
            1 => Mood::Slow,
            2 => Mood::Failing,
            3 => Mood::Down,
            _ => Mood::Well,
        }
    }

    fn served(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        if state.mood() == Mood::Down {
            continue;
        }
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(request, Arc::clone(&state)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    match state.mood() {
        Mood::Down => return Err(io::Error::other("it is down")),
        Mood::Failing => return Ok(response(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new())),
        Mood::Slow => sleep(SLOW).await,
        Mood::Well => {}
    }
    if head.uri.path() == LARGE {
        return Ok(response(StatusCode::OK, Bytes::from_static(&LARGE_ANSWER)));
    }
    let correlation = head.headers.get("x-correlation-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    if let Some(id) = correlation.or_else(|| operation_id(&body)) {
        *state.served().entry(id).or_default() += 1;
    }
    Ok(response(StatusCode::OK, Bytes::from_static(b"{\"responseCode\":\"0000\"}")))
}

fn operation_id(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(body.get("operationId")?.as_str()?.to_owned())
}

fn response(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    response
}
