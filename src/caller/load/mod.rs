//! Load: many calls to one server, and what becomes of them.
//!
//! ```text
//! start ── a thread with a runtime of its own for each of `threads`
//!       ── schedule    which call is due when, the same for all
//!       ── lanes       who calls: one after the other on a connection of their own, or several on one (multiplexed)
//!       ── connecting  TCP, TLS; a chain is verified once (verifier)
//!       ── exchange, http2 (of which traffic counts the bytes)
//!       ── judge       the first answer of each connection, all of it
//!       ── measure     one set of figures for each thread, added up at the end
//! ```
//!
//! The path is its own, and thinner than that of [`Connection`](super::Connection), so that the caller is not what is measured.

mod connecting;
mod cpu;
mod exchange;
mod http2;
mod judge;
mod lanes;
pub mod measure;
mod multiplexed;
mod request;
mod response;
mod running;
mod schedule;
mod traffic;

use std::io;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use rustls::crypto::{SupportedKxGroup, aws_lc_rs::kx_group};

use super::{CallerError, CallerOptions};
pub use cpu::cpu_time;
pub use judge::Judge;
pub use measure::{Cause, Failures, Latencies, Measures};
pub use request::{LoadRequest, UnfitRequest};
pub use running::{Outcome, Recent, Running};

/// What is done to a server.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What a call is.
    pub mode: Mode,
    /// What is sent.
    pub request: LoadRequest,
    /// The status of a good answer; `None` = any of 200 to 299.
    pub expected: Option<u16>,
    /// Judges the first answer of each connection, where its status is a good one; `None` = nobody looks any further.
    pub judge: Option<Judge>,
    /// How many connections there are at the same time.
    pub connections: NonZeroUsize,
    /// How many calls are under way at the same time over one connection that is kept, where it is one of HTTP/2.
    pub streams: NonZeroUsize,
    /// Calls in a second, over all connections (more than zero); `None` = as many as are answered.
    pub rate: Option<f64>,
    /// How many calls; `None` = as many as there is time for.
    pub count: Option<NonZeroU64>,
    /// How long calls begin; `None` = until all have begun.
    pub duration: Option<Duration>,
    /// Threads that call, at most one for each connection.
    pub threads: NonZeroUsize,
    /// Key exchange groups that are offered, the best one first. TLS 1.2 also takes them for the curves of the server's certificate
    /// (RFC 8422 section 5.1).
    pub groups: Vec<Group>,
    /// How long an answer may take.
    pub answer_timeout: Duration,
}

/// What a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A new connection with a full handshake, and one exchange.
    Handshake,
    /// A new connection with a resumed session, and one exchange. The first of each connection is a full handshake; any other is a failure.
    Resume,
    /// An exchange over a connection that is kept.
    KeepAlive,
}

/// A key exchange group (RFC 8446 section 4.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// X25519.
    X25519,
    /// P-256.
    Secp256r1,
    /// P-384.
    Secp384r1,
    /// X25519 and ML-KEM-768, which is post-quantum.
    X25519MlKem768,
}

impl Group {
    fn of_rustls(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => kx_group::X25519,
            Self::Secp256r1 => kx_group::SECP256R1,
            Self::Secp384r1 => kx_group::SECP384R1,
            Self::X25519MlKem768 => kx_group::X25519MLKEM768,
        }
    }
}

impl Plan {
    /// Ten connections in one thread, as fast as answers come, for ten seconds. X25519 is what is exchanged; P-256 is there for TLS 1.2.
    #[must_use]
    pub fn new(mode: Mode, request: LoadRequest) -> Self {
        const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9);
        const STREAMS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
        Self {
            mode,
            request,
            expected: None,
            judge: None,
            connections: CONNECTIONS,
            streams: STREAMS,
            rate: None,
            count: None,
            duration: Some(Duration::from_secs(10)),
            threads: NonZeroUsize::MIN,
            groups: vec![Group::X25519, Group::Secp256r1],
            answer_timeout: Duration::from_secs(30),
        }
    }
}

/// Begins to call. `options` say which server, what it is shown and over which protocols; where both versions of HTTP are offered it is
/// HTTP/1.1.
///
/// # Errors
/// [`LoadError`]; of what a server does none is one.
pub fn start(options: &CallerOptions, plan: Plan) -> Result<Running, LoadError> {
    Running::start(options, plan)
}

/// Why no load can begin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// What is needed for TLS.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// A thread, or what runs in it.
    #[error("a thread that calls cannot be started: {0}")]
    Thread(#[source] io::Error),
    /// Memory.
    #[error("there is no memory for the figures: {0}")]
    Measures(#[from] hdrhistogram::CreationError),
    /// A thread has ended by itself.
    #[error("a thread that calls has broken down")]
    BrokenDown,
}
