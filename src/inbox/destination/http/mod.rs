//! Delivers to a backend over HTTP, as CloudEvents in binary mode.

mod answer;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use http_body_util::Full;

use super::{Attempt, Delivery, Destination, SigningSecrets, cloud_events};
use crate::outgoing::{Client, ForwardError, ForwardOptions, Meter, Target, causes, digest_of};

/// How events reach a backend.
#[derive(Clone)]
pub struct HttpOptions {
    /// How to reach it. Its `response_timeout` bounds an attempt, up to the head of the answer.
    pub backend: ForwardOptions,
    /// Where every event is posted to, with a path and a query of its own, instead of to the path that Thales called behind the
    /// backend's URL.
    pub events_url: Option<String>,
    /// What events are signed with.
    pub signing: Option<SigningSecrets>,
}

impl HttpOptions {
    /// Unsigned, to the paths that Thales called.
    #[must_use]
    pub fn new(backend: ForwardOptions) -> Self {
        Self { backend, events_url: None, signing: None }
    }
}

impl HttpOptions {
    fn fingerprint(&self) -> [u8; 32] {
        let Self { backend, events_url, signing } = self;
        let signing = signing.as_ref().map(SigningSecrets::fingerprint).unwrap_or_default();
        digest_of(&[&backend.digest(), events_url.as_deref().unwrap_or_default().as_bytes(), &signing])
    }
}

/// Without the URLs: they may hold a token.
impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions").field("signing", &self.signing).finish_non_exhaustive()
    }
}

/// A backend that takes events over HTTP.
///
/// * The original method goes to the path and query that Thales called, byte for byte, behind the backend's URL; or a POST to
///   [`HttpOptions::events_url`], with what Thales called in `ce-method`, `ce-path` and `ce-query`.
/// * Headers are those that came, the event's attributes, `traceparent`, and the signature where there are secrets.
/// * 2xx delivers. 400, 410, 413, 415 and 422 refuse for good. Everything else, redirects too, may be better next time.
/// * No connection, no answer, an exchange that broke, 429, 500, 502, 503 and 504 say that the backend as a whole is unwell.
pub struct HttpDestination {
    client: Client<Full<Bytes>>,
    place: Place,
    signing: Option<SigningSecrets>,
    response_timeout: Duration,
    name: String,
    fingerprint: [u8; 32],
}

/// Where events go.
enum Place {
    /// The path that Thales called.
    Called(Target),
    /// One for all.
    Fixed(Uri),
}

impl HttpDestination {
    /// A destination with connections of its own. Connects when it is first delivered to.
    ///
    /// # Errors
    /// [`ForwardError`] when a URL, the CA certificates or the client credential cannot be used.
    pub fn new(options: HttpOptions) -> Result<Self, ForwardError> {
        let fingerprint = options.fingerprint();
        let HttpOptions { backend, events_url, signing } = options;
        let (target, fixed) = match &events_url {
            None => (Target::new(&backend)?, None),
            Some(url) => fixed(url, &backend).map(|(target, uri)| (target, Some(uri)))?,
        };
        let scheme = if target.is_https() { "https" } else { "http" };
        let name = format!("{scheme}://{}", target.authority());
        let client = backend.client(target.is_https(), Meter::default())?;
        let place = fixed.map_or(Place::Called(target), Place::Fixed);
        Ok(Self { client, place, signing, response_timeout: backend.response_timeout, name, fingerprint })
    }

    async fn attempt(&self, delivery: Delivery) -> Attempt {
        let Some(request) = self.request(&delivery, SystemTime::now()) else {
            return Attempt::Refused { problem: "what was called cannot be passed on to this url".into() };
        };
        match tokio::time::timeout(self.response_timeout, self.client.request(request)).await {
            Err(_) => unwell(format!("no answer within {}", humantime::format_duration(self.response_timeout))),
            Ok(Err(error)) => unwell(causes(&error)),
            Ok(Ok(response)) => {
                let attempt = answer::judged(&response, SystemTime::now());
                // Beside: the head has decided, and an attempt whose time ran out over the body would be made again.
                tokio::spawn(answer::discard(response));
                attempt
            }
        }
    }

    /// `None` where method, path and url cannot make a request together.
    fn request(&self, delivery: &Delivery, now: SystemTime) -> Option<Request<Full<Bytes>>> {
        let Delivery { facts, contents, traceparent, .. } = delivery;
        let mut headers = HeaderMap::new();
        for (name, value) in cloud_events::passed_on(facts, contents) {
            // They were received as headers, so that they are some.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        if let Some(traceparent) = traceparent {
            set("traceparent", traceparent);
        }
        for (name, value) in cloud_events::attributes(delivery) {
            set(name, &value);
        }
        let (method, uri) = match &self.place {
            Place::Called(target) => (facts.method.parse().ok()?, called(target, delivery)?),
            Place::Fixed(uri) => {
                for (name, value) in cloud_events::called(delivery) {
                    set(name, &value);
                }
                (Method::POST, uri.clone())
            }
        };
        for (name, value) in self.signing.iter().flat_map(|secrets| secrets.headers(facts.id, now, &contents.body)) {
            set(name, &value);
        }
        let mut request = Request::new(Full::new(contents.body.clone()));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        Some(request)
    }
}

impl Destination for HttpDestination {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> Option<[u8; 32]> {
        Some(self.fingerprint)
    }

    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Attempt> {
        self.attempt(delivery).boxed()
    }
}

impl fmt::Debug for HttpDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpDestination").field("name", &self.name).finish_non_exhaustive()
    }
}

fn called(target: &Target, delivery: &Delivery) -> Option<Uri> {
    let path = &delivery.contents.path;
    let called: PathAndQuery = match &delivery.contents.query {
        None => path.parse().ok()?,
        Some(query) => format!("{path}?{query}").parse().ok()?,
    };
    target.uri(Some(&called)).ok()
}

/// The URL that everything is posted to. A query of its own is the only thing that it may have more than a backend's.
fn fixed(url: &str, backend: &ForwardOptions) -> Result<(Target, Uri), ForwardError> {
    if url.contains('#') {
        return Err(ForwardError::Url("has a fragment"));
    }
    let base = url.split_once('?').map_or(url, |(base, _)| base);
    let target = Target::new(&ForwardOptions { url: base.to_owned(), ..backend.clone() })?;
    let uri = url.parse().map_err(|_| ForwardError::Url("is malformed"))?;
    Ok((target, uri))
}

fn unwell(problem: String) -> Attempt {
    Attempt::Failed { problem, retry_after: None, down: true }
}
