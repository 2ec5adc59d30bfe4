//! The connections that calls are made over: one that is kept, or a new one for each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use rustls_pki_types::CertificateDer;

use super::shown::{Leaf, Shown};
use crate::caller::{Answer, Caller, CallerError, CallerOptions, ClientCredential, Connection, Failure, Seen};

/// Turns of the runtime: one to hear of what has come in, one to act on it.
const TURNS: usize = 2;

/// The connections of a run.
#[derive(Debug)]
pub(super) struct Connections {
    /// One for each certificate, which take turns.
    callers: Vec<(Caller, Option<Arc<Leaf>>)>,
    turn: usize,
    each_new: bool,
    own_server_ca: bool,
    open: Option<Connection>,
}

/// What came of one try.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The answer, or why there is none.
    pub(super) outcome: Result<Answer, Failure>,
    /// What the handshake came to, if it came to an end.
    pub(super) seen: Option<Seen>,
    /// Whether the connection had carried a call before.
    pub(super) kept: bool,
    /// The client certificate that was there to be shown.
    pub(super) credential: Option<ClientCredential>,
    /// What it says of itself.
    pub(super) leaf: Option<Arc<Leaf>>,
    /// Whether it takes turns with others.
    pub(super) rotates: bool,
    /// The CAs whose clients the server takes, as far as it says so; `None` = it has asked for no certificate.
    pub(super) wanted: Option<Vec<String>>,
    /// The server's chain in the last full handshake, leaf first.
    pub(super) presented: Vec<CertificateDer<'static>>,
    /// Whether --server-ca names whom the server has to come from.
    pub(super) own_server_ca: bool,
    /// From the beginning of the call, or of its connection, to the end of the answer.
    pub(super) took: Duration,
    /// HTTP alone.
    pub(super) exchange: Duration,
}

impl Connections {
    /// Connections of a server for these certificates, none of which means that no certificate is shown.
    pub(super) fn new(
        options: &CallerOptions,
        shown: &[Shown],
        each_new: bool,
        own_server_ca: bool,
    ) -> Result<Self, CallerError> {
        let caller = |credential| Caller::new(CallerOptions { credential, ..options.clone() });
        let callers = match shown {
            [] => vec![(caller(None)?, None)],
            shown => shown
                .iter()
                .map(|one| Ok((caller(Some(one.credential.clone()))?, Some(Arc::clone(&one.leaf)))))
                .collect::<Result<_, CallerError>>()?,
        };
        Ok(Self { callers, turn: 0, each_new, own_server_ca, open: None })
    }

    /// Makes a call. One of which nothing has left, since the server closed the kept connection before, goes over a new one; any other
    /// may have reached the server, and is never made again here.
    pub(super) async fn send(&mut self, request: &Request<Bytes>, within: Duration) -> Attempt {
        if self.open.is_some() {
            // The connection takes note of what has come in meanwhile, its end above all.
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
        let kept = self.open.take().filter(|connection| !self.each_new && connection.is_open());
        if let Some(connection) = kept {
            let (attempt, left) = self.over(connection, true, request, within, Instant::now()).await;
            if left || !matches!(attempt.outcome, Err(Failure::Closed(_) | Failure::Broken { .. })) {
                return attempt;
            }
        }
        let start = Instant::now();
        let turn = self.turn;
        self.turn = self.turn.wrapping_add(1);
        let Some((caller, _)) = self.callers.get(turn % self.callers.len().max(1)).cloned() else {
            return self.attempt(Err(Failure::Unreachable(std::io::ErrorKind::NotConnected.into())), start);
        };
        match caller.connect().await {
            Ok(connection) => self.over(connection, false, request, within, start).await.0,
            Err(failure) => self.attempt(Err(failure), start),
        }
    }

    /// What came of it, and whether the request has left.
    async fn over(
        &mut self,
        mut connection: Connection,
        kept: bool,
        request: &Request<Bytes>,
        within: Duration,
        start: Instant,
    ) -> (Attempt, bool) {
        let sent = Instant::now();
        let outcome = connection.send(request.clone(), within).await;
        let (exchange, left) = (sent.elapsed(), connection.has_request_left());
        let attempt = Attempt { seen: Some(connection.seen().clone()), kept, exchange, ..self.attempt(outcome, start) };
        if attempt.outcome.is_ok() {
            self.open = Some(connection);
        }
        (attempt, left)
    }

    fn attempt(&self, outcome: Result<Answer, Failure>, start: Instant) -> Attempt {
        let last = self.turn.checked_sub(1).and_then(|turn| self.callers.get(turn % self.callers.len().max(1)));
        Attempt {
            outcome,
            seen: None,
            kept: false,
            credential: last.and_then(|(caller, _)| caller.options().credential.clone()),
            leaf: last.and_then(|(_, leaf)| leaf.clone()),
            rotates: self.callers.len() > 1,
            wanted: last.and_then(|(caller, _)| caller.wanted().authorities()),
            presented: last.map(|(caller, _)| caller.presented().chain()).unwrap_or_default(),
            own_server_ca: self.own_server_ca,
            took: start.elapsed(),
            exchange: Duration::ZERO,
        }
    }
}
