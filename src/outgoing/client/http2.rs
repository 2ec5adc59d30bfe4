//! The one connection of HTTP/2 that all requests share.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ::http::{Request, Response};
use futures_util::future::{Either, select};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep_until};

use super::answer::AnswerBody;
use super::{Sent, Unanswered};
use crate::outgoing::connect::Socket;

/// Between pings on a connection with requests on it: all requests share it, so a backend that vanished without a word would fail every
/// one of them until TCP gives up.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// How long a pong may take before the connection is given up.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// The connection, once there is one.
#[derive(Debug)]
pub(super) struct Shared<B: Sent> {
    open: Arc<Mutex<Option<Open<B>>>>,
    /// How long it is kept without a request.
    timeout: Duration,
    /// Whether the backend has chosen HTTP/2 once.
    is_spoken: AtomicBool,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Open<B: Sent> {
    sender: SendRequest<B>,
    used: Instant,
}

impl<B: Sent> Shared<B> {
    /// None yet. One that has had no request for `timeout` is given up.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { open: Arc::default(), timeout, is_spoken: AtomicBool::new(false), turn: tokio::sync::Mutex::new(()) }
    }

    pub(super) fn is_spoken(&self) -> bool {
        self.is_spoken.load(Ordering::Relaxed)
    }

    /// The turn to connect.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The connection, if it is open, for a request.
    pub(super) fn get(&self) -> Option<SendRequest<B>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Open { sender, used } = open.as_mut().filter(|open| !open.sender.is_closed())?;
        *used = Instant::now();
        Some(sender.clone())
    }

    /// No request goes over the connection any more: it takes none, whether or not it has ended.
    pub(super) fn forget(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Begins HTTP/2 on `socket`, for all requests from now on.
    pub(super) async fn open(&self, socket: Socket) -> hyper::Result<SendRequest<B>> {
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(socket)
            .await?;
        self.is_spoken.store(true, Ordering::Relaxed);
        let open = Open { sender: sender.clone(), used: Instant::now() };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
        let given_up = give_up(Arc::downgrade(&self.open), self.timeout);
        // It ends by itself when nobody has a sender of it any more. How it ended is told to whoever had a request on it.
        tokio::spawn(async move {
            let connection = pin!(connection);
            let given_up = pin!(given_up);
            if let Either::Right(((), connection)) = select(connection, given_up).await {
                drop(connection.await);
            }
        });
        Ok(sender)
    }
}

/// Completes when the connection has had no request for `timeout`, and no other one will go over it.
async fn give_up<B: Sent>(open: Weak<Mutex<Option<Open<B>>>>, timeout: Duration) {
    let mut look = Instant::now() + timeout;
    loop {
        sleep_until(look).await;
        let Some(shared) = open.upgrade() else { return };
        let mut open = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(used) = open.as_ref().map(|open| open.used) else { return };
        look = used + timeout;
        if look <= Instant::now() {
            *open = None;
            return;
        }
    }
}

pub(super) async fn exchange<B: Sent>(
    mut sender: SendRequest<B>,
    request: Request<B>,
) -> Result<Response<AnswerBody<B>>, Unanswered<B>> {
    Ok(sender.try_send_request(request).await?.map(AnswerBody::alone))
}
