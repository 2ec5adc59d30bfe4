//! Calls over one HTTP/2 connection, several at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, client};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::exchange::Answered;
use super::judge::Heard;
use super::request::Stream;
use super::traffic::{Counted, Traffic};
use crate::caller::overheard::{Listening, Overheard};
use crate::caller::{Failure, Stage};

/// An open HTTP/2 connection; it closes when this goes.
pub(super) struct Http2 {
    sender: Sender,
    overheard: Overheard,
    driver: Option<JoinHandle<Result<(), h2::Error>>>,
}

/// What one of several calls at once sends through. Clones share the connection.
#[derive(Clone)]
pub(super) struct Sender {
    requests: SendRequest<Bytes>,
    traffic: Traffic,
    /// Whether the next answer is kept to be judged.
    hears: Arc<AtomicBool>,
}

/// How a call over HTTP/2 ends without an answer.
pub(super) enum Unanswered {
    /// The server is closing the connection, and has not looked at the call: it may be made again over another one (RFC 9113 section 6.8).
    Untouched,
    /// The call alone has failed, and the connection stays.
    Alone(Failure),
    /// The connection has failed.
    Gone(Failure),
}

impl Unanswered {
    /// For who does not call again.
    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Untouched => Failure::Closed(Stage::Exchange),
            Self::Alone(failure) | Self::Gone(failure) => failure,
        }
    }
}

impl Http2 {
    /// `hears` = the first answer is to be judged.
    pub(super) async fn new(stream: TlsStream<TcpStream>, within: Duration, hears: bool) -> Result<Self, Failure> {
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            let problem = "the server does not choose HTTP/2 (ALPN)".to_owned();
            return Err(Failure::Broken { stage: Stage::Handshake, problem });
        }
        let (overheard, traffic) = (Overheard::default(), Traffic::default());
        let stream = Counted { stream, traffic: traffic.clone() };
        let stream = Listening { stream, overheard: overheard.clone() };
        let (requests, connection) = timeout(within, client::Builder::new().handshake(stream))
            .await
            .map_err(|_| Failure::TimedOut { stage: Stage::Exchange, after: within })?
            .map_err(|error| of_tls(&overheard).unwrap_or_else(|| Failure::of(Stage::Exchange, &error)))?;
        let sender = Sender { requests, traffic, hears: Arc::new(AtomicBool::new(hears)) };
        Ok(Self { sender, overheard, driver: Some(tokio::spawn(connection)) })
    }

    /// What one of several calls at once sends through.
    pub(super) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// What TLS ended the connection with, for those who share it.
    pub(super) fn overheard(&self) -> Overheard {
        self.overheard.clone()
    }

    /// Why the connection has ended, where the driver knows more than `own`, what a call was told.
    pub(super) async fn why(&mut self, own: Failure) -> Failure {
        /// The driver has ended already, or is about to.
        const MOMENT: Duration = Duration::from_secs(1);
        if matches!(own, Failure::Refused(_) | Failure::ServerRefused(_) | Failure::TimedOut { .. }) {
            return own;
        }
        let Some(driver) = self.driver.take() else { return own };
        let ended = timeout(MOMENT, driver).await;
        match (of_tls(&self.overheard), ended) {
            (Some(failure), _) => failure,
            (None, Ok(Ok(Err(error)))) => Failure::of(Stage::Exchange, &error),
            _ => own,
        }
    }

    /// Lets the calls that are under way end; then it closes by itself.
    pub(super) fn let_end(mut self) {
        drop(self.driver.take());
    }

    /// Closes, with GOAWAY and `close_notify`, and waits until that is sent.
    pub(super) async fn close(mut self, within: Duration) {
        let driver = self.driver.take();
        drop(self);
        if let Some(driver) = driver {
            let abort = driver.abort_handle();
            if timeout(within, driver).await.is_err() {
                abort.abort();
            }
        }
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

/// What TLS ended the connection with, of which HTTP/2 keeps no more than the text.
pub(super) fn of_tls(overheard: &Overheard) -> Option<Failure> {
    overheard.error().map(|error| Failure::of(Stage::Exchange, &error))
}

/// One call.
pub(super) async fn exchange(sender: Sender, request: &mut Stream, within: Duration) -> Result<Answered, Unanswered> {
    let error = match timeout(within, unbounded(sender, request)).await {
        Ok(Ok(answered)) => return Ok(answered),
        Ok(Err(error)) => error,
        Err(_) => return Err(Unanswered::Alone(Failure::TimedOut { stage: Stage::Exchange, after: within })),
    };
    let failure = || Failure::of(Stage::Exchange, &error);
    Err(match error.reason() {
        Some(Reason::NO_ERROR) if error.is_go_away() && error.is_remote() => Unanswered::Untouched,
        Some(Reason::REFUSED_STREAM) if error.is_reset() && error.is_remote() => Unanswered::Untouched,
        _ if error.is_reset() => Unanswered::Alone(failure()),
        _ => Unanswered::Gone(failure()),
    })
}

async fn unbounded(sender: Sender, request: &mut Stream) -> Result<Answered, h2::Error> {
    let (head, body) = request.next();
    let mut requests = sender.requests.ready().await?;
    let (answer, mut sending) = requests.send_request(head, body.is_empty())?;
    if !body.is_empty() {
        // It waits in the connection for the server's window.
        sending.send_data(body, true)?;
    }
    let (head, mut body) = answer.await?.into_parts();
    let mut heard = sender.hears.swap(false, Ordering::Relaxed).then(Heard::default);
    while let Some(data) = body.data().await {
        let data = data?;
        let length = data.len();
        if let Some(heard) = &mut heard {
            heard.hear(&data);
        }
        body.flow_control().release_capacity(length)?;
    }
    if let Some(heard) = &mut heard {
        heard.headers = head.headers;
    }
    let (sent, received) = sender.traffic.take();
    Ok(Answered { status: head.status.as_u16(), sent, received, stays: true, heard })
}
