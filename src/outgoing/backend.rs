//! What a backend is reached with, what can be wrong with it, and the client for it.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::client::{Client, Sent};
use super::connect::{ConnectError, ConnectOptions, Versions, connector};
use super::metered::Meter;
use crate::pki::{CertificateFacts, pem};

/// How to reach a backend.
#[derive(Clone, Debug)]
pub struct ForwardOptions {
    /// `http://` or `https://`, host, optional port, and an optional path that is put before every path.
    pub url: String,
    /// PEM certificates that the backend's certificate must chain to. They *replace* the public roots.
    pub ca_pem: Option<Vec<u8>>,
    /// What this server shows to a backend that asks for a client certificate.
    pub client_credential: Option<ClientCredentialPem>,
    /// Name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the request's start to the head of the response, and then between any two pieces of the response's body.
    pub response_timeout: Duration,
    /// Most idle connections that are kept.
    pub max_idle: usize,
    /// How long an idle connection is kept. Should be shorter than the backend's own.
    pub idle_timeout: Duration,
    /// HTTP/1.1 or HTTP/2.
    pub protocol: Protocol,
}

impl ForwardOptions {
    /// A backend at `url`, with the defaults of the configuration.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca_pem: None,
            client_credential: None,
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(30),
            max_idle: 64,
            idle_timeout: Duration::from_secs(30),
            protocol: Protocol::Auto,
        }
    }
}

impl ForwardOptions {
    /// A client for the backend, whose connections `meter` counts. Connects when the first request comes.
    ///
    /// # Errors
    /// [`ForwardError`] about TLS.
    pub(crate) fn client<B: Sent>(&self, https: bool, meter: Meter) -> Result<Client<B>, ForwardError> {
        Ok(Client::new(connector(self.connect_options(https)?, meter)?, self))
    }

    /// How the backend is connected to.
    ///
    /// # Errors
    /// [`ForwardError::TlsWithoutHttps`] when settings of TLS would be left unused.
    fn connect_options(&self, https: bool) -> Result<ConnectOptions<'_>, ForwardError> {
        if !https && (self.ca_pem.is_some() || self.client_credential.is_some()) {
            return Err(ForwardError::TlsWithoutHttps);
        }
        let credential = self.client_credential.as_ref();
        Ok(ConnectOptions {
            ca_pem: self.ca_pem.as_deref(),
            client_credential: credential.map(|credential| (credential.chain.as_slice(), credential.key.as_slice())),
            timeout: self.connect_timeout,
            versions: match self.protocol {
                Protocol::Auto => Versions::All,
                Protocol::Http1 => Versions::Http1,
                Protocol::Http2 => Versions::Http2,
            },
        })
    }

    /// What is shown to the backend.
    pub(crate) fn shown(&self) -> ShownChain {
        let Some(credential) = &self.client_credential else { return ShownChain::default() };
        let chain = pem::certificates(&credential.chain).unwrap_or_default();
        let facts = chain.iter().filter_map(|certificate| CertificateFacts::from_der(certificate).ok()).collect();
        ShownChain { file: credential.file.clone(), facts }
    }

    /// SHA-256 over all of it, so that it can be compared later without being kept: it holds a key.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let Self { connect_timeout, response_timeout, max_idle, idle_timeout, protocol, .. } = self;
        let times = format!("{connect_timeout:?} {response_timeout:?} {max_idle} {idle_timeout:?} {protocol:?}");
        let credential = self.client_credential.as_ref();
        digest_of(&[
            self.url.as_bytes(),
            &[u8::from(self.ca_pem.is_some()), u8::from(credential.is_some())],
            self.ca_pem.as_deref().unwrap_or_default(),
            credential.map_or(&[][..], |credential| &credential.chain),
            credential.map_or(&[][..], |credential| &credential.key),
            // What is told of the chain names it.
            credential
                .and_then(|credential| credential.file.as_deref())
                .map_or(&[][..], |file| file.as_os_str().as_bytes()),
            times.as_bytes(),
        ])
    }
}

/// SHA-256 over `parts`, each led by its length, so that no two lists of parts share an encoding.
pub(crate) fn digest_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// A client certificate chain and its key, in PEM. The key is not printed, and erased when dropped.
#[derive(Clone)]
pub struct ClientCredentialPem {
    /// Leaf first.
    pub chain: Vec<u8>,
    /// PKCS#8, SEC1 or PKCS#1.
    pub key: Zeroizing<Vec<u8>>,
    /// Where the chain was read, for whoever has to renew it.
    pub file: Option<PathBuf>,
}

/// The certificates that are shown to a backend, leaf first.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShownChain {
    /// Where they were read.
    pub(crate) file: Option<PathBuf>,
    pub(crate) facts: Vec<CertificateFacts>,
}

impl fmt::Debug for ClientCredentialPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentialPem").finish_non_exhaustive()
    }
}

/// The HTTP version that is spoken to a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What ALPN yields over https; HTTP/1.1 over http.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; over http with prior knowledge (RFC 9113 section 3.3).
    Http2,
}

/// Why a backend cannot be used as configured. The URL is not repeated, since it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The URL is not one, or of another kind.
    #[error("the backend url {0}; write it as http://HOST:PORT or https://HOST:PORT/OPTIONAL/PATH")]
    Url(&'static str),
    /// TLS settings that an http URL would leave unused.
    #[error("the backend url is http, so its CA and client certificate would not be used: use https or remove them")]
    TlsWithoutHttps,
    /// The CA file is not PEM.
    #[error("the CA certificates of the backend cannot be read: expected PEM blocks BEGIN CERTIFICATE")]
    CaPem(#[source] rustls_pki_types::pem::Error),
    /// The CA file holds no certificate. Going on with the public roots would trust whom nobody meant.
    #[error("the CA file of the backend holds no certificate: put the backend's CA there, or remove the setting")]
    NoCa,
    /// A certificate in the CA file is no trust anchor.
    #[error("certificate number {number} in the CA file of the backend cannot be a trust anchor")]
    Ca {
        /// Counted from one.
        number: usize,
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
    /// The client certificate file is not PEM.
    #[error("the client certificate for the backend cannot be read: expected PEM blocks BEGIN CERTIFICATE, leaf first")]
    ClientCertificatePem(#[source] rustls_pki_types::pem::Error),
    /// The client key file is not PEM.
    #[error(
        "the client key for the backend cannot be read: expected one PEM block BEGIN PRIVATE KEY, without a password"
    )]
    ClientKeyPem(#[source] rustls_pki_types::pem::Error),
    /// Certificate and key cannot be used together.
    #[error("the client certificate and key for the backend cannot be used: check that they belong together")]
    ClientCredential(#[source] rustls::Error),
    /// The crypto provider lacks what TLS needs.
    #[error("TLS for the backend cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl From<ConnectError> for ForwardError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::CaPem(source) => Self::CaPem(source),
            ConnectError::NoCa => Self::NoCa,
            ConnectError::Ca { number, source } => Self::Ca { number, source },
            ConnectError::ClientCertificatePem(source) => Self::ClientCertificatePem(source),
            ConnectError::ClientKeyPem(source) => Self::ClientKeyPem(source),
            ConnectError::ClientCredential(source) => Self::ClientCredential(source),
            ConnectError::Tls(source) => Self::Tls(source),
        }
    }
}
