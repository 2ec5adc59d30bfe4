//! One TLS handshake, driven by hand: what was seen of the server is known even where it refuses in the middle.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CipherSuite, SupportedCipherSuite};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::InspectionOptions;
use crate::caller::verifier::verifier;
use crate::caller::{Failure, ServerTrust, Stage, TlsVersions};

/// What a handshake offers.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) versions: TlsVersions,
    /// `None` = all.
    pub(super) suites: Option<Vec<SupportedCipherSuite>>,
    /// `None` = all.
    pub(super) groups: Option<Vec<&'static dyn SupportedKxGroup>>,
    /// ALPN; empty = the extension is not sent.
    pub(super) protocols: Vec<Vec<u8>>,
    pub(super) name: Name,
}

/// Which name is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// The server's.
    Own,
    /// Another one.
    Other(ServerName<'static>),
    /// None: SNI is not sent.
    Unsaid,
}

impl Offer {
    /// Everything of these versions, without ALPN.
    pub(super) fn of(versions: TlsVersions) -> Self {
        Self { versions, suites: None, groups: None, protocols: Vec::new(), name: Name::Own }
    }
}

/// What was seen of a server, without a client certificate.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) suite: Option<CipherSuite>,
    pub(super) protocol: Option<String>,
    /// As it was sent, leaf first; empty where the server ended it before.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Why the handshake ended early.
    pub(super) failure: Option<Failure>,
}

impl Visit {
    /// Whether the server took the offer: it showed its certificate, whatever it made of the client afterwards.
    pub(super) fn is_answered(&self) -> bool {
        !self.chain.is_empty()
    }
}

/// One handshake over a connection of its own; nothing is sent after it.
///
/// # Errors
/// [`Failure`] where there is no connection, or no TLS client can be made: what the server does in the handshake is in the result.
pub(super) async fn visit(options: &InspectionOptions, offer: Offer) -> Result<Visit, Failure> {
    let name = match &offer.name {
        Name::Own | Name::Unsaid => options.server_name.clone(),
        Name::Other(name) => name.clone(),
    };
    let unusable =
        |error: &dyn std::fmt::Display| Failure::Broken { stage: Stage::Handshake, problem: error.to_string() };
    let config = config(offer).map_err(|error| unusable(&error))?;
    let mut client = ClientConnection::new(Arc::new(config), name).map_err(|error| unusable(&error))?;
    let mut socket = timeout(options.patience, TcpStream::connect(options.address))
        .await
        .map_err(|_| Failure::TimedOut { stage: Stage::Connecting, after: options.patience })?
        .map_err(Failure::Unreachable)?;
    let failure = driven(&mut client, &mut socket, options.patience).await.err();
    Ok(Visit {
        suite: client.negotiated_cipher_suite().map(|suite| suite.suite()),
        protocol: client.alpn_protocol().map(crate::pki::distinguished_name::printable),
        chain: client.peer_certificates().unwrap_or_default().iter().map(|der| der.clone().into_owned()).collect(),
        failure,
    })
}

async fn driven(client: &mut ClientConnection, socket: &mut TcpStream, patience: Duration) -> Result<(), Failure> {
    let handshake = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            while client.wants_write() {
                let mut flight = Vec::new();
                client.write_tls(&mut flight)?;
                socket.write_all(&flight).await?;
            }
            if !client.is_handshaking() {
                return Ok(());
            }
            let count = socket.read(&mut buffer).await?;
            // At the end of the stream rustls says itself what that means.
            let mut received = buffer.get(..count).unwrap_or_default();
            loop {
                let read = client.read_tls(&mut received)?;
                client.process_new_packets().map_err(std::io::Error::other)?;
                if read == 0 || received.is_empty() {
                    break;
                }
            }
            if count == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
            }
        }
    };
    match timeout(patience, handshake).await {
        Ok(ended) => ended.map_err(|error| Failure::of(Stage::Handshake, &error)),
        Err(_) => Err(Failure::TimedOut { stage: Stage::Handshake, after: patience }),
    }
}

fn config(offer: Offer) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let usual = crate::tls::provider();
    let provider = CryptoProvider {
        cipher_suites: offer.suites.unwrap_or_else(|| usual.cipher_suites.clone()),
        kx_groups: offer.groups.unwrap_or_else(|| usual.kx_groups.clone()),
        ..usual.as_ref().clone()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&offer.versions.list())?
        .dangerous()
        .with_custom_certificate_verifier(verifier(ServerTrust::Anybody.chain_judge()?))
        .with_no_client_auth();
    config.alpn_protocols = offer.protocols;
    config.enable_sni = offer.name != Name::Unsaid;
    config.resumption = Resumption::disabled();
    Ok(config)
}
