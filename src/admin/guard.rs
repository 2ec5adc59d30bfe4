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
use super::audit::{Audit, By, Who, Why};
use super::connection::Connection;
use super::refusal::Refusal;
use super::session::{Found, Label, Opened, Sessions};
use super::turn::Turn;
use super::{audit, forgery, rebinding, session, token};
use crate::auth::{GuessLimit, LiveSecret, Throttle, sha256};
use crate::metrics::AdminMetrics;
use crate::pki::ClientIdentity;
use crate::tls::{self, AdminCertificate};

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
    audit: Audit,
}

/// What somebody is asked for on a connection.
enum Asked<'r> {
    /// Nothing: whoever reaches the listener may.
    Nothing,
    /// Nothing more than what was shown in the handshake.
    Certificate(Arc<ClientIdentity>),
    /// This, or a session that was opened with it.
    Token(&'r LiveSecret),
}

impl Guard {
    /// A guard for the listener that is bound to `bound`.
    pub(super) fn new(access: AdminAccess, bound: SocketAddr, login: LoginPage, metrics: AdminMetrics) -> Self {
        Self {
            access,
            loopback: bound.ip().to_canonical().is_loopback(),
            login,
            guesses: Throttle::new(GuessLimit::default()),
            audit: Audit::new(metrics),
        }
    }

    /// Opens a session for who shows the token, in a header or as `body`, in the place of the one that its browser may have; `None` where
    /// no token is asked for.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn log_in(
        &self,
        headers: &HeaderMap,
        connection: &Connection,
        body: &[u8],
    ) -> Result<Option<Opened>, Refusal> {
        let in_force = self.access.now();
        let opened = self.asks(&in_force.rules, connection).and_then(|asked| {
            let Asked::Token(token) = asked else { return Ok(None) };
            self.guessed(token, token::shown(headers).unwrap_or(body.trim_ascii()), connection)?;
            in_force.sessions.open(Instant::now()).map(Some).ok_or(Refusal::NoRandomness)
        });
        let opened = opened.inspect_err(|refusal| self.audit.refused(*refusal, connection.peer))?;
        self.audit.let_in();
        let Some(opened) = opened else { return Ok(None) };
        for before in session::shown(headers, connection.tls).filter_map(|id| in_force.sessions.close(id)) {
            audit::closed(before, Why::SignedInAgain, Some(connection.peer));
        }
        audit::opened(&opened, connection.peer);
        Ok(Some(opened))
    }

    /// Ends the session that the request shows, where there is one.
    ///
    /// # Errors
    /// It is shown by its cookie alone.
    pub(super) fn log_out(&self, headers: &HeaderMap, connection: &Connection) -> Result<(), Refusal> {
        let in_force = self.access.now();
        let meant = |found: &Found| found.is_meant(forgery::intent(headers));
        for id in session::shown(headers, connection.tls) {
            let Some(found) = in_force.sessions.find(id, Instant::now(), false) else { continue };
            if !meant(&found) {
                self.audit.refused(Refusal::Unmeant, connection.peer);
                return Err(Refusal::Unmeant);
            }
            if let Some(label) = in_force.sessions.close(id) {
                audit::closed(label, Why::Logout, Some(connection.peer));
            }
        }
        Ok(())
    }

    /// Who asks, where that is asked for.
    fn judge<B>(&self, demand: Demand, request: &Request<B>, connection: &Connection) -> Result<Option<Who>, Refusal> {
        let (headers, in_force) = (request.headers(), self.access.now());
        if self.loopback && !rebinding::is_known(request.uri(), headers, &in_force.rules.hosts) {
            return Err(Refusal::Host);
        }
        forgery::refuse(request.method(), headers, connection.tls).map_err(Refusal::Forged)?;
        if !demand.is_made(&in_force.rules) {
            return Ok(None);
        }
        let by = match self.asks(&in_force.rules, connection)? {
            Asked::Nothing => By::Loopback,
            Asked::Certificate(identity) => By::Certificate(identity),
            Asked::Token(token) => match token::shown(headers) {
                Some(shown) => self.guessed(token, shown, connection).map(|()| By::Token)?,
                None => By::Session(signed_in(&in_force.sessions, request, connection)?),
            },
        };
        Ok(Some(Who { peer: connection.peer, by }))
    }

    /// What is asked for, beside what the connection says of itself.
    fn asks<'r>(&self, rules: &'r AdminRules, connection: &Connection) -> Result<Asked<'r>, Refusal> {
        let certificates = rules.tls.as_ref().filter(|tls| tls.knows_certificates());
        let is_taken = |shown: &&AdminCertificate| certificates.is_some_and(|tls| tls.takes(shown, tls::now()));
        if let Some(certificate) = connection.certificate.as_ref().filter(is_taken) {
            return Ok(Asked::Certificate(Arc::clone(certificate.identity())));
        }
        match (&rules.token, certificates) {
            (Some(token), _) if self.loopback || connection.tls => Ok(Asked::Token(token)),
            (_, Some(_)) => Err(Refusal::Certificate),
            // It would be shown to everybody on the way.
            (Some(_), None) => Err(Refusal::NoTls),
            (None, None) if self.loopback => Ok(Asked::Nothing),
            (None, None) => Err(Refusal::NoCredential),
        }
    }

    /// Whether `shown` is the token. The right one is let in, whatever came from there before: many administrators can have one address,
    /// and share it with whoever guesses. Wrong ones use up the allowance of where they come from.
    fn guessed(&self, token: &LiveSecret, shown: &[u8], connection: &Connection) -> Result<(), Refusal> {
        if token::is(token, shown) {
            return Ok(());
        }
        // All of them are one caller to the throttle, so that many addresses give nobody more than the few of one caller.
        let (caller, source) = ([0; 32], source(connection.peer));
        let wrong = || Err(Refusal::Wrong);
        self.guesses
            .attempt(&caller, &[source], SystemTime::now(), wrong)
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

/// Whose session is shown. To look, any that lives will do; whoever changes something has to show its second secret as well.
fn signed_in<B>(sessions: &Sessions, request: &Request<B>, connection: &Connection) -> Result<Label, Refusal> {
    let (headers, now) = (request.headers(), Instant::now());
    let used = request.uri().path() != EVENTS;
    let mut shown = session::shown(headers, connection.tls).filter_map(|id| sessions.find(id, now, used)).peekable();
    if shown.peek().is_none() {
        return Err(Refusal::Credential);
    }
    let will_do = |found: &Found| request.method().is_safe() || found.is_meant(forgery::intent(headers));
    shown.find(will_do).map(|found| found.label).ok_or(Refusal::Unmeant)
}

/// Lets a request through that may.
pub(super) async fn pass(
    State((guard, demand)): State<(Arc<Guard>, Demand)>,
    mut request: Request,
    next: Next,
) -> Response {
    let connection = Connection::of(request.extensions());
    match guard.judge(demand, &request, &connection) {
        Ok(who) => {
            if let Some(who) = who {
                guard.audit.let_in();
                Turn::of_administrator(request.extensions());
                let standing = Standing::of(Arc::clone(&guard), demand, &request);
                request.extensions_mut().insert(standing);
                request.extensions_mut().insert(who);
            }
            next.run(request).await
        }
        Err(refusal) => {
            guard.audit.refused(refusal, connection.peer);
            match refusal {
                Refusal::Credential | Refusal::Wrong if is_a_person(&request) => (guard.login)(),
                refusal => refusal.into_response(),
            }
        }
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
        let connection = Connection::of(request.extensions());
        Self::new(move || guard.judge(demand, &head, &connection).is_ok())
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
