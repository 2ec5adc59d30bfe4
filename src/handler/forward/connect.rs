//! Connections to a backend: name, TCP and TLS under one deadline.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tower::{BoxError, Service};

use super::options::{ClientCredentialPem, ForwardError, ForwardOptions, Protocol};

/// What the client of a backend connects with.
pub(super) type Connector = WithDeadline<HttpsConnector<HttpConnector>>;

/// Between TCP probes on a connection with nothing on its way, so that a backend that vanished is noticed.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// A connector for `options`.
///
/// # Errors
/// [`ForwardError`] about the CA certificates or the client credential.
pub(super) fn connector(options: &ForwardOptions, https: bool) -> Result<Connector, ForwardError> {
    if !https && (options.ca_pem.is_some() || options.client_credential.is_some()) {
        return Err(ForwardError::TlsWithoutHttps);
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(TCP_KEEPALIVE));
    // Shared by the addresses of a name, so that a dead one leaves time for the next.
    tcp.set_connect_timeout(Some(options.connect_timeout));
    let builder = HttpsConnectorBuilder::new().with_tls_config(client_config(options)?).https_or_http();
    let inner = match options.protocol {
        Protocol::Auto => builder.enable_all_versions().wrap_connector(tcp),
        Protocol::Http1 => builder.enable_http1().wrap_connector(tcp),
        Protocol::Http2 => builder.enable_http2().wrap_connector(tcp),
    };
    Ok(WithDeadline { inner, after: options.connect_timeout })
}

fn client_config(options: &ForwardOptions) -> Result<ClientConfig, ForwardError> {
    let builder = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(ForwardError::Tls)?
        .with_root_certificates(roots(options.ca_pem.as_deref())?);
    match &options.client_credential {
        None => Ok(builder.with_no_client_auth()),
        Some(ClientCredentialPem { chain, key }) => {
            let chain = certificates(chain).map_err(ForwardError::ClientCertificatePem)?;
            let key = PrivateKeyDer::from_pem_slice(key).map_err(ForwardError::ClientKeyPem)?;
            builder.with_client_auth_cert(chain, key).map_err(ForwardError::ClientCredential)
        }
    }
}

fn roots(ca_pem: Option<&[u8]>) -> Result<RootCertStore, ForwardError> {
    let mut roots = RootCertStore::empty();
    let Some(pem) = ca_pem else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    for (index, certificate) in certificates(pem).map_err(ForwardError::CaPem)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|source| ForwardError::Ca { number: index + 1, source })?;
    }
    if roots.is_empty() { Err(ForwardError::NoCa) } else { Ok(roots) }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls_pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// Ends an attempt to connect that takes too long, TLS included.
#[derive(Clone, Debug)]
pub(super) struct WithDeadline<C> {
    inner: C,
    after: Duration,
}

impl<C> Service<Uri> for WithDeadline<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let attempt = tokio::time::timeout(self.after, self.inner.call(uri));
        Box::pin(async move { attempt.await?.map_err(Into::into) })
    }
}
