//! One connection: PROXY header, handshake, HTTP, goodbye.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::deadline::{Activity, Wire};
use super::http1_connection::{self, Http1};
use super::http1_framing::Phase;
use super::http1_guard::{GuardHandle, GuardedIo};
use super::http2_wire::ObservedIo;
use super::limits::{HandshakeSlot, Permit};
use super::proxy_protocol::{self, Expect};
use super::service::{Answers, Counted, CurrentStack};
use super::watch::{Ended, Watch};
use super::workers::Place;
use super::{Door, DoorRules, Environment, linger, refused};
use crate::http::ConnectionContext;
use crate::metrics::SessionKind;
use crate::pinned::pinned;
use crate::telemetry::events;
use crate::tls::handshake::{Admitted, Protocol, handshake};
use crate::tls::{LateTicket, Refusal, TlsFacts};

/// Runs a connection to its end. Permit and place are freed when this returns.
pub(super) async fn run(socket: TcpStream, peer: SocketAddr, permit: Permit, place: Place, door: Arc<Door>) {
    let opened = Instant::now();
    let rules = door.rules.load_full();
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = socket.set_nodelay(true);
    // On the heap, and gone with its end: a connection that idles for an hour does not hold the room that its handshake took.
    if let Some((admitted, local)) = pinned(|| admit(socket, peer, opened, &door, &rules)).await {
        serve(admitted, local, &door, &rules).await;
    }
    drop((permit, place));
}

/// PROXY header and handshake under one deadline. `None`: the connection is over.
async fn admit(
    mut socket: TcpStream,
    peer: SocketAddr,
    opened: Instant,
    door: &Door,
    rules: &DoorRules,
) -> Option<(Admitted<TcpStream, Arc<Environment>>, SocketAddr)> {
    let deadline = opened + rules.deadlines.handshake;
    let mut local = socket.local_addr().ok()?;
    let mut caller = peer;
    let slot = match rules.proxy_protocol.applies_to(peer.ip()) {
        Expect::NotUsed => door.slots.enter(Some(peer.ip())),
        Expect::Forbidden => {
            let reason = "not_a_proxy";
            if let Some(unsaid) = door.refusals.turn(reason) {
                debug!(event = events::CONNECTION_REFUSED, reason, %peer, unsaid, "only proxies may connect here");
            }
            return None;
        }
        Expect::Demanded => {
            let slot = door.slots.enter(None);
            match bounded(door, deadline, &slot, proxy_protocol::read_header(&mut socket)).await {
                Ok(Ok(header)) => {
                    if let proxy_protocol::Header::Proxied { source, destination } = header {
                        (caller, local) = (source, destination);
                    }
                    slot.assign(caller.ip());
                }
                Ok(Err(error)) => {
                    let reason = "proxy_protocol";
                    door.metrics.handshake_failed(None, reason);
                    if let Some(unsaid) = door.refusals.turn(reason) {
                        debug!(event = events::CONNECTION_REFUSED, reason, %peer, unsaid, %error, "no PROXY header");
                    }
                    return None;
                }
                Err(ended) => {
                    door.metrics.handshake_failed(None, ended.reason());
                    return None;
                }
            }
            slot
        }
    };

    let handshake = pinned(|| handshake(socket, || door.hosts.load_full(), caller));
    match bounded(door, deadline, &slot, handshake).await {
        Ok(Ok(admitted)) => {
            drop(slot);
            let facts = admitted.client.tls();
            admitted.environment.metrics.handshake_accepted(facts.version, session_kind(facts));
            debug!(
                event = events::CLIENT_ADMITTED,
                environment = admitted.client.environment(),
                peer = %caller,
                subject = admitted.client.identity().subject,
                tls = facts.version,
                resumed = facts.resumed,
                "client admitted"
            );
            Some((admitted, local))
        }
        Ok(Err(failed)) => {
            refused::refused(&failed, caller, door);
            if let Some(socket) = failed.io {
                // The slot is held meanwhile, so that no flood of garbage gathers more permits than there are slots.
                tokio::select! {
                    () = linger::close(socket) => {}
                    () = slot.displaced() => {}
                    () = door.shutdown.cutting() => {}
                }
            }
            None
        }
        Err(ended) => {
            let reason = ended.reason();
            door.metrics.handshake_failed(None, reason);
            if let Some(unsaid) = door.refusals.turn(reason) {
                debug!(event = events::HANDSHAKE_FAILED, reason, peer = %caller, unsaid, "handshake ended by us");
            }
            None
        }
    }
}

fn session_kind(facts: &TlsFacts) -> SessionKind {
    match facts {
        TlsFacts { resumed: true, .. } => SessionKind::Resumed,
        TlsFacts { remembered: true, .. } => SessionKind::Remembered,
        TlsFacts { .. } => SessionKind::Full,
    }
}

/// Why a handshake was ended from our side.
#[derive(Clone, Copy, Debug)]
enum GivenUp {
    Timeout,
    Displaced,
    Draining,
}

impl GivenUp {
    fn reason(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Displaced => "displaced",
            Self::Draining => "draining",
        }
    }
}

async fn bounded<F: Future>(
    door: &Door,
    deadline: Instant,
    slot: &HandshakeSlot,
    step: F,
) -> Result<F::Output, GivenUp> {
    tokio::select! {
        outcome = timeout_at(deadline, step) => outcome.map_err(|_| GivenUp::Timeout),
        () = slot.displaced() => Err(GivenUp::Displaced),
        // A handshake that was under way when the drain began is finished, for its caller has a request to send.
        () = door.shutdown.cutting() => Err(GivenUp::Draining),
    }
}

async fn serve(admitted: Admitted<TcpStream, Arc<Environment>>, local: SocketAddr, door: &Door, rules: &DoorRules) {
    let Admitted { stream, environment, client, standing, protocol } = admitted;
    let _open = environment.metrics.connection_opened();
    let context = ConnectionContext { client: client.clone(), standing: standing.share(), local };
    let activity = Activity::new(Instant::now());
    let current = CurrentStack::new(Arc::clone(&environment), move |stack| stack.for_connection(context.clone()));
    let service = Counted::new(current, Arc::clone(&activity));
    let watch = Watch { door, rules, client, standing: &standing, activity: &activity };
    match protocol {
        // On the heap, so that neither of them has the room of both.
        Protocol::Http1 => pinned(|| serve_http1(stream, service, &environment, &watch)).await,
        Protocol::Http2 => pinned(|| serve_http2(stream, service, &environment, &watch)).await,
    }
    if standing.is_retired() {
        refused::retired(&environment, &watch.client, standing.refusal().unwrap_or(Refusal::Other), door);
    }
}

async fn serve_http1<A: Answers>(
    stream: Box<TlsStream<LateTicket<TcpStream>>>,
    service: Counted<A>,
    environment: &Environment,
    watch: &Watch<'_>,
) {
    let Some((io, guard)) = speak_http1(stream, service, watch).await else { return };
    // On the heap: it has buffers, which a connection that idles does not have to have room for.
    let goodbye = pinned(|| async {
        if let Some(error) = guard.refusal() {
            let peer = watch.client.peer();
            debug!(event = events::REQUEST_REFUSED, reason = "framing", %peer, %error, "no HTTP/1.1 request");
            let only_temporary = environment.stack.load().wants_only_temporary_refusals();
            environment.metrics.request_refused(if only_temporary { 503 } else { error.status() });
            // The peer may have stopped listening; it is refused all the same.
            let _ = tokio::time::timeout(linger::PATIENCE, io.finish(only_temporary)).await;
        } else if !io.has_ended() {
            // Who has ended its side has sent nothing that a reset could answer.
            linger::close(io.into_inner().into_inner().0.into_inner()).await;
        }
    });
    tokio::select! {
        () = goodbye => {}
        () = watch.door.shutdown.cutting() => {}
    }
}

/// HTTP/1.1 over `stream`, to its end. Gives back what it was spoken over; `None` when the connection has to be dropped as it is.
pub(super) async fn speak_http1<W: http1_connection::Wire, A: Answers>(
    stream: W,
    service: Counted<A>,
    watch: &Watch<'_>,
) -> Option<(GuardedIo<W>, GuardHandle)> {
    let framing = watch.rules.framing;
    let (io, guard) = GuardedIo::new(stream, framing);
    let service = service.guarded_by(guard.clone());
    let mut connection = Http1::new(io, guard.clone(), service, framing);
    match watch.over(Pin::new(&mut connection), || wire(&guard)).await {
        Ended::Cut => None,
        Ended::ByItself => connection.into_io().map(|io| (io, guard)),
    }
}

/// When the head that is being read began; nothing between heads. An answer that is not taken blocks what is behind it.
fn wire(guard: &GuardHandle) -> Wire {
    let seen = guard.observe();
    Wire { head_began: (seen.phase == Phase::Head && seen.open == 0).then_some(seen.since), oldest_request: None }
}

/// How many times the limit a head of HTTP/2 may have before the library refuses it by itself.
const HEAD_LEEWAY: u32 = 4;

async fn serve_http2<A: Answers>(
    stream: Box<TlsStream<LateTicket<TcpStream>>>,
    service: Counted<A>,
    environment: &Environment,
    watch: &Watch<'_>,
) {
    // A head beyond the limit is answered 431 by the library itself. Where that would cost an event it is let through as far as the
    // stack, which refuses it in the words of the product.
    let leeway = if environment.stack.load().wants_only_temporary_refusals() { HEAD_LEEWAY } else { 1 };
    speak_http2(stream, service, leeway, watch).await;
}

/// HTTP/2 over `stream`, to its end. The library takes heads of up to `leeway` times their limit.
pub(super) async fn speak_http2<W, A>(stream: W, service: Counted<A>, leeway: u32, watch: &Watch<'_>)
where
    W: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Answers,
{
    let limits = &watch.rules.http2;
    let (io, seen) = ObservedIo::new(stream);
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_concurrent_streams)
        .max_pending_accept_reset_streams(limits.max_pending_resets)
        .max_local_error_reset_streams(limits.max_local_resets)
        .max_header_list_size(limits.max_header_list_size.saturating_mul(leeway))
        .initial_stream_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .serve_connection(TokioIo::new(io), service);
    watch.over(pin!(connection), || seen.observe()).await;
}
