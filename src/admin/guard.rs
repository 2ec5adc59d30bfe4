//! Who may ask for what, decided once for each request, and here alone.
//!
//! Whether a listener is on loopback is told by the address that it is bound to. Where a caller seems to come from proves nothing:
//! behind a mesh or a forwarded port everybody comes from 127.0.0.1.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::access::{AdminAccess, AdminRules};
use super::connection::Connection;
use super::refusal::Refusal;
use super::{forgery, rebinding, session, token};
use crate::auth::LiveSecret;

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

/// What all requests are judged by.
#[derive(Debug)]
pub(super) struct Guard {
    access: AdminAccess,
    /// Whether no other machine reaches the listener.
    loopback: bool,
    login: LoginPage,
}

/// Who may, on this listener.
enum Standing<'r> {
    /// Whoever reaches it.
    Everybody,
    /// Who shows this, or has shown it.
    Token(&'r LiveSecret),
}

impl Guard {
    /// A guard for the listener that is bound to `bound`.
    pub(super) fn new(access: AdminAccess, bound: SocketAddr, login: LoginPage) -> Self {
        Self { access, loopback: bound.ip().to_canonical().is_loopback(), login }
    }

    /// Opens a session for who shows the token, in a header or as `body`; `None` where no token is asked for.
    pub(super) fn log_in(
        &self,
        headers: &HeaderMap,
        connection: Connection,
        body: &[u8],
    ) -> Result<Option<String>, Refusal> {
        let in_force = self.access.now();
        let Standing::Token(token) = self.standing(&in_force.rules, connection)? else { return Ok(None) };
        if !token::is(token, token::shown(headers).unwrap_or(body.trim_ascii())) {
            return Err(Refusal::Credential);
        }
        in_force.sessions.open(Instant::now()).map(Some).ok_or(Refusal::NoRandomness)
    }

    /// Ends the session that the request shows.
    pub(super) fn log_out(&self, headers: &HeaderMap, connection: Connection) {
        if let Some(id) = session::shown(headers, connection.tls) {
            self.access.now().sessions.close(id);
        }
    }

    fn judge(&self, demand: Demand, request: &Request) -> Result<(), Refusal> {
        let (headers, in_force) = (request.headers(), self.access.now());
        let connection = Connection::of(request.extensions());
        if self.loopback && !rebinding::is_known(headers, &in_force.rules.hosts) {
            return Err(Refusal::Host);
        }
        forgery::refuse(request.method(), headers, connection.tls).map_err(Refusal::Forged)?;
        let asked = match demand {
            Demand::Nothing => false,
            Demand::Metrics => in_force.rules.protected_metrics,
            Demand::Administrator => true,
        };
        if !asked {
            return Ok(());
        }
        let Standing::Token(token) = self.standing(&in_force.rules, connection)? else { return Ok(()) };
        if let Some(shown) = token::shown(headers) {
            return if token::is(token, shown) { Ok(()) } else { Err(Refusal::Credential) };
        }
        let used = request.uri().path() != EVENTS;
        match session::shown(headers, connection.tls) {
            Some(id) if in_force.sessions.lives(id, Instant::now(), used) => Ok(()),
            _ => Err(Refusal::Credential),
        }
    }

    fn standing<'r>(&self, rules: &'r AdminRules, connection: Connection) -> Result<Standing<'r>, Refusal> {
        match &rules.token {
            Some(token) if self.loopback || connection.tls => Ok(Standing::Token(token)),
            // It would be shown to everybody on the way.
            Some(_) => Err(Refusal::NoTls),
            None if self.loopback => Ok(Standing::Everybody),
            None => Err(Refusal::NoCredential),
        }
    }
}

/// Lets a request through that may.
pub(super) async fn pass(
    State((guard, demand)): State<(Arc<Guard>, Demand)>,
    request: Request,
    next: Next,
) -> Response {
    match guard.judge(demand, &request) {
        Ok(()) => next.run(request).await,
        Err(Refusal::Credential) if is_a_person(&request) => (guard.login)(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Whether a browser's user looks at what comes back.
fn is_a_person(request: &Request) -> bool {
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    request.method() == Method::GET && accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

#[cfg(test)]
mod tests;
