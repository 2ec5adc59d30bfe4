//! HTTP over memory, exactly as it is spoken after a handshake: the same guard, the same parsers with the same limits, the same timers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};
use tower::Service;

use super::connection::{speak_http1, speak_http2};
use super::deadline::Activity;
use super::http1_connection::Wire;
use super::limits::{HandshakeLimits, HandshakeSlots, Permits};
use super::proxy_protocol::ProxyProtocol;
use super::service::{Answers, Counted};
use super::watch::Watch;
use super::{Deadlines, Door, DoorRules, Environment, Http2Limits, Shutdown, http1_framing, linger};
use crate::http::{ConnectionContext, ExchangeBody};
use crate::metrics::Metrics;
use crate::tls::Hosts;

/// Longer than every deadline of a connection together.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);
/// The most that is kept of what the server writes, in bytes.
const MOST_WRITTEN: usize = 1 << 20;

/// A door, over which connections are led that have no socket and no TLS.
pub struct Talk {
    door: Door,
    rules: Arc<DoorRules>,
}

/// What came of a connection.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// What the server wrote.
    pub written: Vec<u8>,
    /// Whether every request that had begun has ended.
    pub is_idle: bool,
    /// What was wrong with the framing of HTTP/1.1, if anything was.
    pub refused: Option<http1_framing::FramingError>,
}

impl Talk {
    /// A door with the limits and deadlines of a server that is configured with nothing.
    #[must_use]
    pub fn new() -> Self {
        let rules = Arc::new(DoorRules {
            proxy_protocol: ProxyProtocol::default(),
            deadlines: Deadlines::default(),
            framing: http1_framing::FramingLimits::default(),
            http2: Http2Limits::default(),
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
        });
        let metrics = Metrics::new();
        let door = Door {
            hosts: ArcSwap::from_pointee(Hosts::<Arc<Environment>>::new([])),
            permits: Permits::new(1, metrics.permits()),
            slots: HandshakeSlots::new(HandshakeLimits { total: 1, per_source: 1 }, metrics.slots()),
            rules: Arc::new(ArcSwap::new(Arc::clone(&rules))),
            metrics,
            refusals: Arc::default(),
            refusals_of_client_ca: Arc::default(),
            retirements: Arc::default(),
            shutdown: Shutdown::default(),
        };
        Self { door, rules }
    }

    /// HTTP/1.1 with a caller that sends `pieces`, one after the other, and then ends its side.
    ///
    /// # Panics
    /// When the connection does not end.
    #[allow(clippy::expect_used, reason = "what does not hold is a finding")]
    pub async fn http1<S>(&self, pieces: Vec<Vec<u8>>, context: &ConnectionContext, service: S) -> Spoken
    where
        S: Speaks,
    {
        let (caller, written) = Caller::sending(pieces);
        let activity = Activity::new(Instant::now());
        let service = Counted::new(Always(service), Arc::clone(&activity));
        let over = async {
            let (io, guard) = speak_http1(caller, service, &self.watch(context, &activity)).await?;
            let refused = guard.refusal();
            if refused.is_some() {
                let _ = timeout(linger::PATIENCE, io.finish(false)).await;
            }
            refused
        };
        let refused = timeout(FOREVER, over).await.expect("a connection whose caller has ended its side ends");
        Spoken { written: taken(&written), is_idle: activity.idle_since().is_some(), refused }
    }

    /// HTTP/2 with a caller that sends `pieces`, one after the other, and then ends its side.
    ///
    /// # Panics
    /// When the connection does not end.
    #[allow(clippy::expect_used, reason = "what does not hold is a finding")]
    pub async fn http2<S>(&self, pieces: Vec<Vec<u8>>, context: &ConnectionContext, service: S) -> Spoken
    where
        S: Speaks,
    {
        let (caller, written) = Caller::sending(pieces);
        let activity = Activity::new(Instant::now());
        let service = Counted::new(Always(service), Arc::clone(&activity));
        let watch = self.watch(context, &activity);
        let over = timeout(FOREVER, speak_http2(caller, service, 1, &watch)).await;
        over.expect("a connection whose caller has ended its side ends");
        // The streams of a connection are tasks of their own, which learn of its end.
        for _ in 0..64 {
            if activity.idle_since().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        Spoken { written: taken(&written), is_idle: activity.idle_since().is_some(), refused: None }
    }

    fn watch<'a>(&'a self, context: &'a ConnectionContext, activity: &'a Activity) -> Watch<'a> {
        let (client, standing) = (context.client.clone(), &*context.standing);
        Watch { door: &self.door, rules: &self.rules, client, standing, activity }
    }
}

impl Default for Talk {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Talk").finish_non_exhaustive()
    }
}

fn taken(written: &Written) -> Vec<u8> {
    std::mem::take(&mut written.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The service of a connection, as [`Stack::for_connection`](crate::http::Stack::for_connection) makes it.
pub trait Speaks:
    Service<Request<Incoming>, Response = Response<ExchangeBody>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Unpin
    + Send
    + 'static
{
}

impl<S> Speaks for S where
    S: Service<Request<Incoming>, Response = Response<ExchangeBody>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Unpin
        + Send
        + 'static
{
}

/// The same service for every request of a connection.
struct Always<S>(S);

impl<S: Speaks> Answers for Always<S> {
    type Body = ExchangeBody;
    type Future = S::Future;

    fn answer(&self, request: Request<Incoming>) -> Self::Future {
        self.0.clone().call(request)
    }

    fn put_aside(&self) {}
}

type Written = Arc<Mutex<Vec<u8>>>;

/// The other end of a connection. Between two pieces there is nothing to read for a moment, so that what was read is worked on first.
struct Caller {
    pieces: VecDeque<Vec<u8>>,
    has_paused: bool,
    written: Written,
}

impl Caller {
    fn sending(pieces: Vec<Vec<u8>>) -> (Self, Written) {
        let written = Written::default();
        (Self { pieces: pieces.into(), has_paused: false, written: Arc::clone(&written) }, written)
    }
}

impl AsyncRead for Caller {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.has_paused, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(piece) = self.pieces.front_mut() else { return Poll::Ready(Ok(())) };
        let rest = piece.split_off(piece.len().min(buf.remaining()));
        buf.put_slice(piece);
        *piece = rest;
        if piece.is_empty() {
            self.pieces.pop_front();
            self.has_paused = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Caller {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_WRITTEN.saturating_sub(written.len());
        written.extend(bytes.iter().take(room));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Wire for Caller {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
