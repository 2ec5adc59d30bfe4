//! An identity provider on loopback: its configuration and its keys over TLS, and sometimes nothing at all.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::jwt::{TokenKey, now};
use super::{Authority, Spec};

/// The running identity provider; it ends with the test.
pub(crate) struct IdentityProvider {
    address: SocketAddr,
    authority: Authority,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    issuer: String,
    keys: Mutex<Vec<Value>>,
    is_up: AtomicBool,
    keys_asked: AtomicUsize,
}

impl IdentityProvider {
    /// One without any key.
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let authority = Authority::root("Identity Provider Root");
        let identity = authority.issue(Spec::server("localhost"));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(identity.chain, identity.key)
            .unwrap();
        let state = Arc::new(State {
            issuer: format!("https://localhost:{}/realm", address.port()),
            keys: Mutex::default(),
            is_up: AtomicBool::new(true),
            keys_asked: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&state)));
        Self { address, authority, state, task }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.state.issuer
    }

    pub(crate) fn keys_url(&self) -> String {
        format!("https://localhost:{}/keys", self.address.port())
    }

    /// The PEM of the CA that its certificate is of.
    pub(crate) fn ca(&self) -> String {
        self.authority.pem()
    }

    /// From now on it has these keys, by their ids.
    pub(crate) fn publish(&self, keys: &[(&str, &TokenKey)]) {
        *self.state.keys.lock().unwrap() = keys.iter().map(|(id, key)| key.jwk(id)).collect();
    }

    /// Answers nobody, on no connection.
    pub(crate) fn go_down(&self) {
        self.state.is_up.store(false, Ordering::SeqCst);
    }

    pub(crate) fn come_up(&self) {
        self.state.is_up.store(true, Ordering::SeqCst);
    }

    /// How often it was asked for its keys, answered or not.
    pub(crate) fn keys_asked(&self) -> usize {
        self.state.keys_asked.load(Ordering::SeqCst)
    }

    /// What a good token of it says, for this audience.
    pub(crate) fn claims(&self, audience: &str) -> Value {
        json!({"iss": self.issuer(), "aud": audience, "sub": "thales", "iat": now(), "exp": now() + 600})
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, state: Arc<State>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { respond(&request, &state) }
    });
    // How a connection ends is the client's business.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn respond(request: &Request<Incoming>, state: &State) -> io::Result<Response<Full<Bytes>>> {
    let path = request.uri().path();
    if path == "/keys" {
        state.keys_asked.fetch_add(1, Ordering::SeqCst);
    }
    if !state.is_up.load(Ordering::SeqCst) {
        return Err(io::Error::other("told to be down"));
    }
    let document = match path {
        "/keys" => json!({"keys": *state.keys.lock().unwrap()}),
        "/realm/.well-known/openid-configuration" => {
            let keys = state.issuer.replace("/realm", "/keys");
            json!({"issuer": state.issuer, "jwks_uri": keys})
        }
        _ => {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NOT_FOUND;
            return Ok(answer);
        }
    };
    let answer = Response::builder().header("content-type", "application/json").header("cache-control", "max-age=3600");
    Ok(answer.body(Full::from(document.to_string())).unwrap())
}
