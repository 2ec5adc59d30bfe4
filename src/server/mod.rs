//! From a listening socket to HTTP: accept loop, limits, PROXY protocol, deadlines, drain.
//!
//! The loop is our own because the ready-made ones cannot do what the door's rules ask: take permits before accepting, put one
//! absolute deadline over a handshake, ask a verdict for every request, tell an idle connection from a slow one, and choose
//! the HTTP version by ALPN alone.

mod accept;
mod accept_errors;
mod connection;
pub mod deadline;
mod disturbances;
pub mod drain;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod http1_connection;
pub mod http1_framing;
pub mod http1_guard;
mod http2_wire;
pub mod limits;
mod linger;
pub mod listener;
mod passed;
pub mod proxy_protocol;
mod pulse;
mod refused;
mod service;
mod watch;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

pub(crate) use accept::accept;
pub(crate) use accept_errors::AcceptErrors;
pub use deadline::Deadlines;
pub use drain::{Drained, LAST_REQUEST, Shutdown};
pub use listener::{BindError, Listener, bind};
pub use passed::{PassedSocketError, PassedSockets};
pub use pulse::{Beat, Pulse};
pub use workers::{WorkerThreads, Workers};

use crate::handler::Dispatch;
use crate::http::Stack;
use crate::metrics::{EnvironmentMetrics, Metrics};
use crate::telemetry::OncePerSecond;
use crate::tls::handshake::HasTls;
use crate::tls::{Hosts, TlsEnvironment};

/// An environment as a listener sees it.
#[derive(Debug)]
pub struct Environment {
    /// Its TLS side.
    pub tls: Arc<TlsEnvironment>,
    /// Its HTTP side, as configured now: each request takes the one that is in force.
    pub stack: ArcSwap<Stack<Dispatch>>,
    /// Its counters.
    pub metrics: EnvironmentMetrics,
}

impl HasTls for Arc<Environment> {
    fn tls(&self) -> &Arc<TlsEnvironment> {
        &self.tls
    }
}

/// Everything that a listener's connections share.
#[derive(Debug)]
pub struct Door {
    /// Whom a server name leads to, as configured now.
    pub hosts: ArcSwap<Hosts<Arc<Environment>>>,
    /// Connections in total; one pool for all listeners.
    pub permits: limits::Permits,
    /// Unfinished handshakes; one pool for all listeners.
    pub slots: limits::HandshakeSlots,
    /// What connections may do and how long, as configured now; one for all listeners.
    pub rules: Arc<ArcSwap<DoorRules>>,
    /// The server's counters.
    pub metrics: Metrics,
    /// Lines about those who were not let in, by the reason.
    pub(crate) refusals: Arc<OncePerSecond>,
    /// Lines about those whose certificate a trust anchor has issued, by the reason: no stranger takes their turn.
    pub(crate) refusals_of_client_ca: Arc<OncePerSecond>,
    /// Lines about connections that were retired: no stranger takes their turn.
    pub(crate) retirements: Arc<OncePerSecond>,
    /// The end of it all.
    pub shutdown: Shutdown,
}

/// What a connection may do and how long. A connection keeps those that it began with.
#[derive(Clone, Debug)]
pub struct DoorRules {
    /// Who must, and who must not, send a PROXY header.
    pub proxy_protocol: proxy_protocol::ProxyProtocol,
    /// How long things may take.
    pub deadlines: Deadlines,
    /// Limits of HTTP/1.1 connections.
    pub framing: http1_framing::FramingLimits,
    /// Limits of HTTP/2 connections.
    pub http2: Http2Limits,
    /// How long connections are taken after the server's end was asked for.
    pub drain_delay: Duration,
    /// What requests in flight get at the server's end.
    pub drain_timeout: Duration,
}

/// Limits of an HTTP/2 connection (RFC 9113 section 10.5).
#[derive(Clone, Copy, Debug)]
pub struct Http2Limits {
    /// Streams that a peer may have open at once.
    pub max_concurrent_streams: u32,
    /// Streams that a peer opened and reset before we looked at them (rapid reset); more end the connection.
    pub max_pending_resets: usize,
    /// Streams that we reset for the peer's errors; more end the connection.
    pub max_local_resets: usize,
    /// Size of a header list, decoded, in bytes.
    pub max_header_list_size: u32,
    /// Flow-control window of a stream, in bytes.
    pub stream_window: u32,
    /// Flow-control window of a connection, in bytes.
    pub connection_window: u32,
}

impl Default for Http2Limits {
    fn default() -> Self {
        Self {
            max_concurrent_streams: 128,
            max_pending_resets: 20,
            max_local_resets: 256,
            max_header_list_size: 64 * 1024,
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
        }
    }
}
