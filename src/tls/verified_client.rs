//! A caller after verification.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::pki::ClientIdentity;

/// The caller of a connection, after its certificate was verified against an epoch. Cheap to clone. In axum handlers it is
/// an extractor (see [`crate::http`]).
#[derive(Clone, Debug)]
pub struct VerifiedClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    environment: Arc<str>,
    identity: Arc<ClientIdentity>,
    chain: Arc<[CertificateDer<'static>]>,
    epoch: u64,
    peer: SocketAddr,
    tls: TlsFacts,
}

/// What was negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The IANA name of the cipher suite.
    pub cipher_suite: &'static str,
    /// Whether the session was resumed.
    pub resumed: bool,
    /// Whether the presented chain, or the one that the session restored, had been accepted before by the same epoch, byte for byte.
    pub remembered: bool,
    /// The server name that the client asked for, in lower case.
    pub server_name: Option<String>,
}

impl VerifiedClient {
    /// Joins what the handshake found out. Only a handshake, or a test, has all of this.
    #[must_use]
    pub fn new(
        environment: Arc<str>,
        identity: Arc<ClientIdentity>,
        chain: Arc<[CertificateDer<'static>]>,
        epoch: u64,
        peer: SocketAddr,
        tls: TlsFacts,
    ) -> Self {
        Self(Arc::new(Inner { environment, identity, chain, epoch, peer, tls }))
    }

    /// The environment that admitted the caller.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.0.environment
    }

    /// Who the caller is, from the leaf that it presented.
    #[must_use]
    pub fn identity(&self) -> &ClientIdentity {
        &self.0.identity
    }

    /// The chain as presented, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.chain
    }

    /// The number of the epoch that the caller was verified against.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// The caller's address: of the socket, or from the PROXY header.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// What was negotiated.
    #[must_use]
    pub fn tls(&self) -> &TlsFacts {
        &self.0.tls
    }
}
