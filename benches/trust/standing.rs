//! What each request pays for asking its connection's standing.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use issuer_host::pki::RevocationMode;
use issuer_host::pki::trust_anchors::AnchorRules;
use issuer_host::tls::handshake::{HasTls, handshake};
use issuer_host::tls::{
    Epoch, EpochOptions, Hosts, LiveStanding, MaterialSource, MaterialSources, TlsEnvironment, TlsMaterial,
};
use rustls::version::TLS13;
use rustls_pki_types::{ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use crate::Error;
use crate::caller::caller;
use crate::cpu::{micros_each, time_of};
use crate::pki::{Authority, HOST, Keys};
use crate::report::row;

const LABEL: &str = "request";

#[derive(Clone)]
struct Environment(Arc<TlsEnvironment>);

impl HasTls for Environment {
    fn tls(&self) -> &Arc<TlsEnvironment> {
        &self.0
    }
}

/// Measures a question with and without the look at the clock that comes before it.
pub(crate) fn measure(rounds: u32, asked: u32) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let standing = runtime.block_on(admitted())?;
    let now = SystemTime::now();
    let (mut with_clock, mut without) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let ask = || (0..asked).try_for_each(|_| Ok(black_box(&standing).ask(SystemTime::now())?));
        with_clock.push(micros_each(time_of(ask)?, asked) * 1000.0);
        let ask = || (0..asked).try_for_each(|_| Ok(black_box(&standing).ask(black_box(now))?));
        without.push(micros_each(time_of(ask)?, asked) * 1000.0);
    }
    row(LABEL, "standing, clock read", "ns/request", &with_clock, None);
    row(LABEL, "standing alone", "ns/request", &without, None);
    Ok(())
}

/// The standing of a client after a real handshake, in memory.
async fn admitted() -> Result<LiveStanding, Error> {
    let (clients, servers) = (Authority::new("Clients", Keys::P256)?, Authority::new("Servers", Keys::P256)?);
    let credential = servers.server()?;
    let inline = |pem: &String| MaterialSource::inline(pem.as_bytes());
    let sources = MaterialSources {
        client_ca: inline(&clients.root_pem),
        crl: Vec::new(),
        revocation: RevocationMode::IfCovered,
        certificate_chain: inline(&credential.chain_pem),
        private_key: inline(&credential.key_pem),
        endorsed_chain: None,
        host: Some(HOST.to_owned()),
        anchor_rules: AnchorRules::default(),
    };
    let bytes = sources.read()?;
    let material = TlsMaterial::check(&bytes, &sources, UnixTime::now())?;
    let epoch = Epoch::build(1, material, bytes.digest(), &EpochOptions::default())?;
    let environment = Environment(Arc::new(TlsEnvironment::new("bench", epoch)));
    let hosts = Arc::new(Hosts::new([(Some(HOST.to_owned()), environment)]));

    let config = caller(&clients.client("caller")?, &servers.root_pem, &TLS13)?;
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connector = TlsConnector::from(Arc::new(config));
    let connecting = connector.connect(ServerName::try_from(HOST)?, near);
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (admitted, connected) = tokio::join!(handshake(far, || Arc::clone(&hosts), peer), connecting);
    connected?;
    Ok(admitted.map_err(|failed| failed.failure)?.standing)
}
