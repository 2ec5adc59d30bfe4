//! A collector of traces on loopback, which takes OTLP over HTTP and keeps what it is sent.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::{Authority, PATIENCE, Spec, eventually};

/// The running collector; it ends with the test.
pub(crate) struct Collector {
    address: SocketAddr,
    authority: Option<Authority>,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    is_away: AtomicBool,
    bodies: Mutex<Vec<Bytes>>,
    /// Connections that it did not take, being away.
    refused: Mutex<usize>,
}

impl Collector {
    /// One over plain HTTP.
    pub(crate) async fn open() -> Self {
        Self::start(None).await
    }

    /// One over TLS, with a CA of its own.
    pub(crate) async fn over_tls() -> Self {
        Self::start(Some(Authority::root("Collector Root"))).await
    }

    async fn start(authority: Option<Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let acceptor = authority.as_ref().map(|authority| {
            let identity = authority.issue(Spec::server("localhost"));
            let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(identity.chain, identity.key)
                .unwrap();
            TlsAcceptor::from(Arc::new(config))
        });
        let task = tokio::spawn(accept(listener, acceptor, Arc::clone(&state)));
        Self { address, authority, state, task }
    }

    /// Where it is, for `otlp_url`.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// `[traces]` with its url; more keys may follow.
    pub(crate) fn table(&self) -> String {
        format!("[traces]\notlp_url = \"{}\"\n", self.url())
    }

    /// The PEM of the CA that its certificate is of.
    pub(crate) fn ca(&self) -> String {
        self.authority.as_ref().unwrap().pem()
    }

    /// Breaks every connection from now on.
    pub(crate) fn go_away(&self) {
        self.state.is_away.store(true, Ordering::SeqCst);
    }

    pub(crate) fn come_back(&self) {
        self.state.is_away.store(false, Ordering::SeqCst);
    }

    /// How often somebody came while it was away.
    pub(crate) fn refused(&self) -> usize {
        *self.state.refused.lock().unwrap()
    }

    /// The bytes of everything that it was sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state.bodies.lock().unwrap().concat()
    }

    /// Each request that it was sent.
    pub(crate) fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let bodies = self.state.bodies.lock().unwrap();
        bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap()).collect()
    }

    /// Every span that it was sent.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.requests().into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// The one span of this name, once it is there.
    pub(crate) async fn span(&self, name: &str) -> Span {
        eventually(&format!("the span {name:?}"), async || self.spans().iter().any(|span| span.name == name)).await;
        let mut found: Vec<Span> = self.spans().into_iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The value of an attribute, as text; empty where there is none.
pub(crate) fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => panic!("{key} is {other:?}"),
        None => String::new(),
    }
}

/// The id of its trace and its own, as `traceparent` writes them.
pub(crate) fn place(span: &Span) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{}-{}", hex(&span.trace_id), hex(&span.span_id))
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        if state.is_away.load(Ordering::SeqCst) {
            *state.refused.lock().unwrap() += 1;
            continue;
        }
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        connections.spawn(async move {
            match acceptor {
                None => serve(stream, state).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, state).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    let service = service_fn(move |request| respond(request, Arc::clone(&state)));
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // How a connection ends is the client's business.
    let _ = tokio::time::timeout(PATIENCE * 10, serving).await;
}

async fn respond(request: Request<Incoming>, state: Arc<State>) -> io::Result<Response<Full<Bytes>>> {
    if state.is_away.load(Ordering::SeqCst) {
        *state.refused.lock().unwrap() += 1;
        return Err(io::Error::other("away"));
    }
    let (head, body) = request.into_parts();
    let wanted = head.method == "POST"
        && head.uri.path() == "/v1/traces"
        && head.headers["content-type"] == "application/x-protobuf";
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if !wanted || ExportTraceServiceRequest::decode(body.clone()).is_err() {
        let mut refused = Response::new(Full::default());
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refused);
    }
    state.bodies.lock().unwrap().push(body);
    Ok(Response::new(Full::default()))
}
