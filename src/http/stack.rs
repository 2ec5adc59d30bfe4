//! The layers of an environment, in their order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::http::{Request, Response};
use axum::body::Body;
use bytes::Bytes;
use tower::{BoxError, Service, ServiceBuilder};

use super::access::{Caller, ExchangeBody};
use super::accounting::Accounting;
use super::body::BodyBoundsLayer;
use super::correlation::CorrelationLayer;
use super::deadline::DeadlineLayer;
use super::exchange::ExchangeLayer;
use super::gate::{Check, GateLayer};
use super::identity_headers::IdentityHeaders;
use super::interpreter::Interpreter;
use super::second_key::SecondKeyLayer;
use super::{Problem, ResponseBody, content_length, head_size, hop_by_hop, host, identity_headers, method, path};
use crate::telemetry::events;
use crate::thales::dialect::Cause;
use crate::tls::hosts::without_trailing_dot;
use crate::tls::{Standing, VerifiedClient};
use crate::traces::Tracer;

/// What the stack of an environment has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackOptions {
    /// The host, or wildcard of hosts, that requests must be for; without one any single valid host is taken.
    pub host: Option<String>,
    /// Largest head of an HTTP/2 request, in bytes of its decoded header list (RFC 9113 section 6.5.2). That of HTTP/1.1 is bounded
    /// before it is parsed.
    pub max_header_size: u32,
    /// Largest body of a request, in bytes.
    pub max_body_size: u64,
    /// From the first wish to read a request's body to its end.
    pub body_timeout: Duration,
    /// From a request's head to the head of its response.
    pub request_timeout: Duration,
    /// Whether handlers get the whole certificate (RFC 9440), which can overflow a backend's header limit.
    pub forward_client_certificate: bool,
    /// Whether requests are told of in the log.
    pub access_events: bool,
    /// Of how many requests that went well one is told of.
    pub access_sample: NonZeroU32,
    /// What knows the calls that come in; `None` = they are handed on as they are.
    pub interpreter: Option<Arc<Interpreter>>,
}

/// A connection, after its handshake.
#[derive(Clone, Debug)]
pub struct ConnectionContext {
    /// Who calls.
    pub client: VerifiedClient,
    /// What the connection may still do.
    pub standing: Arc<Standing>,
    /// The address that took the connection.
    pub local: SocketAddr,
}

/// The layers between a connection and the handler of an environment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stack<H> {
    options: Arc<StackOptions>,
    accounting: Option<Arc<dyn Accounting>>,
    tracer: Option<Tracer>,
    handler: H,
}

/// What is asked of, and done to, a request's head, in this order: each may rely on those before it. Hop-by-hop fields go before
/// identity is set, so that no `connection` field can name what we set.
const HEAD: &[Check] = &[
    head_size::refuse_large,
    method::refuse,
    content_length::refuse_several,
    path::refuse_unclean,
    path::refuse_disguised,
    host::check,
    hop_by_hop::strip_request,
    identity_headers::strip_then_set,
];

impl<H> Stack<H> {
    /// A stack before `handler`.
    #[must_use]
    pub fn new(mut options: StackOptions, handler: H) -> Self {
        options.host = options.host.map(|host| without_trailing_dot(&host).to_owned());
        Self { options: Arc::new(options), accounting: None, tracer: None, handler }
    }

    /// The same stack, with its requests counted.
    #[must_use]
    pub fn with_accounting(mut self, accounting: Arc<dyn Accounting>) -> Self {
        self.accounting = Some(accounting);
        self
    }

    /// The same stack, with its requests recorded by `tracer`, where there is one.
    #[must_use]
    pub fn with_tracer(mut self, tracer: Option<Tracer>) -> Self {
        self.tracer = tracer;
        self
    }

    /// Whether whoever calls here takes a refusal that is not temporary for the end of the matter, and drops what it had to tell.
    #[must_use]
    pub fn wants_only_temporary_refusals(&self) -> bool {
        let dialect = self.options.interpreter.as_ref().and_then(|interpreter| interpreter.careful_dialect());
        dialect.is_some_and(|dialect| dialect.answer(Cause::BadRequest, "").retryable)
    }

    /// The service of one connection: every layer, in order, for requests with a body of any type.
    pub fn for_connection<B>(
        &self,
        context: ConnectionContext,
    ) -> impl Service<Request<B>, Response = Response<ExchangeBody>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
    + use<B, H>
    where
        H: Service<Request<Body>, Response = Response<ResponseBody>, Error = Infallible, Future: Send + 'static>
            + Clone
            + Send
            + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let connection = Arc::new(Connection::new(context, Arc::clone(&self.options)));
        let StackOptions { max_body_size, body_timeout, request_timeout, .. } = *self.options;
        ServiceBuilder::new()
            .layer(ExchangeLayer {
                connection: Arc::clone(&connection),
                accounting: self.accounting.clone(),
                tracer: self.tracer.clone(),
            })
            .layer(DeadlineLayer(request_timeout))
            .layer(BodyBoundsLayer { max_size: max_body_size, timeout: body_timeout })
            .layer(GateLayer::new(HEAD, &connection))
            .layer(CorrelationLayer)
            .layer(SecondKeyLayer { connection, accounting: self.accounting.clone() })
            .service(self.handler.clone())
    }
}

/// What the checks know of the connection that a request came on.
#[derive(Debug)]
pub(crate) struct Connection {
    context: ConnectionContext,
    options: Arc<StackOptions>,
    identity_headers: IdentityHeaders,
    /// Once the first request is told of.
    caller: OnceLock<Caller>,
}

impl Connection {
    pub(crate) fn new(context: ConnectionContext, options: Arc<StackOptions>) -> Self {
        let identity_headers = IdentityHeaders::new(&context.client, options.forward_client_certificate);
        Self { context, options, identity_headers, caller: OnceLock::new() }
    }

    pub(crate) fn client(&self) -> &VerifiedClient {
        &self.context.client
    }

    /// Who calls, as the lines of the connection's requests have it.
    pub(super) fn caller(&self) -> &Caller {
        self.caller.get_or_init(|| Caller::new(self.client()))
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.context.standing
    }

    /// What knows the calls of the environment.
    pub(crate) fn interpreter(&self) -> Option<&Arc<Interpreter>> {
        self.options.interpreter.as_ref()
    }

    /// Whether requests are told of in the log.
    pub(crate) fn tells_access(&self) -> bool {
        self.options.access_events
    }

    /// Of how many requests that went well one is told of.
    pub(crate) fn access_sample(&self) -> NonZeroU32 {
        self.options.access_sample
    }

    /// Tells whoever looks closely that a request was refused before it reached a handler.
    pub(crate) fn tell_refused(&self, problem: Problem) {
        tracing::debug!(
            event = events::REQUEST_REFUSED,
            environment = self.client().environment(),
            peer = %self.client().peer(),
            local = %self.context.local,
            problem = problem.name(),
            "request refused"
        );
    }

    /// The environment's host, without a trailing dot.
    pub(crate) fn host(&self) -> Option<&str> {
        self.options.host.as_deref()
    }

    /// Largest head of an HTTP/2 request, in bytes.
    pub(crate) fn max_header_size(&self) -> u32 {
        self.options.max_header_size
    }

    pub(crate) fn identity_headers(&self) -> &IdentityHeaders {
        &self.identity_headers
    }
}
