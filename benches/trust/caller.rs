//! The calling side.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Error;
use crate::pki::{HOST, Identity};

/// A caller with a session store of its own. All callers are held to one suite, AES-256-GCM with SHA-384, and to X25519.
pub(crate) fn caller(
    identity: &Identity,
    server_root_pem: &str,
    version: &'static SupportedProtocolVersion,
) -> Result<ClientConfig, Error> {
    let provider = CryptoProvider {
        cipher_suites: vec![
            aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
            aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        ],
        // P-256 is here for TLS 1.2, where the list also says which curves a server certificate may use; it is not chosen.
        kx_groups: vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1],
        ..aws_lc_rs::default_provider()
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server_root_pem.as_bytes())?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])?
        .with_root_certificates(roots)
        .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?;
    Ok(with_new_store(&config))
}

/// The same caller without any session of before.
pub(crate) fn with_new_store(config: &ClientConfig) -> ClientConfig {
    let mut config = config.clone();
    config.resumption = Resumption::in_memory_sessions(8);
    config
}

pub(crate) async fn connect(config: Arc<ClientConfig>, address: SocketAddr) -> Result<TlsStream<TcpStream>, Error> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(TlsConnector::from(config).connect(ServerName::try_from(HOST)?, socket).await?)
}

/// A handshake, then goodbye; read to the end, so that a refusal is seen and a ticket is kept.
pub(crate) async fn visit(
    config: Arc<ClientConfig>,
    address: SocketAddr,
    expected: HandshakeKind,
) -> Result<(), Error> {
    let mut stream = connect(config, address).await?;
    let kind = stream.get_ref().1.handshake_kind();
    if kind != Some(expected) {
        return Err(format!("the handshake was {kind:?}, not {expected:?}").into());
    }
    stream.shutdown().await?;
    match stream.read_to_end(&mut Vec::new()).await {
        Ok(_) => Ok(()),
        // FIN without close_notify.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A request over `stream`, which stays open.
pub(crate) async fn request(stream: &mut TlsStream<TcpStream>) -> Result<(), Error> {
    stream.write_all(format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n").as_bytes()).await?;
    let (mut answer, mut scratch) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"hello\n") {
        let read = stream.read(&mut scratch).await?;
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        answer.extend_from_slice(scratch.get(..read).unwrap_or_default());
    }
    if answer.starts_with(b"HTTP/1.1 200 ") { Ok(()) } else { Err("the server did not answer 200".into()) }
}
