//! One event for each request: who called what, and how it was answered. No query, no header, no body: they may be secret.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use ::http::{HeaderMap, HeaderValue, Method, Request, Uri};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tracing::info;

use super::ResponseBody;
use super::call::Call;
use super::correlation::correlation_id;
use super::settle::{Outcome, Settled};
use super::stack::Connection;

/// Longest part of a path that is told, in bytes.
const MAX_PATH: usize = 512;
/// Digits in a row that are not told: the shortest card number has twelve (ISO/IEC 7812-1 leaves room for eight; those in use do not).
const LONGEST_NUMBER: usize = 11;

/// What the layers behind learn of a request that is told of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed(Arc<Findings>);

#[derive(Debug, Default)]
struct Findings {
    received: AtomicU64,
    ids: OnceLock<Ids>,
    /// The name of the second key that was shown.
    key: OnceLock<String>,
}

/// What ties the logs of several systems together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) request: Option<String>,
    pub(crate) trace: Option<String>,
}

impl Observed {
    /// So many more bytes of the body came in.
    pub(crate) fn received(&self, bytes: u64) {
        self.0.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It showed the second key of this name.
    pub(crate) fn showed(&self, key: &str) {
        let _ = self.0.key.set(key.to_owned());
    }

    /// The ids that the request goes on with.
    pub(crate) fn identified(&self, headers: &HeaderMap) {
        let _ = self.0.ids.set(super::correlation::ids(headers));
    }
}

/// The line of a request; told when dropped, so that a caller who goes away is told of too.
#[derive(Debug)]
pub(crate) struct Line {
    connection: Arc<Connection>,
    call: Option<Call>,
    method: Method,
    uri: Uri,
    began: Instant,
    observed: Observed,
    correlation: Option<HeaderValue>,
    settled: Option<Settled>,
    sent: u64,
    complete: bool,
}

impl Line {
    /// Begins the line of `request`, and leaves it a place for what the layers behind find out.
    pub(crate) fn begin<B>(connection: &Arc<Connection>, request: &mut Request<B>, call: Option<&Call>) -> Box<Self> {
        let observed = Observed::default();
        request.extensions_mut().insert(observed.clone());
        Box::new(Self {
            connection: Arc::clone(connection),
            call: call.cloned(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            began: Instant::now(),
            observed,
            correlation: correlation_id(request.headers()).cloned(),
            settled: None,
            sent: 0,
            complete: false,
        })
    }

    pub(crate) fn settled(&mut self, settled: Settled) {
        self.settled = Some(settled);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let client = self.connection.client();
        let operation = self.call.as_ref().and_then(Call::operation);
        // Of a call that is known, the template is enough, and holds no card.
        let path = match operation {
            Some(operation) => Cow::Owned(operation.full_path()),
            None => without_numbers(self.uri.path().get(..MAX_PATH).unwrap_or(self.uri.path())),
        };
        let outcome = match &self.settled {
            Some(_) if !self.complete => "abandoned",
            Some(settled) => settled.outcome.name(),
            None => "abandoned",
        };
        let problem = match &self.settled {
            Some(Settled { outcome: Outcome::Problem(name), .. }) => Some(*name),
            _ => None,
        };
        let ids = self.observed.0.ids.get();
        info!(
            event = "request",
            environment = client.environment(),
            product = self.call.as_ref().and_then(Call::product).map(crate::thales::Product::name),
            operation = self.call.as_ref().map(Call::name),
            kind = operation.map(|operation| operation.kind.name()),
            method = self.method.as_str(),
            // Quoted: a path is the caller's, and must not pass for a line of ours.
            path = ?path,
            outcome,
            problem,
            status = self.settled.map(|settled| settled.status.as_u16()),
            handler_status = self.settled.and_then(|settled| settled.handler_status).map(|status| status.as_u16()),
            retryable = self.settled.and_then(|settled| settled.retryable),
            bytes_in = self.observed.0.received.load(Ordering::Relaxed),
            bytes_out = self.sent,
            duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            tls = client.tls().version,
            resumed = client.tls().resumed,
            peer = %client.peer(),
            subject = client.identity().subject,
            sha256 = %client.identity().sha256,
            key = self.observed.0.key.get().map(String::as_str),
            request_id = ids.and_then(|ids| ids.request.as_deref()),
            correlation_id = self.correlation.as_ref().and_then(|id| id.to_str().ok()),
            trace_id = ids.and_then(|ids| ids.trace.as_deref()),
            "request"
        );
    }
}

/// `path` without numbers that could be those of cards.
fn without_numbers(path: &str) -> Cow<'_, str> {
    let is_digit = |c: &char| c.is_ascii_digit();
    if !path.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > LONGEST_NUMBER) {
        return Cow::Borrowed(path);
    }
    let mut told = String::with_capacity(path.len());
    let mut rest = path.chars().peekable();
    while let Some(first) = rest.next() {
        if !first.is_ascii_digit() {
            told.push(first);
            continue;
        }
        let mut run = String::from(first);
        while let Some(digit) = rest.next_if(is_digit) {
            run.push(digit);
        }
        told.push_str(if run.len() > LONGEST_NUMBER { "[number]" } else { &run });
    }
    Cow::Owned(told)
}

pin_project! {
    /// The body of an answer, counted where its request is told of; the line is told when it has ended or was given up.
    #[derive(Debug)]
    pub struct ExchangeBody {
        #[pin]
        inner: ResponseBody,
        line: Option<Box<Line>>,
    }
}

impl ExchangeBody {
    pub(crate) fn new(inner: ResponseBody, line: Option<Box<Line>>) -> Self {
        let mut body = Self { inner, line };
        // Of an empty body nobody asks for the end.
        let ended = body.inner.is_end_stream();
        if let Some(line) = &mut body.line {
            line.complete = ended;
        }
        body
    }

    pub(crate) fn untold(inner: ResponseBody) -> Self {
        Self { inner, line: None }
    }
}

impl Body for ExchangeBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let Some(line) = this.line {
            match &frame {
                Some(Ok(frame)) => {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    line.sent = line.sent.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
                    line.complete = this.inner.is_end_stream();
                }
                Some(Err(_)) => line.complete = false,
                None => line.complete = true,
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_without_numbers_of_cards() {
        assert_eq!(without_numbers("/cards/4000000000000002/x1"), "/cards/[number]/x1");
        assert_eq!(without_numbers("/v2/issuers/0012345678/cards"), "/v2/issuers/0012345678/cards");
        assert_eq!(without_numbers("/400000000002"), "/[number]");
        assert_eq!(without_numbers("/40000000000"), "/40000000000");
    }
}
