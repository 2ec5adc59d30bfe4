//! The one connection of HTTP/2 that all requests share.

use std::error::Error;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ::http::{Request, Response};
use futures_util::future::{Either, select};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep_until};

use super::answer::AnswerBody;
use super::{ClientError, Sent, Unanswered};
use crate::outgoing::connect::Socket;

/// Between pings on a connection with requests on it: all requests share it, so a backend that vanished without a word would fail every
/// one of them until TCP gives up.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// How long a pong may take before the connection is given up.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What a backend may send ahead of a caller who takes his answer slowly, or not at all, in bytes.
const STREAM_WINDOW: u32 = 64 * 1024;
/// And of all callers together: as much as there can be (RFC 9113 section 6.9.1), since where this is used up by some who take nothing, all
/// others get nothing. How much is held is bounded by the streams that the backend allows.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The connection, once there is one.
#[derive(Debug)]
pub(super) struct Shared<B: Sent> {
    open: Arc<Mutex<Option<Open<B>>>>,
    /// How long it is kept without a request.
    timeout: Duration,
    /// Whether the backend chose HTTP/2 when it could choose last.
    is_spoken: AtomicBool,
    opened: AtomicU64,
    turn: tokio::sync::Mutex<Option<Failed>>,
}

#[derive(Debug)]
struct Open<B: Sent> {
    way: Way<B>,
    used: Instant,
}

/// A connection as a request takes it.
#[derive(Debug)]
pub(super) struct Way<B: Sent> {
    sender: SendRequest<B>,
    /// Which of those that were opened it is.
    number: u64,
}

impl<B: Sent> Clone for Way<B> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), number: self.number }
    }
}

/// An attempt to connect that failed.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    at: Instant,
    error: SharedError,
}

/// An error that several requests are told.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
struct SharedError(Arc<dyn Error + Send + Sync>);

/// Somebody's turn to connect.
pub(super) struct Turn<'s> {
    last: MutexGuard<'s, Option<Failed>>,
    waits_since: Instant,
}

impl Turn<'_> {
    /// The error of an attempt that failed while this turn was waited for. To repeat it would have whoever waits longest wait for the
    /// attempts of all others.
    pub(super) fn failed_meanwhile(&self) -> Option<ClientError> {
        let failed = self.last.as_ref().filter(|failed| failed.at > self.waits_since)?;
        Some(ClientError::Connect(Box::new(failed.error.clone())))
    }

    /// Tells those who wait why nobody could be connected to, and returns it for the one whose turn it is.
    pub(super) fn fail(&mut self, error: ClientError) -> ClientError {
        let ClientError::Connect(cause) = error else { return error };
        let error = SharedError(cause.into());
        *self.last = Some(Failed { at: Instant::now(), error: error.clone() });
        ClientError::Connect(Box::new(error))
    }
}

impl<B: Sent> Shared<B> {
    /// None yet. One that has had no request for `timeout` is given up.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            open: Arc::default(),
            timeout,
            is_spoken: AtomicBool::new(false),
            opened: AtomicU64::new(0),
            turn: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn is_spoken(&self) -> bool {
        self.is_spoken.load(Ordering::Relaxed)
    }

    /// The backend has chosen HTTP/1.1.
    pub(super) fn is_not_spoken(&self) {
        self.is_spoken.store(false, Ordering::Relaxed);
    }

    /// The turn to connect.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let waits_since = Instant::now();
        Turn { last: self.turn.lock().await, waits_since }
    }

    /// The connection, if it is open, for a request.
    pub(super) fn get(&self) -> Option<Way<B>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Open { way, used } = open.as_mut().filter(|open| !open.way.sender.is_closed())?;
        *used = Instant::now();
        Some(way.clone())
    }

    /// No request goes over the connection of this number any more: it takes none, whether or not it has ended.
    pub(super) fn forget(&self, number: u64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // There may be another one already.
        if open.as_ref().is_some_and(|open| open.way.number == number) {
            *open = None;
        }
    }

    /// Begins HTTP/2 on `socket`, for all requests from now on.
    pub(super) async fn open(&self, socket: Socket) -> hyper::Result<Way<B>> {
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(socket)
            .await?;
        self.is_spoken.store(true, Ordering::Relaxed);
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let way = Way { sender, number };
        let open = Open { way: way.clone(), used: Instant::now() };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
        let given_up = give_up(Arc::downgrade(&self.open), number, self.timeout);
        // It ends by itself when nobody has a sender of it any more. How it ended is told to whoever had a request on it.
        tokio::spawn(async move {
            let connection = pin!(connection);
            let given_up = pin!(given_up);
            if let Either::Right(((), connection)) = select(connection, given_up).await {
                drop(connection.await);
            }
        });
        Ok(way)
    }
}

/// Completes when the connection `number` has had no request for `timeout`, and no other one will go over it.
async fn give_up<B: Sent>(open: Weak<Mutex<Option<Open<B>>>>, number: u64, timeout: Duration) {
    let mut look = Instant::now() + timeout;
    loop {
        sleep_until(look).await;
        let Some(shared) = open.upgrade() else { return };
        let mut open = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(used) = open.as_ref().filter(|open| open.way.number == number).map(|open| open.used) else { return };
        look = used + timeout;
        if look <= Instant::now() {
            *open = None;
            return;
        }
    }
}

impl<B: Sent> Way<B> {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) async fn exchange(mut self, request: Request<B>) -> Result<Response<AnswerBody<B>>, Unanswered<B>> {
        Ok(self.sender.try_send_request(request).await?.map(AnswerBody::alone))
    }
}
