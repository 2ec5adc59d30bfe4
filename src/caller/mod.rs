//! A caller of an ISSUER_HOST, or of Thales: TCP, TLS with a client certificate, HTTP/1.1 or HTTP/2, and what was seen on the way.
//!
//! What the toolkit's commands share. The server's own calls to backends are in `outgoing`.

pub mod addresses;
mod connection;
pub mod credential;
pub mod failure;
pub mod inspection;
pub mod load;
mod overheard;
pub mod resolution;
mod tls;
pub mod trust;
mod verifier;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig, ProtocolVersion};

pub use connection::{Answer, Connection, LONGEST_ANSWER, Seen};
pub use credential::ClientCredential;
pub use failure::{Failure, Stage};
pub use tls::{TlsVersions, Wanted};
pub use trust::ServerTrust;
pub use verifier::Presented;

/// How a server is called.
#[derive(Clone, Debug)]
pub struct CallerOptions {
    /// Where to connect to.
    pub address: SocketAddr,
    /// The name for SNI, for the server's certificate, and for `Host`.
    pub server_name: ServerName<'static>,
    /// Whom the server's certificate has to come from.
    pub trust: ServerTrust,
    /// What is shown to a server that asks.
    pub credential: Option<ClientCredential>,
    /// The versions that are offered.
    pub versions: TlsVersions,
    /// The protocols that are offered (ALPN, RFC 7301).
    pub http: Http,
    /// Whether sessions are kept and offered again.
    pub resumption: bool,
    /// How long TCP and TLS may take together.
    pub connect_timeout: Duration,
}

impl CallerOptions {
    /// Both versions, both protocols, no resumption, no client certificate, ten seconds.
    #[must_use]
    pub fn new(address: SocketAddr, server_name: ServerName<'static>, trust: ServerTrust) -> Self {
        Self {
            address,
            server_name,
            trust,
            credential: None,
            versions: TlsVersions::Both,
            http: Http::Either,
            resumption: false,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// Which protocol is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Http {
    /// HTTP/2 and HTTP/1.1, as the server chooses.
    #[default]
    Either,
    /// HTTP/1.1 alone.
    V1,
    /// HTTP/2 alone.
    V2,
}

/// A caller of one server. Clones share their sessions.
#[derive(Clone, Debug)]
pub struct Caller {
    options: CallerOptions,
    config: Arc<ClientConfig>,
    wanted: Wanted,
    presented: Presented,
}

impl Caller {
    /// Puts a TLS client together.
    ///
    /// # Errors
    /// When certificates or key are of no use to TLS.
    pub fn new(options: CallerOptions) -> Result<Self, CallerError> {
        let (mut config, wanted, presented) = tls::config(&options)?;
        config.resumption = if options.resumption { Resumption::default() } else { Resumption::disabled() };
        Ok(Self { options, config: Arc::new(config), wanted, presented })
    }

    /// How it calls.
    #[must_use]
    pub fn options(&self) -> &CallerOptions {
        &self.options
    }

    /// The TLS configuration, for whoever drives connections itself.
    #[must_use]
    pub fn tls_config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Whether the server has asked for a client certificate, and of which CAs, when a connection was made last.
    #[must_use]
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The chain that the server sent when a connection was tried last, even where that came to nothing.
    #[must_use]
    pub fn presented(&self) -> &Presented {
        &self.presented
    }

    /// A new connection: TCP, TLS, HTTP.
    ///
    /// # Errors
    /// [`Failure`]. A server that speaks TLS 1.3 may refuse a client after this: then sending tells.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(self).await
    }
}

/// Why no TLS client can be made of what was given.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// A certificate to trust that TLS cannot use, or none at all.
    #[error("the certificates that the server is trusted by cannot be used: {0}")]
    Trust(String),
    /// Client certificate and key.
    #[error("the client certificate cannot be used: {0}")]
    Credential(String),
    /// What else rustls refuses.
    #[error("no TLS client can be made: {0}")]
    Tls(#[from] rustls::Error),
}

/// `TLS 1.3`
#[must_use]
pub fn version_name(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

/// A suite as IANA writes it: `TLS_AES_256_GCM_SHA384`.
#[must_use]
pub fn suite_name(suite: CipherSuite) -> String {
    // rustls writes TLS13_AES_..., IANA TLS_AES_...
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}
