//! Fetches and posts small documents: one request, no redirects, a bounded answer.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response, Uri, request};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::causes;
use super::connect::{ConnectError, ConnectOptions, Connector, Versions, connector};
use super::metered::Meter;

/// Who fetches documents: [`HttpsFetch`], or a stand-in in tests and in programs that have a client of their own.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// The answer to a GET of `url`, whatever its status. Redirects must not be followed. How long it takes is bounded by the
    /// caller, who drops the future.
    ///
    /// # Errors
    /// [`FetchError`] when there is no answer, or one with more than `max_body` bytes.
    fn get(&self, url: Uri, max_body: usize) -> BoxFuture<'static, Result<Response<Bytes>, FetchError>>;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection, or it broke before the answer was there.
    #[error("no answer: {0}")]
    Exchange(String),
    /// The document is larger than it may be.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

/// How long name, TCP and TLS may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Documents that are fetched are minutes apart, so that a connection is not kept until the next one; those that are posted, a second.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// A client for https, and for http where that is asked for.
#[derive(Clone, Debug)]
pub struct HttpsFetch {
    client: Client<Connector, Full<Bytes>>,
}

impl HttpsFetch {
    /// Trusts the public roots, or the certificates in `ca_pem` instead.
    ///
    /// # Errors
    /// [`ConnectError`] when the certificates cannot be used.
    pub fn new(ca_pem: Option<&[u8]>) -> Result<Self, ConnectError> {
        let options =
            ConnectOptions { ca_pem, client_credential: None, timeout: CONNECT_TIMEOUT, versions: Versions::All };
        let connector = connector(options, Meter::default())?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(1)
            .build(connector);
        Ok(Self { client })
    }
}

impl HttpsFetch {
    /// The answer to a POST of `document` to `url`, under the same conditions as [`Fetch::get`].
    pub(crate) async fn post(
        &self,
        url: Uri,
        content_type: HeaderValue,
        document: Bytes,
        max_body: usize,
    ) -> Result<Response<Bytes>, FetchError> {
        let request = Request::post(url).header(CONTENT_TYPE, content_type);
        answer(self.client.clone(), request, document, max_body).await
    }
}

impl Fetch for HttpsFetch {
    fn get(&self, url: Uri, max_body: usize) -> BoxFuture<'static, Result<Response<Bytes>, FetchError>> {
        let request = Request::get(url).header(ACCEPT, "application/json");
        answer(self.client.clone(), request, Bytes::new(), max_body).boxed()
    }
}

async fn answer(
    client: Client<Connector, Full<Bytes>>,
    request: request::Builder,
    document: Bytes,
    max_body: usize,
) -> Result<Response<Bytes>, FetchError> {
    let request = request
        .header(USER_AGENT, concat!("issuer-host/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(document))
        .map_err(|error| FetchError::Exchange(error.to_string()))?;
    let (parts, body) =
        client.request(request).await.map_err(|error| FetchError::Exchange(causes(&error)))?.into_parts();
    let body = Limited::new(body, max_body).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            FetchError::TooLarge(max_body)
        } else {
            FetchError::Exchange(error.to_string())
        }
    })?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::response::Redirect;
    use axum::routing::{get, post};
    use http::HeaderMap;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::ServerConfig;
    use rustls_pki_types::PrivateKeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A server of http, or of https with a certificate of its own, and its URL.
    async fn serve(router: Router, tls: Option<ServerConfig>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let service = hyper_util::service::TowerToHyperService::new(router.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    let http1 = hyper::server::conn::http1::Builder::new();
                    match tls {
                        None => drop(http1.serve_connection(hyper_util::rt::TokioIo::new(socket), service).await),
                        Some(tls) => {
                            let Ok(socket) = tls.accept(socket).await else { return };
                            drop(http1.serve_connection(hyper_util::rt::TokioIo::new(socket), service).await);
                        }
                    }
                });
            }
        });
        url
    }

    fn router() -> Router {
        Router::new()
            .route("/keys", get(|| async { ([("cache-control", "max-age=7")], "0123456789") }))
            .route(
                "/echo",
                post(
                    |headers: HeaderMap, body: Bytes| async move { format!("{:?} {body:?}", headers["content-type"]) },
                ),
            )
            .route("/moved", get(|| async { Redirect::temporary("/keys") }))
    }

    async fn fetched(fetch: &HttpsFetch, url: String, max_body: usize) -> Result<Response<Bytes>, FetchError> {
        fetch.get(url.parse().unwrap(), max_body).await
    }

    #[tokio::test]
    async fn a_document_comes_with_its_headers_as_far_as_it_is_not_too_large() {
        let url = serve(router(), None).await;
        let fetch = HttpsFetch::new(None).unwrap();
        let answer = fetched(&fetch, format!("{url}/keys"), 10).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"0123456789"[..]));
        assert_eq!(answer.headers()["cache-control"], "max-age=7");
        assert!(matches!(fetched(&fetch, format!("{url}/keys"), 9).await, Err(FetchError::TooLarge(9))));
    }

    #[tokio::test]
    async fn a_document_is_posted_with_its_type() {
        let url = format!("{}/echo", serve(router(), None).await).parse().unwrap();
        let (kind, document) = (HeaderValue::from_static("text/plain"), Bytes::from_static(b"spans"));
        let answer = HttpsFetch::new(None).unwrap().post(url, kind, document, 100).await.unwrap();
        assert_eq!(answer.body(), "\"text/plain\" b\"spans\"");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let url = serve(router(), None).await;
        let answer = fetched(&HttpsFetch::new(None).unwrap(), format!("{url}/moved"), 10).await.unwrap();
        assert_eq!(answer.status(), 307);
    }

    #[tokio::test]
    async fn only_a_server_of_the_ca_that_was_given_is_listened_to() {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        let tls = ServerConfig::builder_with_provider(crate::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let url = format!("{}/keys", serve(router(), Some(tls)).await);
        let trusting = HttpsFetch::new(Some(certificate.pem().as_bytes())).unwrap();
        assert_eq!(fetched(&trusting, url.clone(), 10).await.unwrap().status(), 200);
        let public = HttpsFetch::new(None).unwrap();
        assert!(matches!(fetched(&public, url, 10).await, Err(FetchError::Exchange(_))));
        assert!(matches!(HttpsFetch::new(Some(b"nothing")), Err(ConnectError::NoCa)));
    }
}
