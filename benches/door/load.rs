//! The three things that are done to a target: probe, measure, hold idle.

use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::client::{Client, Connection, Http, Sender};
use crate::process::{cpu_time, resident_bytes};
use crate::report::{Sample, Target, print_bytes, print_samples};
use crate::{Caller, Error, Idle, Measure, Operation};

/// Streams that share one HTTP/2 connection; a caller with a pool behaves like this.
const STREAMS_PER_CONNECTION: u32 = 8;

/// Connections that are opened at once while idle ones are built up; below any server's backlog and handshake limits.
const OPENING_AT_ONCE: u32 = 8;

impl Caller {
    fn client(&self) -> Result<Client, Error> {
        Client::new(&self.pki, &self.host, &self.path, self.tls, self.http)
    }

    fn stranger(&self) -> Result<Client, Error> {
        Client::without_certificate(&self.pki, &self.host, &self.path, self.tls, Http::V1)
    }
}

/// Waits until every target answers, then shows that each of them refuses a caller without a certificate: a server that
/// verifies nothing would win any comparison.
///
/// # Errors
/// When a target does not come up in `patience`, or takes the stranger.
pub(crate) async fn probe(caller: &Caller, patience: Duration) -> Result<(), Error> {
    let (client, stranger) = (caller.client()?, caller.stranger()?);
    for target in &caller.targets {
        let start = Instant::now();
        while let Err(error) = handshake_operation(&client, target.address).await {
            if start.elapsed() > patience {
                return Err(format!("{}: {error}", target.name).into());
            }
            sleep(Duration::from_millis(50)).await;
        }
        if stranger.is_taken(target.address).await {
            return Err(format!("{} takes a caller without a certificate; it can't be compared", target.name).into());
        }
    }
    Ok(())
}

/// Runs the rounds, each of them over all targets in turn, and prints the medians.
///
/// # Errors
/// When any operation fails: a table is only printed of complete work.
pub(crate) async fn measure(measure: &Measure) -> Result<(), Error> {
    let client = measure.caller.client()?;
    let mut samples: Vec<(Target, Vec<Sample>)> =
        measure.caller.targets.iter().map(|target| (target.clone(), Vec::new())).collect();
    for number in 0..measure.rounds {
        // In turns from either end, so that no server always follows the same one.
        let mut order: Vec<_> = samples.iter_mut().collect();
        if number % 2 == 1 {
            order.reverse();
        }
        for (target, samples) in order {
            let round = round(measure, &client, target);
            let sample = timeout(Duration::from_secs(measure.round_seconds), round)
                .await
                .map_err(|_| format!("{}: a round took longer than {} s", target.name, measure.round_seconds))?
                .map_err(|error| format!("{}: {error}", target.name))?;
            samples.push(sample);
        }
    }
    print_samples(&measure.label, &samples);
    Ok(())
}

/// Holds idle connections, one target after the other, and prints the growth of each server's memory. Meaningful on a fresh
/// process: allocators keep what a load before has used.
///
/// # Errors
/// When a connection can't be made, or was closed by the server meanwhile.
pub(crate) async fn idle(idle: &Idle) -> Result<(), Error> {
    let client = idle.caller.client()?;
    let mut measured = Vec::new();
    for target in &idle.caller.targets {
        // Pays for whatever a first connection sets up.
        handshake_operation(&client, target.address).await?;
        let before = resident_bytes(target.pid)?;
        let connections = open(&client, target.address, idle.connections).await?;
        // The server's last writes and wake-ups are over after this; nothing is decided by its length.
        sleep(Duration::from_millis(500)).await;
        let after = resident_bytes(target.pid)?;
        if connections.iter().any(|connection| !connection.is_open()) {
            return Err(format!("{} closed an idle connection", target.name).into());
        }
        measured.push((target.clone(), before, after));
        for connection in connections {
            connection.close().await;
        }
    }
    print_bytes(&idle.label, idle.connections, &measured);
    Ok(())
}

async fn round(measure: &Measure, client: &Client, target: &Target) -> Result<Sample, Error> {
    let mut tasks = JoinSet::new();
    let left = Arc::new(AtomicU32::new(measure.operations));
    let senders = match measure.operation {
        Operation::Handshake => Vec::new(),
        Operation::KeptAlive => kept_alive(measure, client, target.address).await?,
    };
    let (start, server, own) = (Instant::now(), cpu_time(target.pid)?, cpu_time(process::id())?);
    match measure.operation {
        Operation::Handshake => {
            for _ in 0..measure.concurrency {
                tasks.spawn(handshakes(client.clone(), target.address, left.clone()));
            }
        }
        Operation::KeptAlive => {
            for sender in senders {
                tasks.spawn(posts(client.clone(), sender, left.clone()));
            }
        }
    }
    while let Some(end) = tasks.join_next().await {
        end??;
    }
    let wall = start.elapsed();
    let server = cpu_time(target.pid)?.saturating_sub(server);
    let own = cpu_time(process::id())?.saturating_sub(own);
    Ok(Sample::new(measure.operations, wall, server, own))
}

/// Open connections for all tasks of a round, each of which has carried a request already.
async fn kept_alive(measure: &Measure, client: &Client, address: SocketAddr) -> Result<Vec<Sender>, Error> {
    let streams = match measure.caller.http {
        Http::V1 => 1,
        Http::V2 => STREAMS_PER_CONNECTION.min(measure.concurrency),
    };
    let connections = open(client, address, measure.concurrency.div_ceil(streams)).await?;
    Ok(connections.into_iter().flat_map(|connection| connection.share(streams as usize)).collect())
}

/// Opens `count` connections, a few at a time, with one POST over each.
async fn open(client: &Client, address: SocketAddr, count: u32) -> Result<Vec<Connection>, Error> {
    let left = Arc::new(AtomicU32::new(count));
    let mut tasks = JoinSet::new();
    for _ in 0..OPENING_AT_ONCE {
        let (client, left) = (client.clone(), left.clone());
        tasks.spawn(async move {
            let mut connections = Vec::new();
            while take(&left) {
                let mut connection = client.connect(address).await?;
                client.post(connection.sender()).await?;
                connections.push(connection);
            }
            Ok::<_, Error>(connections)
        });
    }
    let mut connections = Vec::new();
    while let Some(end) = tasks.join_next().await {
        connections.extend(end??);
    }
    Ok(connections)
}

async fn handshakes(client: Client, address: SocketAddr, left: Arc<AtomicU32>) -> Result<(), Error> {
    while take(&left) {
        handshake_operation(&client, address).await?;
    }
    Ok(())
}

async fn posts(client: Client, mut sender: Sender, left: Arc<AtomicU32>) -> Result<(), Error> {
    while take(&left) {
        client.post(&mut sender).await?;
    }
    Ok(())
}

async fn handshake_operation(client: &Client, address: SocketAddr) -> Result<(), Error> {
    let mut connection = client.connect(address).await?;
    client.post(connection.sender()).await?;
    connection.close().await;
    Ok(())
}

/// Takes one operation out of those that are left.
fn take(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}
