//! A request as the backend sees it.

use axum::body::Body;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Extensions, HeaderValue, Method, Request, Uri, Version, uri};
use http_body::Body as _;

use super::options::{ForwardError, ForwardOptions, Protocol};
use crate::http::{Problem, ProblemKind};

/// Where a backend is.
#[derive(Debug)]
pub(super) struct Target {
    scheme: Scheme,
    authority: Authority,
    /// Put before every path; empty, or with a leading and without a trailing slash.
    prefix: String,
    /// Set where HTTP/1.1 is certain. HTTP/2 has `:authority` in its place, and with ALPN the client decides.
    host: Option<HeaderValue>,
}

impl Target {
    /// The target that `options` names.
    ///
    /// # Errors
    /// [`ForwardError::Url`].
    pub(super) fn new(options: &ForwardOptions) -> Result<Self, ForwardError> {
        if options.url.contains('#') {
            return Err(ForwardError::Url("has a fragment"));
        }
        let url: Uri = options.url.parse().map_err(|_| ForwardError::Url("is malformed"))?;
        let uri::Parts { scheme, authority, path_and_query, .. } = url.into_parts();
        let (Some(scheme), Some(authority)) = (scheme, authority) else {
            return Err(ForwardError::Url("has no scheme or no host"));
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(ForwardError::Url("is neither http nor https"));
        }
        if authority.as_str().contains('@') {
            return Err(ForwardError::Url("holds a user name or password, which would be sent to nobody"));
        }
        if authority.host().is_empty() {
            return Err(ForwardError::Url("has no host"));
        }
        let path = path_and_query.as_ref().map_or("", PathAndQuery::path);
        if path_and_query.as_ref().is_some_and(|target| target.query().is_some()) {
            return Err(ForwardError::Url("has a query"));
        }
        let http1 = match options.protocol {
            Protocol::Auto => scheme == Scheme::HTTP,
            Protocol::Http1 => true,
            Protocol::Http2 => false,
        };
        let host = if http1 {
            let value = HeaderValue::from_str(authority.as_str()).map_err(|_| ForwardError::Url("is malformed"))?;
            Some(value)
        } else {
            None
        };
        Ok(Self { prefix: path.trim_end_matches('/').to_owned(), scheme, authority, host })
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Sends `request` to this target: same path behind the prefix, same query, the target's authority as host. What the server
    /// said about `expect` is settled, and extensions are for this process alone.
    pub(super) fn aim(&self, mut request: Request<Body>) -> Result<Request<Body>, Problem> {
        *request.uri_mut() = self.uri(request.uri()).map_err(|_| Problem::from(UNFIT))?;
        *request.version_mut() = Version::HTTP_11;
        *request.extensions_mut() = Extensions::new();
        // The client drops the body of a GET or HEAD whose length nobody said, unless it is told that there is one.
        let unsaid = !request.body().is_end_stream() && !request.headers().contains_key(CONTENT_LENGTH);
        let has_odd_body = unsaid && matches!(*request.method(), Method::GET | Method::HEAD);
        let headers = request.headers_mut();
        if has_odd_body && self.host.is_some() {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        headers.remove(EXPECT);
        match &self.host {
            Some(host) => headers.insert(HOST, host.clone()),
            None => headers.remove(HOST),
        };
        Ok(request)
    }

    fn uri(&self, called: &Uri) -> Result<Uri, http::Error> {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(match called.path_and_query() {
            Some(target) if self.prefix.is_empty() => target.clone(),
            Some(target) => format!("{}{target}", self.prefix).parse()?,
            None => PathAndQuery::from_static("/"),
        });
        Ok(Uri::from_parts(parts)?)
    }
}

const UNFIT: ProblemKind = ProblemKind::BadRequest("The request target cannot be passed on.");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::forward::tests::options;

    fn aimed(url: &str, protocol: Protocol, path: &str) -> Request<Body> {
        let target = Target::new(&ForwardOptions { protocol, ..options(url) }).unwrap();
        let request = Request::get(path).version(Version::HTTP_2).header(HOST, "issuer.bank.example");
        target.aim(request.header(EXPECT, "100-continue").body(Body::empty()).unwrap()).unwrap()
    }

    #[test]
    fn path_and_query_stay_byte_for_byte_behind_the_prefix() {
        let path = "/tsh/V1/a%20b;c=d?e=f%2Fg&&h";
        for (url, expected) in [
            ("http://backend:8080", "http://backend:8080"),
            ("http://backend:8080/", "http://backend:8080"),
            ("https://backend/base/path", "https://backend/base/path"),
            ("https://backend/base/path/", "https://backend/base/path"),
        ] {
            assert_eq!(aimed(url, Protocol::Auto, path).uri().to_string(), format!("{expected}{path}"));
        }
    }

    #[test]
    fn the_backend_is_asked_for_by_its_own_name_and_expects_nothing() {
        let request = aimed("http://backend:8080", Protocol::Auto, "/");
        assert_eq!(request.headers()[HOST], "backend:8080");
        assert!(!request.headers().contains_key(EXPECT));
        assert_eq!(request.version(), Version::HTTP_11);
        assert!(!aimed("http://backend:8080", Protocol::Http2, "/").headers().contains_key(HOST));
    }

    #[test]
    fn a_url_that_cannot_be_a_backend_is_refused_without_being_repeated() {
        for url in [
            "",
            "backend:8080",
            "/path",
            "ftp://backend",
            "http://",
            "http://u:secret@backend",
            "http://b/?q",
            "http://b/#f",
        ] {
            let error = Target::new(&options(url)).unwrap_err().to_string();
            assert!(error.contains("http://HOST:PORT") && !error.contains("secret"), "{url}: {error}");
        }
    }
}
