//! Name, TCP and TLS under one deadline, with the public roots or a CA of the operator's.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tower::{BoxError, Service};

use super::metered::{Meter, Metered};
use crate::metrics::ConnectOutcome;

/// What a client connects with.
pub(crate) type Connector = WithDeadline<HttpsConnector<HttpConnector>>;

/// What a connector yields.
pub(super) type Socket = <Connector as Service<Uri>>::Response;

/// Between TCP probes on a connection with nothing on its way, so that a peer that vanished is noticed.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// How to connect.
#[derive(Clone, Copy)]
pub(crate) struct ConnectOptions<'a> {
    /// PEM certificates that *replace* the public roots.
    pub(crate) ca_pem: Option<&'a [u8]>,
    /// Chain and key that are shown to who asks for a client certificate, both in PEM.
    pub(crate) client_credential: Option<(&'a [u8], &'a [u8])>,
    /// Name resolution, TCP and TLS together.
    pub(crate) timeout: Duration,
    /// What is offered.
    pub(crate) versions: Versions,
}

/// The HTTP versions that are offered.
#[derive(Clone, Copy)]
pub(crate) enum Versions {
    /// HTTP/2 and HTTP/1.1 by ALPN.
    All,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Why nobody could be connected to with such options.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The CA certificates are not PEM.
    #[error("the CA certificates cannot be read: expected PEM blocks BEGIN CERTIFICATE")]
    CaPem(#[source] pem::Error),
    /// There is no CA certificate in them. Going on with the public roots would trust whom nobody meant.
    #[error("the CA file holds no certificate: put a CA there, or remove the setting")]
    NoCa,
    /// One of them is no trust anchor.
    #[error("certificate number {number} in the CA file cannot be a trust anchor")]
    Ca {
        /// Counted from one.
        number: usize,
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
    /// The client certificates are not PEM.
    #[error("the client certificate cannot be read: expected PEM blocks BEGIN CERTIFICATE, leaf first")]
    ClientCertificatePem(#[source] pem::Error),
    /// The client key is not PEM.
    #[error("the client key cannot be read: expected one PEM block BEGIN PRIVATE KEY, without a password")]
    ClientKeyPem(#[source] pem::Error),
    /// Client certificate and key cannot be used together.
    #[error("the client certificate and key cannot be used: check that they belong together")]
    ClientCredential(#[source] rustls::Error),
    /// The crypto provider lacks what TLS needs.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// A connector for http and https, whose connections `meter` counts.
///
/// # Errors
/// [`ConnectError`] about the CA certificates or the client credential.
pub(crate) fn connector(options: ConnectOptions<'_>, meter: Meter) -> Result<Connector, ConnectError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(TCP_KEEPALIVE));
    // Shared by the addresses of a name, so that a dead one leaves time for the next.
    tcp.set_connect_timeout(Some(options.timeout));
    let builder = HttpsConnectorBuilder::new().with_tls_config(client_config(options)?).https_or_http();
    let inner = match options.versions {
        Versions::All => builder.enable_all_versions().wrap_connector(tcp),
        Versions::Http1 => builder.enable_http1().wrap_connector(tcp),
        Versions::Http2 => builder.enable_http2().wrap_connector(tcp),
    };
    Ok(WithDeadline { inner, after: options.timeout, meter })
}

/// TLS as a client, without ALPN. `timeout` and `versions` do not matter here.
///
/// # Errors
/// [`ConnectError`] about the CA certificates or the client credential.
pub(crate) fn client_config(options: ConnectOptions<'_>) -> Result<ClientConfig, ConnectError> {
    let builder = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(ConnectError::Tls)?
        .with_root_certificates(roots(options.ca_pem)?);
    match options.client_credential {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let chain = certificates(chain).map_err(ConnectError::ClientCertificatePem)?;
            let key = PrivateKeyDer::from_pem_slice(key).map_err(ConnectError::ClientKeyPem)?;
            builder.with_client_auth_cert(chain, key).map_err(ConnectError::ClientCredential)
        }
    }
}

fn roots(ca_pem: Option<&[u8]>) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    let Some(pem) = ca_pem else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    for (index, certificate) in certificates(pem).map_err(ConnectError::CaPem)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|source| ConnectError::Ca { number: index + 1, source })?;
    }
    if roots.is_empty() { Err(ConnectError::NoCa) } else { Ok(roots) }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// Ends an attempt to connect that takes too long, TLS included, and counts how attempts end.
#[derive(Clone, Debug)]
pub(crate) struct WithDeadline<C> {
    inner: C,
    after: Duration,
    meter: Meter,
}

impl<C> Service<Uri> for WithDeadline<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = Metered<C::Response>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Metered<C::Response>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let attempt = tokio::time::timeout(self.after, self.inner.call(uri));
        let meter = self.meter.clone();
        Box::pin(async move {
            let outcome = attempt.await;
            meter.connect_ended(match &outcome {
                Ok(Ok(_)) => ConnectOutcome::Connected,
                Ok(Err(_)) => ConnectOutcome::Failed,
                Err(_) => ConnectOutcome::Timeout,
            });
            outcome?.map(|connection| meter.opened(connection)).map_err(Into::into)
        })
    }
}
