//! The request that a load sends: its bytes are made once, and only a few digits change from call to call.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request};

use crate::new_uuid::new_uuid;

/// A request that is sent many times. Clones share its body and the number of the next call.
#[derive(Clone)]
pub struct LoadRequest {
    request: Request<Bytes>,
    authority: String,
    fresh: Option<Fresh>,
}

/// Why a request cannot be sent as a load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitRequest {
    /// Its answer ends in another way.
    #[error("{0} cannot be sent as a load")]
    Method(Method),
    /// Neither in its URI nor in `Host`.
    #[error("the request does not say which host it is for")]
    NoHost,
}

/// Hexadecimal digits that are others in each call.
#[derive(Clone)]
struct Fresh {
    digits: String,
    /// A random number, and one more with each call.
    next: Arc<AtomicU64>,
}

impl LoadRequest {
    /// `request` as [`Connection::send`](crate::caller::Connection::send) takes it: with an absolute URI, or with a path and `Host`.
    /// `fresh` are digits that stand in its headers or its body, and in the place of which each call has others, as many and
    /// hexadecimal: they make it another event. Twelve are enough for 2^48 calls.
    ///
    /// # Errors
    /// [`UnfitRequest`].
    pub fn new(mut request: Request<Bytes>, fresh: Option<&str>) -> Result<Self, UnfitRequest> {
        if matches!(*request.method(), Method::HEAD | Method::CONNECT) {
            return Err(UnfitRequest::Method(request.method().clone()));
        }
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let authority = request.uri().authority().map(ToString::to_string);
        let authority = host.or(authority).ok_or(UnfitRequest::NoHost)?;
        let headers = request.headers_mut();
        for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION] {
            headers.remove(name);
        }
        let (_, random) = new_uuid().as_u64_pair();
        let fresh = fresh.filter(|digits| !digits.is_empty());
        let fresh = fresh.map(|digits| Fresh { digits: digits.to_owned(), next: Arc::new(AtomicU64::new(random)) });
        Ok(Self { request, authority, fresh })
    }

    fn path(&self) -> &str {
        self.request.uri().path_and_query().map_or("/", |path| path.as_str())
    }

    /// The bytes of HTTP/1.1.
    pub(super) fn wire(&self) -> Wire {
        let Self { request, authority, .. } = self;
        let mut bytes = format!("{} {} HTTP/1.1\r\nhost: {authority}\r\n", request.method(), self.path()).into_bytes();
        let mut field = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                bytes.extend_from_slice(part);
            }
        };
        for (name, value) in request.headers() {
            field(name.as_str(), value.as_bytes());
        }
        let body = request.body();
        // A POST says that it has no body (RFC 9110 section 8.6).
        if !body.is_empty() || matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
            field(CONTENT_LENGTH.as_str(), body.len().to_string().as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        let places = self.places(&bytes);
        Wire { bytes, places, fresh: self.fresh.clone() }
    }

    /// The same for HTTP/2.
    pub(super) fn stream(&self) -> Stream {
        let mut head = Request::new(());
        *head.method_mut() = self.request.method().clone();
        // Both parts are of a URI, or of a header, that was one already.
        *head.uri_mut() = format!("https://{}{}", self.authority, self.path()).parse().unwrap_or_default();
        *head.headers_mut() = self.request.headers().clone();
        let body = self.request.body().clone();
        if !body.is_empty() {
            head.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let fields = head.headers().iter().filter_map(|(name, value)| {
            let places = self.places(value.as_bytes());
            (!places.is_empty()).then(|| Field { name: name.clone(), value: value.clone(), places })
        });
        Stream { fields: fields.collect(), places: self.places(&body), head, body, fresh: self.fresh.clone() }
    }

    /// Where in `bytes` the digits stand.
    fn places(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let digits = self.fresh.as_ref().map_or(&[][..], |fresh| fresh.digits.as_bytes());
        // Windows of no size are none of anybody's.
        let windows = bytes.windows(digits.len().max(1)).enumerate();
        windows.filter(|(_, window)| *window == digits).map(|(at, _)| at..at + digits.len()).collect()
    }
}

/// Headers may hold keys, and bodies what is nobody's business.
impl fmt::Debug for LoadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LoadRequest");
        shown.field("method", self.request.method()).field("path", &self.request.uri().path()).finish_non_exhaustive()
    }
}

impl Fresh {
    /// As many digits as there have to be.
    fn next(&self) -> String {
        let (number, width) = (self.next.fetch_add(1, Ordering::Relaxed), self.digits.len());
        let digits = format!("{number:0width$x}");
        // The last ones count.
        digits.get(digits.len() - width..).unwrap_or_default().to_owned()
    }
}

/// A request as it goes over HTTP/1.1.
pub(super) struct Wire {
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
    fresh: Option<Fresh>,
}

impl Wire {
    /// The bytes of the next call.
    pub(super) fn next(&mut self) -> &[u8] {
        if let Some(fresh) = &self.fresh {
            write(&fresh.next(), &self.places, &mut self.bytes);
        }
        &self.bytes
    }
}

/// A request as it goes over HTTP/2.
pub(super) struct Stream {
    head: Request<()>,
    body: Bytes,
    /// The headers in which the digits stand.
    fields: Vec<Field>,
    /// Where they stand in the body.
    places: Vec<Range<usize>>,
    fresh: Option<Fresh>,
}

struct Field {
    name: HeaderName,
    value: HeaderValue,
    places: Vec<Range<usize>>,
}

impl Stream {
    /// Head and body of the next call.
    pub(super) fn next(&mut self) -> (Request<()>, Bytes) {
        let (mut head, mut body) = (self.head.clone(), self.body.clone());
        if let Some(fresh) = &self.fresh {
            let digits = fresh.next();
            for Field { name, value, places } in &self.fields {
                let mut bytes = value.as_bytes().to_vec();
                write(&digits, places, &mut bytes);
                // Digits in the place of digits: it stays a value.
                if let Ok(mut next) = HeaderValue::from_bytes(&bytes) {
                    next.set_sensitive(value.is_sensitive());
                    head.headers_mut().insert(name, next);
                }
            }
            if !self.places.is_empty() {
                let mut bytes = body.to_vec();
                write(&digits, &self.places, &mut bytes);
                body = bytes.into();
            }
        }
        (head, body)
    }
}

/// Puts `digits` into their places.
fn write(digits: &str, places: &[Range<usize>], bytes: &mut [u8]) {
    for place in places {
        if let Some(space) = bytes.get_mut(place.clone()).filter(|space| space.len() == digits.len()) {
            space.copy_from_slice(digits.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> http::request::Builder {
        Request::post("https://issuer.bank.test:8443/a/b?c=d").header("content-type", "application/json")
    }

    #[test]
    fn the_bytes_of_a_request_are_those_of_http() {
        let request = request().header("Host", "issuer.bank.test:8443").body(Bytes::from("{}")).unwrap();
        let mut wire = LoadRequest::new(request, None).unwrap().wire();
        assert_eq!(
            String::from_utf8_lossy(wire.next()),
            "POST /a/b?c=d HTTP/1.1\r\nhost: issuer.bank.test:8443\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        );
        let request = Request::get("/a").header("host", "h").body(Bytes::new()).unwrap();
        assert_eq!(LoadRequest::new(request, None).unwrap().wire().next(), b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
    }

    #[test]
    fn only_the_fresh_digits_change_and_they_do_so_everywhere() {
        let (fresh, id) = ("0123456789ab", "018f0000-0000-7000-8000-0123456789ab");
        let request = request().header("x-correlation-id", id).body(Bytes::from(format!("{{\"event\":\"{fresh}\"}}")));
        let load = LoadRequest::new(request.unwrap(), Some(fresh)).unwrap();
        let (mut wire, mut other, mut stream) = (load.wire(), load.wire(), load.stream());
        let parts = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let (_, after) = text.split_once("018f0000-0000-7000-8000-").unwrap();
            let digits = after.get(..12).unwrap().to_owned();
            assert!(digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{digits}");
            assert_eq!(text.matches(&digits).count(), 2, "{text}");
            (text.replace(&digits, fresh), digits)
        };
        let ((same, one), (text, two), (_, three)) = (parts(wire.next()), parts(wire.next()), parts(other.next()));
        assert_eq!(same, text);
        let (head, body) = stream.next();
        let four = head.headers()["x-correlation-id"].to_str().unwrap().rsplit('-').next().unwrap().to_owned();
        assert_eq!(body, format!("{{\"event\":\"{four}\"}}"));
        let all = std::collections::BTreeSet::from([&one, &two, &three, &four]);
        assert!(all.len() == 4 && !all.contains(&fresh.to_owned()), "{all:?}");
    }

    #[test]
    fn a_request_without_fresh_digits_stays_as_it_is() {
        let load = LoadRequest::new(request().body(Bytes::from("{}")).unwrap(), None).unwrap();
        let mut wire = load.wire();
        assert_eq!(wire.next().to_vec(), wire.next());
        assert_eq!(load.stream().next().1, "{}");
    }

    #[test]
    fn nothing_of_a_request_is_in_its_debug_output_but_what_it_is_for() {
        let request = request().header("authorization", "APIKEY hunter2").body(Bytes::from("hunter3")).unwrap();
        let shown = format!("{:?}", LoadRequest::new(request, None).unwrap());
        assert!(shown.contains("/a/b") && !shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn a_request_that_cannot_be_a_load_is_refused() {
        let head = Request::head("https://h/").body(Bytes::new()).unwrap();
        assert_eq!(LoadRequest::new(head, None).unwrap_err(), UnfitRequest::Method(Method::HEAD));
        let hostless = Request::get("/").body(Bytes::new()).unwrap();
        assert_eq!(LoadRequest::new(hostless, None).unwrap_err(), UnfitRequest::NoHost);
    }
}
