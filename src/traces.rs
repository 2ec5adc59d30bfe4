//! Traces: spans of calls and deliveries, sent to a collector over OTLP/HTTP.
//!
//! ```text
//! context   where a request stands in its trace (W3C Trace Context)
//! tracer    begins spans, decides which traces are recorded (ratio), and queues what has ended
//! span      a piece of work
//! export    takes them out of the queue to the collector, as wire writes them
//! ```
//!
//! A build without the feature `otlp` has all of it but the wire, and nothing that begins a span.

mod context;
mod export;
mod ratio;
mod span;
#[cfg(test)]
pub(crate) mod testing;
mod tracer;
#[cfg(feature = "otlp")]
mod wire;
#[cfg(not(feature = "otlp"))]
#[path = "traces/no_wire.rs"]
mod wire;

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use context::{TraceContext, TraceId};
pub use ratio::Ratio;
pub(crate) use span::{Kind, Span};
pub(crate) use tracer::Hop;
pub use tracer::Tracer;

use crate::metrics::TraceMetrics;
use crate::outgoing::HttpsFetch;
use crate::outgoing::connect::ConnectError;
use export::{Exporter, WAITING};

/// Whether this build can send traces: it was built with the feature `otlp`.
pub const BUILT_IN: bool = cfg!(feature = "otlp");

/// What OTLP adds to the URL of a collector.
const PATH: &str = "/v1/traces";

/// Where spans go, and which there are.
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// `http://` or `https://`, host, optional port and path: `/v1/traces` is added to it.
    pub otlp_url: String,
    /// PEM certificates that the collector's certificate must chain to. They *replace* the public roots.
    pub ca_pem: Option<Vec<u8>>,
    /// Which part of calls is recorded.
    pub sample: Ratio,
    /// The name of the service that spans are from.
    pub service_name: String,
}

impl TraceOptions {
    /// All calls, to the collector at `otlp_url`, under the name of the configuration's default.
    pub fn new(otlp_url: impl Into<String>) -> Self {
        Self { otlp_url: otlp_url.into(), ca_pem: None, sample: Ratio::ALL, service_name: "issuer-host".to_owned() }
    }

    /// Whether spans can be sent so.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn check(&self) -> Result<(), TraceError> {
        self.collector().map(drop)
    }

    fn collector(&self) -> Result<(HttpsFetch, Uri), TraceError> {
        if !BUILT_IN {
            return Err(TraceError::NotBuilt);
        }
        let url: Uri = format!("{}{PATH}", self.otlp_url.trim_end_matches('/')).parse().map_err(|_| TraceError::Url)?;
        let whole = url.host().is_some_and(|host| !host.is_empty()) && url.query().is_none();
        let plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !whole || !plain || self.otlp_url.contains('#') {
            return Err(TraceError::Url);
        }
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if self.ca_pem.is_none() => {}
            Some("http") => return Err(TraceError::TlsWithoutHttps),
            _ => return Err(TraceError::Url),
        }
        Ok((HttpsFetch::new(self.ca_pem.as_deref())?, url))
    }
}

/// Why traces cannot be sent so.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The feature is missing.
    #[error(
        "this program was built without traces: take the setting out, or build it with --features otlp, as the container image is"
    )]
    NotBuilt,
    /// The URL is not one, or of another kind. It is not repeated, since it may hold a password.
    #[error("the url of the collector is not one: write it as http://HOST:PORT or https://HOST:PORT/OPTIONAL/PATH")]
    Url,
    /// A CA that an http URL would leave unused.
    #[error("the url of the collector is http, so the CA would not be used: use https or remove it")]
    TlsWithoutHttps,
    /// The CA certificates cannot be used.
    #[error(transparent)]
    Ca(#[from] ConnectError),
}

/// The task that sends spans. Dropped, it ends at once, and what it has is lost.
#[derive(Debug)]
pub(crate) struct Traces {
    tracer: Tracer,
    end: CancellationToken,
    exporting: AbortOnDropHandle<()>,
}

impl Traces {
    /// Begins to send spans, on the current runtime.
    ///
    /// # Errors
    /// [`TraceError`].
    pub(crate) fn start(options: TraceOptions, metrics: TraceMetrics) -> Result<Self, TraceError> {
        let (collector, url) = options.collector()?;
        let (sender, ended) = mpsc::channel(WAITING);
        let (crowded_out, end) = (Arc::default(), CancellationToken::new());
        let tracer = Tracer::new(sender, options.sample, metrics.clone(), Arc::clone(&crowded_out));
        let exporter = Exporter {
            collector,
            url,
            service_name: options.service_name,
            ended,
            crowded_out,
            metrics,
            end: end.clone(),
            losing: None,
        };
        Ok(Self { tracer, end, exporting: AbortOnDropHandle::new(tokio::spawn(exporter.run())) })
    }

    /// What opens spans.
    pub(crate) const fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Sends what there is, within this time, and ends.
    pub(crate) async fn stop(self, within: Duration) {
        self.end.cancel();
        // What has not gone out by then is lost.
        let _ = tokio::time::timeout(within, self.exporting).await;
    }
}

#[cfg(all(test, feature = "otlp"))]
mod tests {
    use super::*;

    fn checked(url: &str, ca_pem: Option<&str>) -> Result<String, TraceError> {
        let options = TraceOptions { ca_pem: ca_pem.map(|pem| pem.as_bytes().to_vec()), ..TraceOptions::new(url) };
        options.collector().map(|(_, url)| url.to_string())
    }

    #[test]
    fn the_path_of_otlp_is_added_to_the_url() {
        for (url, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector.internal/base/", "https://collector.internal/base/v1/traces"),
        ] {
            assert_eq!(checked(url, None).unwrap(), expected);
        }
    }

    #[test]
    fn a_url_that_is_none_is_refused_and_not_repeated() {
        for url in ["", "collector:4318", "ftp://collector", "http://", "http://collector?x=1", "http://collector#x"] {
            assert!(matches!(checked(url, None), Err(TraceError::Url)), "{url}");
        }
        let error = checked("https://user:hunter2@collector", None).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_ca_needs_https_and_a_certificate() {
        assert!(matches!(checked("http://collector", Some("")), Err(TraceError::TlsWithoutHttps)));
        assert!(matches!(checked("https://collector", Some("")), Err(TraceError::Ca(ConnectError::NoCa))));
    }
}
