//! The request that a load sends: its bytes are made once, and only the correlation id changes from call to call.

use std::ops::Range;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method, Request};

use crate::new_uuid::new_uuid;

/// The header by which a call is found again in the logs of both sides. Where a request has it, each call gets a value of its own.
const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// Hexadecimal digits of a correlation id: 16 of the sender, 16 that count.
const DIGITS: usize = 32;

/// A request that is sent many times. Clones share its body.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    request: Request<Bytes>,
    authority: String,
    correlated: bool,
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

impl LoadRequest {
    /// `request` as [`Connection::send`](crate::caller::Connection::send) takes it: with an absolute URI, or with a path and `Host`. A
    /// header `x-correlation-id` is a request for one that is new in each call.
    ///
    /// # Errors
    /// [`UnfitRequest`].
    pub fn new(mut request: Request<Bytes>) -> Result<Self, UnfitRequest> {
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
        let correlated = headers.remove(CORRELATION).is_some();
        Ok(Self { request, authority, correlated })
    }

    /// The bytes of HTTP/1.1, with a space for the correlation id.
    pub(super) fn wire(&self) -> Wire {
        let path = self.request.uri().path_and_query().map_or("/", |path| path.as_str());
        let mut bytes =
            format!("{} {path} HTTP/1.1\r\nhost: {}\r\n", self.request.method(), self.authority).into_bytes();
        let mut field = |name: &[u8], value: &[u8]| {
            for part in [name, b": ", value, b"\r\n"] {
                bytes.extend_from_slice(part);
            }
            bytes.len() - 2
        };
        for (name, value) in self.request.headers() {
            field(name.as_str().as_bytes(), value.as_bytes());
        }
        let correlation = self.correlated.then(|| {
            let end = field(CORRELATION.as_str().as_bytes(), &[b'0'; DIGITS]);
            end - DIGITS..end
        });
        let body = self.request.body();
        // A POST says that it has no body (RFC 9110 section 8.6).
        if !body.is_empty() || matches!(*self.request.method(), Method::POST | Method::PUT | Method::PATCH) {
            field(CONTENT_LENGTH.as_str().as_bytes(), body.len().to_string().as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        Wire { bytes, correlation, ids: CorrelationIds::new() }
    }

    /// The same for HTTP/2.
    pub(super) fn stream(&self) -> Stream {
        let mut head = Request::new(());
        *head.method_mut() = self.request.method().clone();
        let path = self.request.uri().path_and_query().map_or("/", |path| path.as_str());
        // Both parts are of a URI, or of a header, that was one already.
        *head.uri_mut() = format!("https://{}{path}", self.authority).parse().unwrap_or_default();
        *head.headers_mut() = self.request.headers().clone();
        let body = self.request.body().clone();
        if !body.is_empty() {
            head.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Stream { head, body, ids: self.correlated.then(CorrelationIds::new) }
    }
}

/// A request as it goes over HTTP/1.1.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    bytes: Vec<u8>,
    correlation: Option<Range<usize>>,
    ids: CorrelationIds,
}

impl Wire {
    /// The request with a correlation id that no other has.
    pub(super) fn next(&mut self) -> &[u8] {
        if let Some(space) = self.correlation.clone().and_then(|range| self.bytes.get_mut(range)) {
            self.ids.write(space);
        }
        &self.bytes
    }
}

/// A request as it goes over HTTP/2.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    head: Request<()>,
    body: Bytes,
    ids: Option<CorrelationIds>,
}

impl Stream {
    /// Head and body with a correlation id that no other has.
    pub(super) fn next(&mut self) -> (Request<()>, Bytes) {
        let mut head = self.head.clone();
        if let Some(ids) = &mut self.ids {
            let mut id = [0; DIGITS];
            ids.write(&mut id);
            // Digits are a value always.
            if let Ok(value) = HeaderValue::from_bytes(&id) {
                head.headers_mut().insert(CORRELATION, value);
            }
        }
        (head, self.body.clone())
    }
}

/// Ids that nobody else has: a random half, and a half that counts.
#[derive(Clone, Debug)]
struct CorrelationIds {
    sender: u64,
    next: u64,
}

impl CorrelationIds {
    fn new() -> Self {
        let (_, random) = new_uuid().as_u64_pair();
        Self { sender: random, next: 0 }
    }

    fn write(&mut self, space: &mut [u8]) {
        self.next += 1;
        let (sender, count) = space.split_at_mut(DIGITS / 2);
        hexadecimal(self.sender, sender);
        hexadecimal(self.next, count);
    }
}

fn hexadecimal(mut number: u64, space: &mut [u8]) {
    const LETTERS: &[u8; 16] = b"0123456789abcdef";
    for digit in space.iter_mut().rev() {
        *digit = LETTERS.get((number & 15) as usize).copied().unwrap_or(b'0');
        number >>= 4;
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
        let mut wire = LoadRequest::new(request).unwrap().wire();
        assert_eq!(
            String::from_utf8_lossy(wire.next()),
            "POST /a/b?c=d HTTP/1.1\r\nhost: issuer.bank.test:8443\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        );
        let request = Request::get("/a").header("host", "h").body(Bytes::new()).unwrap();
        assert_eq!(LoadRequest::new(request).unwrap().wire().next(), b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
    }

    #[test]
    fn only_the_correlation_id_changes() {
        let request = request().header("x-correlation-id", "mine").body(Bytes::from("{}")).unwrap();
        let load = LoadRequest::new(request).unwrap();
        let (mut wire, mut other) = (load.wire(), load.wire());
        let id = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let (before, after) = text.split_once("x-correlation-id: ").unwrap();
            let (id, rest) = after.split_once("\r\n").unwrap();
            assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
            (id.to_owned(), format!("{before}{rest}"))
        };
        let ((first, text), (second, same)) = (id(wire.next()), id(wire.next()));
        assert_eq!(text, same);
        let (third, _) = id(other.next());
        assert!(first != second && first != third && second != third);
        let mut stream = load.stream();
        let ids: Vec<_> = (0..2).map(|_| stream.next().0.headers()["x-correlation-id"].clone()).collect();
        assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 32), "{ids:?}");
    }

    #[test]
    fn a_request_that_cannot_be_a_load_is_refused() {
        let head = Request::head("https://h/").body(Bytes::new()).unwrap();
        assert_eq!(LoadRequest::new(head).unwrap_err(), UnfitRequest::Method(Method::HEAD));
        let hostless = Request::get("/").body(Bytes::new()).unwrap();
        assert_eq!(LoadRequest::new(hostless).unwrap_err(), UnfitRequest::NoHost);
    }
}
