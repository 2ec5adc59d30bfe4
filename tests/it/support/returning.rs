//! A caller that comes back, and keeps the sessions that it was given.

mod half_open;
mod wallet;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, HandshakeKind, SignatureScheme};
use rustls_pki_types::UnixTime;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub(crate) use half_open::HalfOpen;
use wallet::Wallet;

use super::{Caller, HOST, Identity, Refusal, Server, raw};

/// A caller with one wallet of sessions for all of its visits. It offers what is in there to whomever it calls, whatever the name and
/// the address, and its clock stands still, so that it never takes a session for too old: who says no is the server.
#[derive(Clone)]
pub(crate) struct Returning {
    caller: Caller,
    host: String,
    config: Arc<ClientConfig>,
    wallet: Arc<Wallet>,
    credential: Arc<Credential>,
}

impl Returning {
    pub(crate) fn new(caller: &Caller) -> Self {
        let mut config = caller.config();
        let wallet = Arc::new(Wallet::default());
        let credential = Arc::new(Credential {
            shown: Mutex::new(Arc::clone(&config.client_auth_cert_resolver)),
            proofs: AtomicUsize::new(0),
        });
        config.resumption = Resumption::store(Arc::clone(&wallet) as _);
        config.client_auth_cert_resolver = Arc::clone(&credential) as _;
        config.time_provider = Arc::new(Stopped(UnixTime::now()));
        Self { caller: caller.clone(), host: HOST.to_owned(), config: Arc::new(config), wallet, credential }
    }

    /// The same caller with the same sessions, at another address.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { caller: self.caller.clone().to(address), ..self.clone() }
    }

    /// The same caller with the same sessions, asking for another name.
    pub(crate) fn named(&self, name: &str) -> Self {
        Self { caller: self.caller.clone().name(name), host: name.to_owned(), ..self.clone() }
    }

    /// The same caller with the same sessions, keeping the name to itself.
    pub(crate) fn without_name(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.enable_sni = false;
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// From now on the caller proves itself with another certificate; its sessions stay.
    pub(crate) fn renew(&self, identity: &Identity) {
        let resolver = self.caller.clone().presenting(identity).config().client_auth_cert_resolver;
        *self.credential.shown.lock().unwrap() = resolver;
    }

    /// Puts the newest session where no visit uses it up.
    pub(crate) fn set_aside(&self) {
        self.wallet.set_aside();
    }

    /// Takes it out again: the next visit offers it.
    pub(crate) fn bring_back(&self) {
        self.wallet.bring_back();
    }

    /// The handshake, which says on TLS 1.3 only that the client is content.
    pub(crate) async fn connect(&self) -> Result<TlsStream<TcpStream>, Refusal> {
        self.caller.connect_with(Arc::clone(&self.config)).await
    }

    /// A resumption that has got as far as the client's last word, which is not sent yet.
    pub(crate) async fn resume_halfway(&self) -> HalfOpen {
        HalfOpen::resume(Arc::clone(&self.config), self.caller.socket().await.unwrap(), &self.host).await
    }

    /// One call over a connection of its own: how the handshake went. A refusal at any point up to the answer is an error.
    pub(crate) async fn visit(&self) -> Result<HandshakeKind, Refusal> {
        let mut stream = self.connect().await?;
        stream.write_all(visit_request(&self.host).as_bytes()).await.map_err(Refusal::of)?;
        raw::try_read_until(&mut stream, "received").await?;
        Ok(stream.get_ref().1.handshake_kind().unwrap())
    }

    /// A visit that has to succeed. Whether the caller had to prove itself is told by its key as well.
    pub(crate) async fn expect_visit(&self, when: &str) -> HandshakeKind {
        let proofs = self.credential.proofs();
        let kind = self.visit().await.unwrap_or_else(|refusal| panic!("refused {when}: {refusal:?}"));
        let proved = self.credential.proofs() - proofs;
        assert_eq!(proved, usize::from(kind != HandshakeKind::Resumed), "{kind:?} {when}");
        kind
    }

    /// A full handshake, and a second one that resumes: what every test of a session that is *not* resumed begins with.
    pub(crate) async fn expect_resumption(&self) {
        assert_ne!(self.expect_visit("at first").await, HandshakeKind::Resumed, "there is nothing to resume yet");
        self.expect_resumed("at the second visit, which is the control").await;
    }

    /// A visit that resumes.
    pub(crate) async fn expect_resumed(&self, when: &str) {
        assert_eq!(self.expect_visit(when).await, HandshakeKind::Resumed, "{when}");
    }

    /// A visit that offers a session, has to prove itself all the same, and is served.
    pub(crate) async fn expect_proof(&self, when: &str) {
        let offered = self.wallet.offered();
        assert_ne!(self.expect_visit(when).await, HandshakeKind::Resumed, "{when}");
        assert_eq!(self.wallet.offered() - offered, 1, "a session was there to be offered {when}");
    }

    /// A visit that offers a session, has to prove itself all the same, and is refused.
    pub(crate) async fn expect_turned_away(&self, when: &str) -> Refusal {
        let (offered, proofs) = (self.wallet.offered(), self.credential.proofs());
        let refusal = match self.visit().await {
            Err(refusal) => refusal,
            Ok(kind) => panic!("let in {when}, by {kind:?}"),
        };
        assert_eq!(self.wallet.offered() - offered, 1, "a session was there to be offered {when}");
        assert_eq!(self.credential.proofs() - proofs, 1, "the session was taken {when}");
        refusal
    }
}

/// How many handshakes of this server resumed a session, by its own count.
pub(crate) async fn resumptions(server: &Server) -> usize {
    let resumed = server.counted("issuer_host_handshakes_total", &["session=\"resumed\""]).await;
    usize::try_from(resumed).unwrap()
}

fn visit_request(host: &str) -> String {
    format!("POST /visit HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n")
}

/// What the caller proves itself with, and how often it had to. One object for all visits: rustls offers no session to a server that
/// was asked for with another resolver.
struct Credential {
    shown: Mutex<Arc<dyn ResolvesClientCert>>,
    proofs: AtomicUsize,
}

impl Credential {
    fn proofs(&self) -> usize {
        self.proofs.load(Ordering::SeqCst)
    }
}

impl ResolvesClientCert for Credential {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.proofs.fetch_add(1, Ordering::SeqCst);
        self.shown.lock().unwrap().resolve(hints, schemes)
    }

    fn has_certs(&self) -> bool {
        self.shown.lock().unwrap().has_certs()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Credential({} proofs)", self.proofs())
    }
}

/// A clock that stands still.
#[derive(Debug)]
struct Stopped(UnixTime);

impl TimeProvider for Stopped {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}
