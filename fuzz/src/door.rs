//! The layers before a handler, and a handler that looks closely at what reaches it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use issuer_host::http::interpreter::Interpreter;
use issuer_host::http::{ConnectionContext, Stack, StackOptions};
use issuer_host::pki::ClientIdentity;
use issuer_host::tls::{Standing, TlsFacts, VerifiedClient};
use rustls_pki_types::UnixTime;
use tokio::runtime::{Builder, Runtime};
use tower::Service;

use crate::reference::{HOP_BY_HOP, assert_clean};
use crate::samples;

/// The host of the environment.
pub const HOST: &str = "issuer.bank.example";
/// Bytes of a body.
const MAX_BODY: u64 = 16 * 1024;

thread_local! {
    static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// Runs `work` on a clock that stands still while anything can be done, and jumps to the next deadline when nothing can.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| {
        let mut runtime = runtime.borrow_mut();
        let runtime = runtime
            .get_or_insert_with(|| Builder::new_current_thread().enable_time().start_paused(true).build().unwrap());
        runtime.block_on(work)
    })
}

/// A caller that was verified.
pub fn context() -> ConnectionContext {
    let chain = samples::chain(samples::CLIENT_A);
    let identity = ClientIdentity::from_der(&chain[0]).unwrap();
    let tls = TlsFacts {
        version: "TLSv1.3",
        cipher_suite: "TLS13_AES_128_GCM_SHA256",
        resumed: false,
        remembered: false,
        server_name: Some(HOST.to_owned()),
    };
    let peer = "192.0.2.7:4711".parse().unwrap();
    let client = VerifiedClient::new("preprod".into(), Arc::new(identity), Arc::from(chain), 1, peer, tls);
    let standing = Standing::until(UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX / 2)));
    ConnectionContext { client, standing: Arc::new(standing), local: "192.0.2.1:443".parse().unwrap() }
}

/// The layers of an environment before `recorder`.
pub fn stack(interpreter: Option<Arc<Interpreter>>, recorder: &Recorder) -> Stack<Recorder> {
    let options = StackOptions {
        host: Some(HOST.to_owned()),
        max_header_size: 64 * 1024,
        max_body_size: MAX_BODY,
        body_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(30),
        forward_client_certificate: false,
        access_events: false,
        access_sample: NonZeroU32::MIN,
        interpreter,
    };
    Stack::new(options, recorder.clone())
}

/// A request that reached the handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub method: Method,
    pub target: String,
    /// In the order of their names.
    pub headers: Vec<(String, Vec<u8>)>,
    /// `None` where it was not there to its end.
    pub body: Option<Vec<u8>>,
}

impl Reached {
    fn values<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
        self.headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_slice())
    }

    fn only<'r>(&'r self, name: &'r str) -> &'r [u8] {
        let mut values = self.values(name);
        let value = values.next().unwrap_or_else(|| panic!("{name} is missing: {self:?}"));
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }
}

/// Remembers what reached it, and answers 200.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<Reached>>>);

impl Recorder {
    /// What has reached it since it was asked last.
    pub fn take(&self) -> Vec<Reached> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service<Request<Body>> for Recorder {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let each = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
        let mut headers: Vec<_> = each.collect();
        // Stable: what several fields of a name say stays in its order.
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        let reached = Reached { method: parts.method, target: parts.uri.to_string(), headers, body: None };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = seen.len();
        seen.push(reached);
        drop(seen);
        let seen = Arc::clone(&self.0);
        Box::pin(async move {
            let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
            let length = body.as_ref().map_or(0, Vec::len);
            if let Some(reached) = seen.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
                reached.body = body;
            }
            Ok(Response::new(Body::from(vec![b'x'; length.min(64)])))
        })
    }
}

/// Asserts what holds of every request that reaches a handler, whatever was sent and over which version of HTTP.
pub fn assert_checked(reached: &Reached, context: &ConnectionContext) {
    assert!(reached.method != Method::CONNECT && reached.method != Method::TRACE, "{reached:?}");

    let (path, query) = reached.target.split_once('?').unwrap_or((&reached.target, ""));
    assert_clean(path);
    assert!(query.bytes().all(|byte| byte.is_ascii_graphic()), "{reached:?}");

    let host = std::str::from_utf8(reached.only("host")).unwrap();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        assert!(port.parse::<u16>().is_ok(), "{reached:?}");
        name
    });
    assert!(name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case(HOST), "{reached:?}");

    for name in HOP_BY_HOP {
        assert_eq!(reached.values(name).next(), None, "{name}: {reached:?}");
    }
    let lengths: Vec<_> = reached.values("content-length").collect();
    assert!(lengths.len() <= 1, "{reached:?}");
    let length = lengths.first().map(|length| std::str::from_utf8(length).unwrap().parse::<u64>().unwrap());
    if let Some(body) = &reached.body {
        assert!(body.len() as u64 <= MAX_BODY, "{reached:?}");
        assert!(length.is_none_or(|length| length == body.len() as u64), "{reached:?}");
    }

    let identity = context.client.identity();
    for (name, expected) in [
        ("issuer-host-client-subject", identity.subject.as_str()),
        ("issuer-host-client-issuer", identity.issuer.as_str()),
        ("issuer-host-client-serial", identity.serial.as_str()),
        ("issuer-host-client-sha256", &identity.sha256.to_string()),
        ("issuer-host-environment", "preprod"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
    ] {
        assert_eq!(reached.only(name), expected.as_bytes(), "{name}: {reached:?}");
    }
    // Nobody says another way who calls: not in any spelling that a backend may take for one of these.
    for (name, _) in &reached.headers {
        let spelt: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let ours = name.starts_with("issuer-host-") || name.starts_with("x-forwarded-");
        for family in ["issuer-host-", "x-forwarded-", "client-cert", "x-client-", "ssl-client-"] {
            assert!(!spelt.starts_with(family) || ours, "{name}: {reached:?}");
        }
        assert!(spelt != "content-length" || name == "content-length", "{name}: {reached:?}");
        assert!(spelt != "transfer-encoding" && spelt != "forwarded", "{name}: {reached:?}");
    }
}
