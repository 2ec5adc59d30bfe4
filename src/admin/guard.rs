//! Who may ask for what, decided once for each request, and here alone.
//!
//! Whether a listener is on loopback is told by the address that it is bound to. Where a caller seems to come from proves nothing:
//! behind a mesh or a forwarded port everybody comes from 127.0.0.1.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::access::{AdminAccess, AdminRules};
use super::connection::Connection;
use super::refusal::Refusal;
use super::turn::Turn;
use super::{forgery, rebinding, session, token};
use crate::auth::{GuessLimit, LiveSecret, Throttle, sha256};
use crate::tls::{self, AdminTls};

/// A page that asks a browser's user for the token.
pub(super) type LoginPage = fn() -> Response;

/// The path of a stream that a page keeps open by itself, so that asking for it is no use of a session.
const EVENTS: &str = "/events";

/// What a route asks for, beside a host that is known and what keeps forged requests out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing more.
    Nothing,
    /// The credential of an administrator, where metrics are protected.
    Metrics,
    /// The credential of an administrator.
    Administrator,
}

impl Demand {
    /// Whether a credential is asked for.
    fn is_made(self, rules: &AdminRules) -> bool {
        match self {
            Self::Nothing => false,
            Self::Metrics => rules.protected_metrics,
            Self::Administrator => true,
        }
    }
}

/// What all requests are judged by.
#[derive(Debug)]
pub(super) struct Guard {
    access: AdminAccess,
    /// Whether no other machine reaches the listener.
    loopback: bool,
    login: LoginPage,
    guesses: Throttle,
}

/// What somebody is asked for on a connection.
enum Asked<'r> {
    /// Nothing: whoever reaches the listener may.
    Nothing,
    /// Nothing more than what was shown in the handshake.
    Certificate,
    /// This, or a session that was opened with it.
    Token(&'r LiveSecret),
}

impl Guard {
    /// A guard for the listener that is bound to `bound`.
    pub(super) fn new(access: AdminAccess, bound: SocketAddr, login: LoginPage) -> Self {
        Self {
            access,
            loopback: bound.ip().to_canonical().is_loopback(),
            login,
            guesses: Throttle::new(GuessLimit::default()),
        }
    }

    /// Opens a session for who shows the token, in a header or as `body`; `None` where no token is asked for.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn log_in(
        &self,
        headers: &HeaderMap,
        connection: Connection,
        body: &[u8],
    ) -> Result<Option<String>, Refusal> {
        let in_force = self.access.now();
        let Asked::Token(token) = self.asks(&in_force.rules, connection)? else { return Ok(None) };
        self.guessed(token, token::shown(headers).unwrap_or(body.trim_ascii()), connection)?;
        in_force.sessions.open(Instant::now()).map(Some).ok_or(Refusal::NoRandomness)
    }

    /// Ends the session that the request shows.
    pub(super) fn log_out(&self, headers: &HeaderMap, connection: Connection) {
        if let Some(id) = session::shown(headers, connection.tls) {
            self.access.now().sessions.close(id);
        }
    }

    fn judge<B>(&self, demand: Demand, request: &Request<B>) -> Result<(), Refusal> {
        let (headers, in_force) = (request.headers(), self.access.now());
        let connection = Connection::of(request.extensions());
        if self.loopback && !rebinding::is_known(request.uri(), headers, &in_force.rules.hosts) {
            return Err(Refusal::Host);
        }
        forgery::refuse(request.method(), headers, connection.tls).map_err(Refusal::Forged)?;
        if !demand.is_made(&in_force.rules) {
            return Ok(());
        }
        let Asked::Token(token) = self.asks(&in_force.rules, connection)? else { return Ok(()) };
        if let Some(shown) = token::shown(headers) {
            return self.guessed(token, shown, connection);
        }
        let used = request.uri().path() != EVENTS;
        match session::shown(headers, connection.tls) {
            Some(id) if in_force.sessions.lives(id, Instant::now(), used) => Ok(()),
            _ => Err(Refusal::Credential),
        }
    }

    /// What is asked for, beside what the connection says of itself.
    fn asks<'r>(&self, rules: &'r AdminRules, connection: Connection) -> Result<Asked<'r>, Refusal> {
        let certificates = rules.tls.as_ref().filter(|tls| tls.knows_certificates());
        let is_taken = |tls: &AdminTls| connection.certificate.is_some_and(|shown| tls.takes(&shown, tls::now()));
        match (&rules.token, certificates) {
            (_, Some(tls)) if is_taken(tls) => Ok(Asked::Certificate),
            (Some(token), _) if self.loopback || connection.tls => Ok(Asked::Token(token)),
            (_, Some(_)) => Err(Refusal::Certificate),
            // It would be shown to everybody on the way.
            (Some(_), None) => Err(Refusal::NoTls),
            (None, None) if self.loopback => Ok(Asked::Nothing),
            (None, None) => Err(Refusal::NoCredential),
        }
    }

    /// Whether `shown` is the token. Wrong ones use up the allowance of where they come from.
    fn guessed(&self, token: &LiveSecret, shown: &[u8], connection: Connection) -> Result<(), Refusal> {
        // All of them are one caller to the throttle, so that many addresses give nobody more than the few of one caller.
        let (caller, source) = ([0; 32], source(connection.peer));
        let guess = || if token::is(token, shown) { Ok(()) } else { Err(Refusal::Credential) };
        self.guesses
            .attempt(&caller, &[source], SystemTime::now(), guess)
            .unwrap_or_else(|wait| Err(Refusal::Slow(wait)))
    }
}

/// What tells sources of guesses apart: an address, of IPv6 the upper half, which one host commonly has to itself.
fn source(peer: IpAddr) -> [u8; 32] {
    match peer.to_canonical() {
        IpAddr::V4(address) => sha256(&address.octets()),
        IpAddr::V6(address) => sha256(&(address.to_bits() >> 64).to_be_bytes()),
    }
}

/// Lets a request through that may.
pub(super) async fn pass(
    State((guard, demand)): State<(Arc<Guard>, Demand)>,
    mut request: Request,
    next: Next,
) -> Response {
    match guard.judge(demand, &request) {
        Ok(()) => {
            if demand.is_made(&guard.access.now().rules) {
                Turn::of_administrator(request.extensions());
                let standing = Standing::of(Arc::clone(&guard), demand, &request);
                request.extensions_mut().insert(standing);
            }
            next.run(request).await
        }
        Err(Refusal::Credential) if is_a_person(&request) => (guard.login)(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Whether whoever was let in still may: asked by what is answered for long.
#[derive(Clone)]
pub(super) struct Standing(Arc<dyn Fn() -> bool + Send + Sync>);

impl Standing {
    /// One that says what `judge` says.
    pub(super) fn new(judge: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(judge))
    }

    /// That of whoever made a request, by what it showed.
    fn of(guard: Arc<Guard>, demand: Demand, request: &Request) -> Self {
        let mut head = Request::new(());
        request.method().clone_into(head.method_mut());
        request.uri().clone_into(head.uri_mut());
        request.headers().clone_into(head.headers_mut());
        head.extensions_mut().insert(Connection::of(request.extensions()));
        Self::new(move || guard.judge(demand, &head).is_ok())
    }

    /// Whether that is so now.
    pub(super) fn holds(&self) -> bool {
        (self.0)()
    }
}

/// Whether a browser's user looks at what comes back.
fn is_a_person(request: &Request) -> bool {
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    request.method() == Method::GET && accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

#[cfg(test)]
mod tests;
