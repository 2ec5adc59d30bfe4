//! A small backend that answers with what it was asked, remembers the events that it got, and can be down.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

/// The customer's systems, as the demo plays them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    down: AtomicBool,
    /// Correlation id of the call and id of the event, of each that arrived.
    events: Mutex<Vec<(String, String)>>,
}

impl Backend {
    /// Serves on a free port of loopback, for as long as the process lives.
    pub(super) async fn spawn() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let backend = Self { address: listener.local_addr()?, state: Arc::default() };
        let state = Arc::clone(&backend.state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                let service = service_fn(move |request| echo(request, Arc::clone(&state)));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(socket), service),
                );
            }
        });
        Ok(backend)
    }

    /// From now on every exchange breaks, or none does.
    pub(super) fn is_down(&self, down: bool) {
        self.state.down.store(down, Ordering::Relaxed);
    }

    /// The ids of the events that came of calls with this correlation id.
    pub(super) fn events(&self, correlation_id: &str) -> Vec<String> {
        let events = self.state.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().filter(|(of, _)| of == correlation_id).map(|(_, id)| id.clone()).collect()
    }
}

async fn echo(request: Request<Incoming>, state: Arc<State>) -> io::Result<Response<Full<Bytes>>> {
    if state.down.load(Ordering::Relaxed) {
        return Err(io::Error::other("it is down"));
    }
    let (head, body) = request.into_parts();
    let text = |name: &str| head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let (Some(id), Some(correlation_id)) = (text("ce-id"), text("x-correlation-id")) {
        state.events.lock().unwrap_or_else(PoisonError::into_inner).push((correlation_id, id));
    }
    let body_bytes = body.collect().await.map(|body| body.to_bytes().len()).unwrap_or_default();
    let answer = serde_json::json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "body_bytes": body_bytes,
        "caller": identity(&head.headers),
    });
    let mut text = format!("{answer:#}");
    text.push('\n');
    let mut response = Response::new(Full::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// What the server says of the caller.
fn identity(headers: &HeaderMap) -> serde_json::Map<String, serde_json::Value> {
    headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("issuer-host-"))
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect()
}
