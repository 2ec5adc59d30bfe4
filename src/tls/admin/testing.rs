//! An admin listener's certificates, and handshakes with it, for tests.

use rustls::client::ClientConfig;
use rustls::{RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::io::DuplexStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::pki::minting::{Minted, ca, client, server};

const HOST: &str = "admin.bank.test";

/// The certificate that a listener shows, and who issued it.
pub(crate) struct Place {
    servers: Minted,
    pub(crate) server: Minted,
}

/// A CA for administrators.
pub(crate) fn authority(name: &str) -> Minted {
    Minted::self_signed(ca(name))
}

/// The certificate of somebody whom it knows.
pub(crate) fn issued_by(authority: &Minted) -> Minted {
    authority.issue(client("somebody"))
}

impl Place {
    pub(crate) fn new() -> Self {
        let servers = Minted::self_signed(ca("servers"));
        let server = servers.issue(server(HOST, &[HOST]));
        Self { servers, server }
    }

    /// TLS by which it takes certificates of `authority`.
    pub(crate) fn tls(&self, authority: Option<&Minted>) -> AdminTls {
        AdminTls::new(self.texts(authority), crate::tls::now()).unwrap()
    }

    pub(crate) fn texts<'a>(&'a self, authority: Option<&'a Minted>) -> AdminTlsTexts<'a> {
        AdminTlsTexts {
            certificate_chain: self.server.pem.as_bytes(),
            private_key: self.server.key_pem.as_bytes(),
            client_ca: authority.map(|authority| authority.pem.as_bytes()),
        }
    }

    /// A client that speaks these versions, and shows `somebody` where it is asked.
    pub(crate) fn client(
        &self,
        somebody: Option<&Minted>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.servers.der.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(server_config::provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let key = |minted: &Minted| PrivateKeyDer::from_pem_slice(minted.key_pem.as_bytes()).unwrap();
        match somebody {
            Some(minted) => builder.with_client_auth_cert(vec![minted.der.clone()], key(minted)).unwrap(),
            None => builder.with_no_client_auth(),
        }
    }

    /// The certificate that a handshake of `somebody` leaves with the listener.
    pub(crate) async fn shown(&self, tls: &AdminTls, somebody: &Minted) -> Option<AdminCertificate> {
        let config = Arc::new(self.client(Some(somebody), &[&rustls::version::TLS13]));
        handshake(tls, config).await.0.unwrap().1
    }
}

/// What a handshake comes to on both sides.
pub(crate) async fn handshake(
    tls: &AdminTls,
    client: Arc<ClientConfig>,
) -> (
    io::Result<(TlsStream<DuplexStream>, Option<AdminCertificate>)>,
    io::Result<tokio_rustls::client::TlsStream<DuplexStream>>,
) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connecting = TlsConnector::from(client).connect(HOST.try_into().unwrap(), far);
    tokio::join!(tls.accept(near), connecting)
}
