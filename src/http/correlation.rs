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
        let id = pass_or_make_request_id(request.headers_mut());
        let place = match request.extensions().get::<Hop>().map(Hop::context) {
            Some(place) => Some(go_on_from(place, request.headers_mut())),
            None => pass_or_make_traceparent(request.headers_mut()),
        };
        if let (Some(place), Some(observed)) = (place, request.extensions().get::<Observed>()) {
            observed.traced(place.trace_id());
        }
        CorrelationFuture { inner: self.inner.call(request), id: Some(id) }
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

fn pass_or_make_request_id(headers: &mut HeaderMap) -> HeaderValue {
    if let Some(id) = usable(headers, &REQUEST_ID) {
        return id.clone();
    }
    let id = new_request_id();
    headers.insert(REQUEST_ID, id.clone());
    id
}

/// `None` where the system has no random numbers.
fn pass_or_make_traceparent(headers: &mut HeaderMap) -> Option<TraceContext> {
    if let Some(valid) = trace_context(headers) {
        return Some(valid);
    }
    // A state without its parent belongs to nothing.
    headers.remove(TRACESTATE);
    // It is marked as sampled, since with a parent that is not most tracers of a backend would record nothing.
    let made = TraceContext::new(true);
    match made {
        Some(made) => headers.insert(TRACEPARENT, made.header()),
        None => headers.remove(TRACEPARENT),
    };
    made
}

/// Where traces are recorded or not recorded here, those behind learn of it: their parent is this server, and not its caller.
fn go_on_from(place: TraceContext, headers: &mut HeaderMap) -> TraceContext {
    if trace_context(headers).is_none() {
        headers.remove(TRACESTATE);
    }
    headers.insert(TRACEPARENT, place.header());
    place
}

/// Where the caller stands in its trace; `None` where it did not say so, or not clearly.
pub(super) fn trace_context(headers: &HeaderMap) -> Option<TraceContext> {
    only(headers, &TRACEPARENT).and_then(|value| TraceContext::parse(value.as_bytes()))
}

/// The id that the caller gave its request, where it can be kept.
pub(super) fn request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    usable(headers, &REQUEST_ID).cloned()
}

/// An id of a request that brought none.
pub(super) fn new_request_id() -> HeaderValue {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text: &str = new_uuid().hyphenated().encode_lower(&mut text);
    // Hexadecimal digits and hyphens: always a header value.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

/// The caller's correlation id, as far as it may be told and echoed.
pub(super) fn correlation_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    usable(headers, &CORRELATION_ID)
}

/// An id that may be told and echoed: there is one, it is short, and it is visible ASCII.
pub(crate) fn usable<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let bounded =
        |id: &&HeaderValue| (1..=MAX_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    only(headers, name).filter(bounded)
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_or_made(name: &HeaderName, values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        pass_or_make_request_id(&mut headers);
        pass_or_make_traceparent(&mut headers);
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
        pass_or_make_traceparent(&mut headers);
        assert!(headers.contains_key(TRACESTATE));
        headers.insert(TRACEPARENT, HeaderValue::from_static("nonsense"));
        pass_or_make_traceparent(&mut headers);
        assert!(!headers.contains_key(TRACESTATE));
    }
}
