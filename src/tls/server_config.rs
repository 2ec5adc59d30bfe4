//! The only place where a rustls `ServerConfig` is built.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ServerConfig, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};

use super::client_verifier::ClientVerifier;
use super::judge::Judge;
use super::session::SessionKeys;
use crate::pki::ServerCredential;

/// What is spoken on a connection, most wanted first (RFC 7301).
const ALPN_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A configuration for one epoch, from nothing: it shares no session state with any other, so that no session outlives the
/// trust that it was opened under.
///
/// # Errors
/// What rustls refuses; material that has passed its own checks gives it no reason to.
pub(super) fn build(
    credential: &ServerCredential,
    judge: Arc<Judge>,
    sessions: Option<Arc<SessionKeys>>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = without_sessions(credential, Arc::new(ClientVerifier::demanding(judge)))?;
    config.alpn_protocols = ALPN_PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    if let Some(sessions) = sessions {
        config.send_tls13_tickets = 1;
        config.ticketer = sessions;
    }
    Ok(Arc::new(config))
}

/// A configuration for the admin listener. A certificate that is shown has to be one that `judge` takes; without a judge, none is
/// asked for. No session is resumed, so that each connection is judged anew.
///
/// # Errors
/// What rustls refuses; material that has passed its own checks gives it no reason to.
pub(super) fn build_admin(
    credential: &ServerCredential,
    judge: Option<Arc<Judge>>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = match judge {
        Some(judge) => without_sessions(credential, Arc::new(ClientVerifier::inviting(judge)))?,
        None => without_sessions(credential, WebPkiClientVerifier::no_client_auth())?,
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What all configurations have in common. Nothing is stored, and no early data is taken: rustls' own default would be a store of 256
/// sessions, and two tickets.
fn without_sessions(
    credential: &ServerCredential,
    verifier: Arc<dyn ClientCertVerifier>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(credential.certified_key())));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.ignore_client_order = true;
    Ok(config)
}

/// The one crypto provider: forward-secret AEAD suites alone (there are no others in rustls, and this list keeps it so), the
/// hybrid post-quantum group first. AES-128 with SHA-256 before AES-256 with SHA-384: both are beyond reach, and the key schedule
/// hashes all the time, which many processors have instructions for with SHA-256 alone.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| {
        Arc::new(CryptoProvider {
            cipher_suites: vec![
                cipher_suite::TLS13_AES_128_GCM_SHA256,
                cipher_suite::TLS13_AES_256_GCM_SHA384,
                cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
                cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            ],
            kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1],
            ..aws_lc_rs::default_provider()
        })
    }))
}
