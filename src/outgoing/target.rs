//! Where a backend is: the URL of its settings, and that of a request.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri, uri};

use super::backend::{ForwardError, ForwardOptions, Protocol};

/// Where a backend is.
#[derive(Debug)]
pub(crate) struct Target {
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
    pub(crate) fn new(options: &ForwardOptions) -> Result<Self, ForwardError> {
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

    pub(crate) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The value of `host`, where HTTP/1.1 is certain.
    pub(crate) fn host(&self) -> Option<&HeaderValue> {
        self.host.as_ref()
    }

    /// Where a call of `called` goes: same path behind the prefix, same query.
    ///
    /// # Errors
    /// When both together are no URL.
    pub(crate) fn uri(&self, called: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(match called {
            Some(target) if self.prefix.is_empty() => target.clone(),
            Some(target) => format!("{}{target}", self.prefix).parse()?,
            None => PathAndQuery::from_static("/"),
        });
        Ok(Uri::from_parts(parts)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let error = Target::new(&ForwardOptions::new(url)).unwrap_err().to_string();
            assert!(error.contains("http://HOST:PORT") && !error.contains("secret"), "{url}: {error}");
        }
    }
}
