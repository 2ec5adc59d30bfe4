//! What ties the logs of the caller, of this server and of the backend together: a request id and a correlation id, echoed in the
//! response, and W3C trace context. None of them is a key: Thales repeats its correlation ids, and anybody can.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::http::header::{HeaderMap, HeaderName, HeaderValue};
use ::http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::ResponseBody;
use super::access::Observed;
use crate::new_uuid::new_uuid;
use crate::traces::{Hop, TraceContext};

/// The caller's id of the request, or ours.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The id by which Thales relates its calls of one session; never made here.
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
/// W3C Trace Context, section 3.2.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// W3C Trace Context, section 3.3.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Longest id that is kept or told, in bytes: enough for any id in use, too little to swell a log.
const MAX_ID: usize = 128;

/// Puts [`Correlation`] before a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CorrelationLayer;

impl<S> Layer<S> for CorrelationLayer {
    type Service = Correlation<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Correlation { inner }
    }
}

/// Keeps a valid `x-request-id` and `traceparent`, makes those that are absent or invalid, and echoes the request id.
#[derive(Clone, Debug)]
pub(crate) struct Correlation<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for Correlation<S>
where
    S: Service<Request<B>, Response = Response<ResponseBody>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = CorrelationFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let onward = Onward::of(request.headers(), request.extensions().get::<Hop>().map(Hop::context));
        onward.put_into(request.headers_mut());
        if let (Some(place), Some(observed)) = (onward.place, request.extensions().get::<Observed>()) {
            observed.traced(place.trace_id());
        }
        CorrelationFuture { inner: self.inner.call(request), id: Some(onward.request) }
    }
}

pin_project! {
    /// The future of [`Correlation`].
    #[derive(Debug)]
    pub(crate) struct CorrelationFuture<F> {
        #[pin]
        inner: F,
        id: Option<HeaderValue>,
    }
}

impl<F> Future for CorrelationFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut response) = ready!(this.inner.poll(cx));
        if let Some(id) = this.id.take() {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        Poll::Ready(Ok(response))
    }
}

/// The fields of a head that tie logs together, each where there is one of it and no more. They are found in one pass: to look for each by
/// itself costs several times as much, and nearly all heads are short.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ties<'a> {
    request_id: Field<'a>,
    correlation_id: Field<'a>,
    traceparent: Field<'a>,
    tracestate: Field<'a>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Field<'a> {
    #[default]
    Absent,
    Once(&'a HeaderValue),
    Several,
}

impl<'a> Field<'a> {
    fn see(&mut self, value: &'a HeaderValue) {
        *self = if matches!(self, Self::Absent) { Self::Once(value) } else { Self::Several };
    }

    fn only(self) -> Option<&'a HeaderValue> {
        match self {
            Self::Once(value) => Some(value),
            Self::Absent | Self::Several => None,
        }
    }
}

impl<'a> Ties<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut ties = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "x-request-id" => ties.request_id.see(value),
                "x-correlation-id" => ties.correlation_id.see(value),
                "traceparent" => ties.traceparent.see(value),
                "tracestate" => ties.tracestate.see(value),
                _ => {}
            }
        }
        ties
    }

    /// The id that the caller gave its request, where it can be kept.
    pub(super) fn request_id(&self) -> Option<&'a HeaderValue> {
        self.request_id.only().filter(|id| is_usable(id))
    }

    /// The caller's correlation id, as far as it may be told and echoed.
    pub(super) fn correlation_id(&self) -> Option<&'a HeaderValue> {
        self.correlation_id.only().filter(|id| is_usable(id))
    }

    /// Where the caller stands in its trace; `None` where it did not say so, or not clearly.
    pub(super) fn trace_context(&self) -> Option<TraceContext> {
        self.traceparent.only().and_then(|value| TraceContext::parse(value.as_bytes()))
    }

    /// A state without its parent belongs to nothing.
    fn has_stray_state(&self) -> bool {
        !matches!(self.tracestate, Field::Absent) && self.trace_context().is_none()
    }
}

/// What those behind are told of a request, and how far its caller has said so.
struct Onward {
    request: HeaderValue,
    is_ours: bool,
    /// `None` where the system has no random numbers.
    place: Option<TraceContext>,
    is_new_place: bool,
    has_stray_state: bool,
}

impl Onward {
    /// `hop`: where traces are recorded or not recorded here, those behind learn of it: their parent is this server, and not its caller.
    fn of(headers: &HeaderMap, hop: Option<TraceContext>) -> Self {
        let ties = Ties::of(headers);
        let (request, is_ours) = match ties.request_id() {
            Some(id) => (id.clone(), false),
            None => (new_request_id(), true),
        };
        let told = ties.trace_context().filter(|_| hop.is_none());
        // What is made here is marked as sampled, since with a parent that is not most tracers of a backend would record nothing.
        let place = told.or(hop).or_else(|| TraceContext::new(true));
        Self { request, is_ours, place, is_new_place: told.is_none(), has_stray_state: ties.has_stray_state() }
    }

    fn put_into(&self, headers: &mut HeaderMap) {
        if self.is_ours {
            headers.insert(REQUEST_ID, self.request.clone());
        }
        if self.has_stray_state {
            headers.remove(TRACESTATE);
        }
        if self.is_new_place {
            match self.place {
                Some(place) => headers.insert(TRACEPARENT, place.header()),
                None => headers.remove(TRACEPARENT),
            };
        }
    }
}

/// An id of a request that brought none.
pub(super) fn new_request_id() -> HeaderValue {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text: &str = new_uuid().hyphenated().encode_lower(&mut text);
    // Hexadecimal digits and hyphens: always a header value.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

/// An id that may be told and echoed: there is one, and it is usable.
pub(crate) fn usable<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().filter(|id| is_usable(id))?;
    values.next().is_none().then_some(first)
}

/// An id that may be told and echoed is short, and visible ASCII.
fn is_usable(id: &HeaderValue) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_or_made(name: &HeaderName, values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Onward::of(&headers, None).put_into(&mut headers);
        assert_eq!(headers.get_all(name).iter().count(), 1);
        headers[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_usable_request_id_is_kept_and_any_other_replaced_by_a_uuid() {
        let longest = "x".repeat(128);
        for id in ["a", "REQ-1_2.3/4+5=", &longest] {
            assert_eq!(passed_or_made(&REQUEST_ID, &[id]), id);
        }
        let too_long = "x".repeat(129);
        for ids in [&[][..], &[""], &["a b"], &["caf\u{e9}"], &[&too_long], &["a", "b"]] {
            let made = passed_or_made(&REQUEST_ID, ids);
            assert_eq!(made.parse::<uuid::Uuid>().unwrap().get_version_num(), 7, "{ids:?}");
        }
    }

    #[test]
    fn a_valid_traceparent_is_kept_and_any_other_replaced_by_a_valid_one() {
        let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more";
        for value in [valid, later] {
            assert_eq!(passed_or_made(&TRACEPARENT, &[value]), value);
        }
        for values in [&[][..], &[""], &[valid, valid], &["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"]] {
            let made = passed_or_made(&TRACEPARENT, values);
            assert!(
                TraceContext::parse(made.as_bytes()).is_some_and(|made| made.sampled) && made != valid,
                "{values:?} became {made}"
            );
        }
    }

    #[test]
    fn tracestate_stays_with_its_parent_and_goes_without_it() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACESTATE, HeaderValue::from_static("a=b"));
        headers
            .insert(TRACEPARENT, HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        Onward::of(&headers, None).put_into(&mut headers);
        assert!(headers.contains_key(TRACESTATE));
        headers.insert(TRACEPARENT, HeaderValue::from_static("nonsense"));
        Onward::of(&headers, None).put_into(&mut headers);
        assert!(!headers.contains_key(TRACESTATE));
    }
}
