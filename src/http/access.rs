//! One event for each request: who called what, and how it was answered. No query, no header, no body: they may be secret.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tracing::info;

use super::ResponseBody;
use super::call::Call;
use super::correlation::{TRACEPARENT, correlation_id, trace_id};
use super::settle::{Outcome, Settled};
use super::stack::Connection;
use crate::telemetry::events;

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
    trace: OnceLock<String>,
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
    pub(crate) fn traced(&self, headers: &HeaderMap) {
        if let Some(trace) = headers.get(TRACEPARENT).and_then(trace_id) {
            let _ = self.0.trace.set(trace.to_owned());
        }
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
    /// As the caller sent it; what the request goes on with is observed.
    traceparent: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
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
            traceparent: request.headers().get(TRACEPARENT).cloned(),
            request_id: None,
            settled: None,
            sent: 0,
            complete: false,
        })
    }

    /// The answer is there, with the id that the request is known by.
    pub(crate) fn settled(&mut self, settled: Settled, request_id: Option<&HeaderValue>) {
        self.settled = Some(settled);
        self.request_id = request_id.cloned();
    }

    /// How many requests are told of by the line of this one; `None` where it is told of by that of another one. What failed has a
    /// line of its own.
    fn stands_for(&self) -> Option<u32> {
        let sample = self.connection.access_sample().get();
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
        let Some(stands_for) = self.stands_for() else { return };
        let client = self.connection.client();
        let operation = self.call.as_ref().and_then(Call::operation);
        // Of a call that is known, the template is enough, and holds no card.
        let path = match operation {
            Some(operation) => operation.full_path(),
            None => tellable(self.uri.path()),
        };
        let method = if operation.is_some() { self.method.as_str() } else { registered(&self.method) };
        let outcome = match &self.settled {
            Some(_) if !self.complete => "abandoned",
            Some(settled) => settled.outcome.name(),
            None => "abandoned",
        };
        let problem = match &self.settled {
            Some(Settled { outcome: Outcome::Problem(name), .. }) => Some(*name),
            _ => None,
        };
        let kept = self.observed.0.kept.get();
        let trace = self.observed.0.trace.get().map(String::as_str);
        let trace = trace.or_else(|| self.traceparent.as_ref().and_then(trace_id));
        info!(
            event = events::REQUEST,
            environment = client.environment(),
            product = self.call.as_ref().and_then(Call::product).map(crate::thales::Product::name),
            operation = self.call.as_ref().map(Call::name),
            kind = operation.map(|operation| operation.kind.name()),
            method,
            // Of an unknown call it is the caller's; text is escaped, so that it cannot pass for a line of ours.
            path,
            outcome,
            sampled = (stands_for > 1).then_some(stands_for),
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
            inbox = kept.map(|(how, _)| how),
            entry = kept.and_then(|(_, entry)| entry.as_deref()),
            request_id = self.request_id.as_ref().and_then(|id| id.to_str().ok()),
            correlation_id = self.correlation.as_ref().and_then(|id| id.to_str().ok()),
            trace_id = trace,
            "request"
        );
    }
}

/// The name of a method that everybody knows. Any other is the caller's own text.
fn registered(method: &Method) -> &str {
    const REGISTERED: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    if REGISTERED.contains(method) { method.as_str() } else { "other" }
}

/// A path as it may be told: without numbers that could be those of cards, however they are spelt, and not too long.
fn tellable(path: &str) -> String {
    let plain = plain_digits(path);
    let mut told = String::with_capacity(plain.len().min(MAX_PATH));
    let mut rest = plain.as_str();
    while let Some(first) = rest.chars().next() {
        if told.len() >= MAX_PATH {
            told.push_str("...");
            break;
        }
        let (length, digits) = number(rest);
        let Some((piece, after)) = rest.split_at_checked(if length > 0 { length } else { first.len_utf8() }) else {
            break;
        };
        told.push_str(if digits > LONGEST_NUMBER { "[number]" } else { piece });
        rest = after;
    }
    told
}

/// Digits that were written as percent-encodings become digits.
fn plain_digits(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, encoded) = rest.split_at(at);
        plain.push_str(before);
        let (piece, digit) = match encoded.as_bytes() {
            [b'%', b'3', digit @ b'0'..=b'9', ..] => (3, Some(char::from(*digit))),
            _ => (1, None),
        };
        plain.push(digit.unwrap_or('%'));
        rest = encoded.get(piece..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// How many bytes a number takes at the beginning of `text`, with single separators as people write them between its digits, and
/// how many digits it has.
fn number(text: &str) -> (usize, usize) {
    const SEPARATORS: [&str; 6] = ["-", ".", "_", "+", " ", "%20"];
    let (mut length, mut digits) = (0, 0);
    loop {
        let rest = text.get(length..).unwrap_or_default();
        let separator = SEPARATORS.iter().find_map(|separator| rest.strip_prefix(separator).map(|_| separator.len()));
        let skipped = separator.filter(|_| digits > 0).unwrap_or(0);
        if !rest.as_bytes().get(skipped).is_some_and(u8::is_ascii_digit) {
            return (length, digits);
        }
        length += skipped + 1;
        digits += 1;
    }
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
        for (path, told) in [
            ("/cards/4000000000000002/x1", "/cards/[number]/x1"),
            ("/v2/issuers/0012345678/cards", "/v2/issuers/0012345678/cards"),
            ("/400000000002", "/[number]"),
            ("/40000000000", "/40000000000"),
            ("/4000-0000-0000-0002", "/[number]"),
            ("/4000%200000%200000%200002x", "/[number]x"),
            ("/%34%30%30%30000000000002", "/[number]"),
            ("/2026-11-22/v1.0", "/2026-11-22/v1.0"),
            ("/a-1--2.b%2", "/a-1--2.b%2"),
        ] {
            assert_eq!(tellable(path), told, "{path}");
        }
    }

    #[test]
    fn a_method_of_the_callers_own_is_not_repeated() {
        assert_eq!(registered(&Method::PATCH), "PATCH");
        assert_eq!(registered(&Method::from_bytes(b"4000000000000002").unwrap()), "other");
    }

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

    #[test]
    fn a_long_path_is_cut_and_no_number_with_it() {
        let long = format!("/{}/4000000000000002/{}", "q".repeat(MAX_PATH - 6), "r".repeat(1000));
        let told = tellable(&long);
        assert!(told.len() < MAX_PATH + 16 && told.ends_with("...") && !told.contains("4000"), "{told}");
        let wide = format!("/{}", "\u{e9}".repeat(10_000));
        assert!(tellable(&wide).len() < MAX_PATH + 16);
    }
}
