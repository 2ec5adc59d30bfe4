//! The attacking side, in a process of its own. It says in a line of JSON what it did.

mod bodies;
mod floods;
#[path = "../../../tests/it/support/frames.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "made for tests, which use all of it")]
mod frames;
mod handshakes;
mod slow;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::attacks::Kind;
use crate::program::client::{Client, Http};
use crate::program::pki::Identity;
use crate::program::{Error, HOST, serving};

/// Addresses that it comes from: no limit for one source is to save the server.
const SOURCES: usize = 40;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    kind: Kind,
    #[arg(long)]
    address: SocketAddr,
    /// What it shows: NAME-chain.pem and NAME-key.pem.
    #[arg(long)]
    pki: PathBuf,
    #[arg(long)]
    count: usize,
    #[arg(long)]
    seconds: u64,
}

/// The attacked, and what was done to it so far. Cheap to clone.
#[derive(Clone)]
struct Attacked(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    pki: PathBuf,
    server_root: CertificateDer<'static>,
    until: Instant,
    attempts: AtomicU64,
    open: AtomicU64,
    most_open: AtomicU64,
    closed: AtomicU64,
    bytes: AtomicU64,
}

/// Makes the attack.
pub(crate) async fn attack(arguments: &Arguments) -> Result<(), Error> {
    serving::raise_descriptors(crate::DESCRIPTORS);
    let attacked = Attacked(Arc::new(Inner {
        address: arguments.address,
        pki: arguments.pki.clone(),
        server_root: CertificateDer::from_pem_file(arguments.pki.join("server-ca.pem"))?,
        until: Instant::now() + Duration::from_secs(arguments.seconds),
        attempts: AtomicU64::default(),
        open: AtomicU64::default(),
        most_open: AtomicU64::default(),
        closed: AtomicU64::default(),
        bytes: AtomicU64::default(),
    }));
    let count = arguments.count;
    match arguments.kind {
        Kind::SlowHeads | Kind::SlowBodies | Kind::SlowHellos | Kind::ZeroWindows | Kind::Silence => {
            slow::hold(&attacked, arguments.kind, count).await?;
        }
        Kind::Handshakes | Kind::HandshakesWithout | Kind::LongChains | Kind::BigCertificates => {
            handshakes::flood(&attacked, arguments.kind, count).await?;
        }
        Kind::RapidReset | Kind::Continuation | Kind::Pings | Kind::Settings | Kind::EmptyData | Kind::HeaderBombs => {
            floods::flood(&attacked, arguments.kind, count).await?;
        }
        Kind::HugeBodies => bodies::send(&attacked, count).await?,
        Kind::Crowd => {
            let (held, sent) = tokio::join!(slow::hold(&attacked, Kind::SlowBodies, count), bodies::send(&attacked, 8));
            held?;
            sent?;
        }
        Kind::Nothing => {}
    }
    let told = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{}",
        serde_json::json!({
            "attempts": told(&attacked.0.attempts),
            "most_open": told(&attacked.0.most_open),
            "closed": told(&attacked.0.closed),
            "bytes": told(&attacked.0.bytes),
        })
    );
    Ok(())
}

impl Attacked {
    /// One who shows `name`, or nothing.
    fn client(&self, name: Option<&str>, http: Http) -> Result<Client, Error> {
        let identity = name.map(|name| identity(&self.0.pki, name)).transpose()?;
        Client::new(self.0.address, HOST, &self.0.server_root, identity.as_ref(), http)
    }

    /// The same from one of many addresses.
    fn source(number: usize) -> IpAddr {
        let last = u8::try_from(number % SOURCES + 1).unwrap_or(1);
        Ipv4Addr::new(127, 0, 1, last).into()
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.0.until
    }

    async fn over(&self) {
        sleep_until(self.0.until).await;
    }

    fn attempts(&self) {
        self.0.attempts.fetch_add(1, Ordering::Relaxed);
    }

    fn opened(&self) {
        let open = self.0.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.most_open.fetch_max(open, Ordering::Relaxed);
    }

    /// `by_server`: before this side had enough.
    fn ended(&self, by_server: bool) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        if by_server {
            self.0.closed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sent(&self, bytes: usize) {
        self.0.bytes.fetch_add(u64::try_from(bytes).unwrap_or_default(), Ordering::Relaxed);
    }
}

fn identity(pki: &Path, name: &str) -> Result<Identity, Error> {
    let chain = CertificateDer::pem_file_iter(pki.join(format!("{name}-chain.pem")))?.collect::<Result<Vec<_>, _>>()?;
    Ok(Identity { chain, key: PrivateKeyDer::from_pem_file(pki.join(format!("{name}-key.pem")))? })
}

/// Reads, and forgets, until the other side has ended.
async fn drain(reader: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = vec![0; 16 * 1024];
    while reader.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
}

/// All tasks, to their ends.
async fn all(mut tasks: JoinSet<()>) -> Result<(), Error> {
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    Ok(())
}

/// What the tests' frames are written to.
async fn within<T>(_: &str, future: impl Future<Output = T>) -> T {
    future.await
}
