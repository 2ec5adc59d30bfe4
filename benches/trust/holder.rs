//! The calling side of many live connections, in a process of its own.
//!
//! A line on its standard input is a question, a line on its standard output the answer: the number of connections that are open.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clap::Args;
use rustls::ClientConfig;
use rustls::version::TLS13;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::Error;
use crate::caller::{caller, connect, request};
use crate::pki::{Authority, Keys};

/// Connections that are being opened at one time.
const AT_ONCE: u32 = 32;
/// How long the last connection may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many are open?
pub(crate) const COUNT: &str = "count";
/// How many are open when none is, or when waiting any longer makes no sense?
pub(crate) const GONE: &str = "gone";

/// The name of the callers' authority.
pub(crate) const CLIENTS: &str = "Clients";

#[derive(Args)]
pub(crate) struct Hold {
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// The callers' authority, and the server's root.
    #[arg(long)]
    pub(crate) directory: PathBuf,
    #[arg(long)]
    pub(crate) connections: u32,
    /// Leaves that they share.
    #[arg(long)]
    pub(crate) leaves: u32,
}

/// The connections that are open.
#[derive(Default)]
struct Open {
    number: AtomicU32,
    one_ended: Notify,
}

/// Opens all connections, each with a request, and answers until its standard input ends.
pub(crate) fn run(hold: &Hold) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let configs = callers(hold)?;
    runtime.block_on(async {
        let open = hold_open(hold, Arc::new(configs)).await?;
        println!("{}", open.number.load(Ordering::Acquire));
        while let Some(question) = spawn_blocking(|| std::io::stdin().lines().next()).await? {
            if question? == GONE {
                let _ = timeout(PATIENCE, open.all_ended()).await;
            }
            println!("{}", open.number.load(Ordering::Acquire));
        }
        Ok(())
    })
}

fn callers(hold: &Hold) -> Result<Vec<Arc<ClientConfig>>, Error> {
    let authority = Authority::read(CLIENTS, Keys::P256, &hold.directory)?;
    let server_root = std::fs::read_to_string(hold.directory.join("server-root.pem"))?;
    let callers = 0..hold.leaves.min(hold.connections);
    callers
        .map(|number| Ok(Arc::new(caller(&authority.client(&format!("caller {number}"))?, &server_root, &TLS13)?)))
        .collect()
}

async fn hold_open(hold: &Hold, configs: Arc<Vec<Arc<ClientConfig>>>) -> Result<Arc<Open>, Error> {
    let open = Arc::new(Open::default());
    let next = Arc::new(AtomicU32::new(0));
    let mut opening = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (address, connections) = (hold.address, hold.connections);
        let (open, next, configs) = (Arc::clone(&open), Arc::clone(&next), Arc::clone(&configs));
        opening.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= connections {
                    return Ok::<_, Error>(());
                }
                let config = configs.get(number as usize % configs.len()).ok_or("there is no caller")?;
                // A store of its own is not needed, nor are sessions.
                let mut stream = connect(Arc::clone(config), address).await?;
                request(&mut stream).await?;
                open.number.fetch_add(1, Ordering::AcqRel);
                tokio::spawn(until_ended(stream, Arc::clone(&open)));
            }
        });
    }
    while let Some(end) = opening.join_next().await {
        end??;
    }
    Ok(open)
}

async fn until_ended(mut stream: TlsStream<TcpStream>, open: Arc<Open>) {
    let mut scratch = [0; 64];
    while stream.read(&mut scratch).await.is_ok_and(|read| read > 0) {}
    open.number.fetch_sub(1, Ordering::AcqRel);
    open.one_ended.notify_one();
}

impl Open {
    async fn all_ended(&self) {
        while self.number.load(Ordering::Acquire) > 0 {
            self.one_ended.notified().await;
        }
    }
}
