//! One event, and one span, for each request: who called what, and how it was answered. No query, no header, no body: they may be secret.

mod told;

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use ::http::{HeaderValue, Method, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::ResponseBody;
use super::call::{Call, UNKNOWN};
use super::correlation::Ties;
use super::settle::{Outcome, Settled};
use super::stack::Connection;
use super::tellable::registered;
use crate::traces::{Span, TraceContext, TraceId};
use told::{Called, Told};
pub(super) use told::{Caller, members_of};

/// A request that is told of, and the place for what the layers behind learn of it.
#[derive(Clone, Debug)]
pub(crate) struct Observed(Arc<Observation>);

#[derive(Debug)]
struct Observation {
    connection: Arc<Connection>,
    call: Option<Call>,
    /// Verb and target of a call that nobody knows; those of a known one are its operation's.
    unknown: Option<(Method, Uri)>,
    began: Instant,
    correlation: Option<HeaderValue>,
    /// The trace that the caller is in, as it says.
    caller_trace: Option<TraceId>,
    /// The trace that the request goes on in.
    trace: OnceLock<TraceId>,
    received: AtomicU64,
    /// The name of the second key that was shown.
    key: OnceLock<String>,
    /// What the inbox made of it, and the id of its entry.
    kept: OnceLock<(&'static str, Option<String>)>,
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

    /// The inbox has it.
    pub(crate) fn kept(&self, how: &'static str, entry: Option<String>) {
        let _ = self.0.kept.set((how, entry));
    }

    /// The trace that the request goes on in.
    pub(crate) fn traced(&self, trace: TraceId) {
        let _ = self.0.trace.set(trace);
    }
}

/// The line of a request, and the end of its span; told when dropped, so that a caller who goes away is told of too.
#[derive(Debug)]
pub(crate) struct Line {
    observed: Observed,
    request_id: Option<HeaderValue>,
    settled: Option<Settled>,
    sent: u64,
    complete: bool,
    /// Where the request is recorded.
    span: Option<Span>,
}

impl Line {
    /// Begins the line of `request`, and leaves it a place for what the layers behind find out. `None` where nobody is told anything:
    /// neither the log, nor those who have `span`.
    pub(crate) fn begin<B>(
        connection: &Arc<Connection>,
        request: &mut Request<B>,
        call: Option<&Call>,
        correlation: Option<&HeaderValue>,
        began: Instant,
        span: Option<Span>,
    ) -> Option<Self> {
        if !(connection.tells_access() && told::is_wanted()) && span.is_none() {
            return None;
        }
        // One allocation for all that is known by now: it is a good part of what a line costs.
        let observed = Observed(Arc::new(Observation {
            connection: Arc::clone(connection),
            call: call.cloned(),
            unknown: call
                .and_then(Call::operation)
                .is_none()
                .then(|| (request.method().clone(), request.uri().clone())),
            began,
            correlation: correlation.cloned(),
            caller_trace: Ties::of(request.headers()).trace_context().map(TraceContext::trace_id),
            trace: OnceLock::new(),
            received: AtomicU64::new(0),
            key: OnceLock::new(),
            kept: OnceLock::new(),
        }));
        request.extensions_mut().insert(observed.clone());
        Some(Self { observed, request_id: None, settled: None, sent: 0, complete: false, span })
    }

    /// The answer is there, with the id that the request is known by.
    pub(crate) fn settled(&mut self, settled: Settled, request_id: HeaderValue) {
        self.settled = Some(settled);
        self.request_id = Some(request_id);
    }

    /// How many requests are told of by the line of this one; `None` where it is told of by that of another one, or none is. What
    /// failed has a line of its own.
    fn stands_for(&self) -> Option<u32> {
        let connection = &self.observed.0.connection;
        if !connection.tells_access() {
            return None;
        }
        let sample = connection.access_sample().get();
        if sample == 1 || !self.went_well() {
            return Some(1);
        }
        chosen(REQUESTS.fetch_add(1, Ordering::Relaxed), sample).then_some(sample)
    }

    /// Whether the caller took its answer to the end, and neither it nor what the handler had said tells of a failure.
    fn went_well(&self) -> bool {
        let good = |status: StatusCode| status.as_u16() < 400;
        self.complete
            && self.settled.is_some_and(|settled| {
                !matches!(settled.outcome, Outcome::Problem(_))
                    && good(settled.status)
                    && settled.handler_status.is_none_or(good)
            })
    }
}

impl Line {
    /// Which call it was.
    fn called(&self) -> Called<'_> {
        let Observation { call, unknown, .. } = &*self.observed.0;
        if let Some((operation, members)) = call.as_ref().and_then(Call::in_words) {
            return Called::Known(operation, members);
        }
        let product = call.as_ref().and_then(Call::product);
        let (method, path) = unknown.as_ref().map_or((&Method::GET, ""), |(method, uri)| (method, uri.path()));
        Called::other(product, call.as_ref().map(|_| UNKNOWN), method, path)
    }

    /// The name of the problem that the request ended in.
    fn problem(&self) -> Option<&'static str> {
        match &self.settled {
            Some(Settled { outcome: Outcome::Problem(name), .. }) => Some(*name),
            _ => None,
        }
    }

    /// Ends the span of the request, with attributes as OpenTelemetry names them. Returns the id of the trace.
    fn end(&self, mut span: Span, outcome: &'static str) -> TraceId {
        let Observation { connection, call, unknown, .. } = &*self.observed.0;
        let operation = call.as_ref().and_then(Call::operation);
        let method = match (operation, unknown) {
            (Some(operation), _) => Some(&operation.method),
            (None, unknown) => unknown.as_ref().map(|(method, _)| method),
        };
        let method = method.and_then(registered);
        span.set("http.request.method", method.unwrap_or("_OTHER"));
        let method = method.unwrap_or("HTTP");
        if let Some(operation) = operation {
            let route = operation.full_path();
            span.name(format!("{method} {route}"));
            span.set("http.route", route);
        } else {
            span.name(method);
        }
        span.set("url.scheme", "https");
        if let Some(host) = connection.host() {
            span.set("server.address", host.to_owned());
        }
        span.set("issuer_host.environment", connection.client().environment().to_owned());
        if let Some(call) = call {
            if let Some(product) = call.product() {
                span.set("issuer_host.product", product.name());
            }
            span.set("issuer_host.operation", call.name().to_owned());
        }
        span.set("issuer_host.outcome", outcome);
        let status = self.settled.map(|settled| settled.status);
        if let Some(status) = status {
            span.set("http.response.status_code", status.as_u16());
        }
        match status {
            Some(status) if self.complete => {
                // What the caller did wrong is no error of the server.
                if status.is_server_error() {
                    span.fail(self.problem().map_or_else(|| status.as_str().to_owned().into(), Cow::Borrowed));
                }
            }
            _ => span.fail("abandoned"),
        }
        span.context().trace_id()
    }
}

/// Requests that one in so many was chosen of.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Whether the request of this number is the one in `sample` that is told of. Which one it is follows no rhythm, since callers have
/// theirs: every tenth of calls that come in turns would always be the same one. The finalizer of `SplitMix64`.
const fn chosen(number: u64, sample: u32) -> bool {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    mixed.is_multiple_of(sample as u64)
}

impl Drop for Line {
    fn drop(&mut self) {
        let outcome = match &self.settled {
            Some(settled) if self.complete => settled.outcome.name(),
            _ => "abandoned",
        };
        let trace = self.span.take().map(|span| self.end(span, outcome));
        let Some(stands_for) = self.stands_for() else { return };
        let observed = &*self.observed.0;
        let kept = observed.kept.get();
        let trace_id = trace.as_ref().or_else(|| observed.trace.get()).or(observed.caller_trace.as_ref());
        Told {
            caller: observed.connection.caller(),
            called: self.called(),
            outcome,
            sampled: (stands_for > 1).then_some(stands_for),
            problem: self.problem(),
            status: self.settled.map(|settled| settled.status.as_u16()),
            handler_status: self.settled.and_then(|settled| settled.handler_status).map(|status| status.as_u16()),
            retryable: self.settled.and_then(|settled| settled.retryable),
            bytes_in: observed.received.load(Ordering::Relaxed),
            bytes_out: self.sent,
            duration_us: u64::try_from(observed.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            key: observed.key.get().map(String::as_str),
            inbox: kept.map(|(how, _)| *how),
            entry: kept.and_then(|(_, entry)| entry.as_deref()),
            request_id: self.request_id.as_ref().and_then(text),
            correlation_id: observed.correlation.as_ref().and_then(text),
            trace_id: trace_id.map(TraceId::as_str),
        }
        .tell();
    }
}

/// An id, which nearly always is ASCII: to look for UTF-8 takes a fraction of looking at each byte.
fn text(id: &HeaderValue) -> Option<&str> {
    str::from_utf8(id.as_bytes()).ok()
}

pin_project! {
    /// The body of an answer, counted where its request is told of; the line is told when it has ended or was given up.
    #[derive(Debug)]
    pub struct ExchangeBody {
        #[pin]
        inner: ResponseBody,
        line: Option<Line>,
    }
}

impl ExchangeBody {
    pub(crate) fn new(inner: ResponseBody, line: Option<Line>) -> Self {
        let mut body = Self { inner, line };
        // Of an empty body nobody asks for the end.
        let ended = body.inner.is_end_stream();
        if let Some(line) = &mut body.line {
            line.complete = ended;
        }
        body
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
    fn one_in_so_many_is_chosen_and_none_of_a_rhythm_is_left_out() {
        for (sample, least, most) in [(1, 100_000, 100_000), (2, 49_000, 51_000), (10, 9_500, 10_500), (1000, 70, 130)]
        {
            let told = (0..100_000).filter(|number| chosen(*number, sample)).count();
            assert!((least..=most).contains(&told), "{told} for one in {sample}");
        }
        let first_of_pairs = (0..1000).filter(|number| chosen(2 * number, 2)).count();
        assert!((400..600).contains(&first_of_pairs), "{first_of_pairs}");
    }
}
