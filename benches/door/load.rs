//! Server CPU per operation, in rounds over all targets; and the probe before it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::arguments::{Caller, Measure, Operation};
use crate::client::{Client, Sender};
use crate::clock::ProcessClock;
use crate::connections::{kept_alive, take};
use crate::record::Row;
use crate::sample::Sample;
use crate::target::Target;

/// What one task does in a round; it begins when it is spawned.
type Work = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Waits until every target answers, then shows that each of them refuses a caller without a certificate: a server that
/// verifies nothing would win any comparison.
///
/// # Errors
/// When a target does not come up in `patience`, or takes the stranger.
pub(crate) async fn probe(caller: &Caller, targets: &[Target], patience: Duration) -> Result<(), Error> {
    let (client, stranger) = (caller.client()?, caller.stranger()?);
    for target in targets {
        let start = Instant::now();
        while let Err(error) = client.visit(target.address).await {
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

/// Runs the rounds, each of them over all targets in turn, and publishes the medians.
///
/// # Errors
/// When any operation fails: a table is only made of complete work.
pub(crate) async fn measure(measure: &Measure) -> Result<(), Error> {
    let client = measure.caller.client()?;
    let mut samples: Vec<(&Target, Vec<Sample>)> = Vec::new();
    let mut left_out = BTreeMap::new();
    for target in &measure.targets {
        let resumes = measure.operation == Operation::HandshakeResumed;
        if let Some(reason) = if resumes { unable_to_resume(&client, target.address).await? } else { None } {
            left_out.insert(target.name.clone(), reason);
        } else {
            samples.push((target, Vec::new()));
        }
    }
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
    let mut measured = Vec::new();
    for (target, samples) in samples {
        let suite = client.visit(target.address).await?;
        measured.push(Sample::summary(&samples, &target.name, suite));
    }
    let row = Row { left_out, ..Row::new(&measure.row.label, "us/op", measured) };
    row.publish(measure.row.json.as_deref())
}

/// Why the server cannot be asked for resumed handshakes: not every one has them for a caller with a certificate.
async fn unable_to_resume(client: &Client, address: SocketAddr) -> Result<Option<String>, Error> {
    let returning = client.returning(address).await?;
    Ok(returning.visit(address).await.err().map(|error| format!("it does not resume: {error}")))
}

async fn round(measure: &Measure, client: &Client, target: &Target) -> Result<Sample, Error> {
    let work = prepared(client, target.address, measure.operation, measure.operations, measure.concurrency).await?;
    let (server, own) = (ProcessClock::of(target.pid), ProcessClock::of(process::id()));
    let (server_before, own_before) = (server.at_rest().await?, own.read()?);
    let start = Instant::now();
    all(work).await?;
    let wall = start.elapsed();
    let own = own.read()?.since(&own_before);
    let server = server.at_rest().await?.since(&server_before);
    Ok(Sample::new(measure.operations, wall, server, own.time))
}

/// Operations without a clock.
///
/// # Errors
/// When any of them fails.
pub(crate) async fn run(
    client: &Client,
    address: SocketAddr,
    operation: Operation,
    operations: u32,
    concurrency: u32,
) -> Result<(), Error> {
    all(prepared(client, address, operation, operations, concurrency).await?).await
}

async fn all(work: Vec<Work>) -> Result<(), Error> {
    let mut tasks = JoinSet::new();
    for work in work {
        tasks.spawn(work);
    }
    while let Some(end) = tasks.join_next().await {
        end??;
    }
    Ok(())
}

/// The tasks of a round, with whatever they need to begin.
async fn prepared(
    client: &Client,
    address: SocketAddr,
    operation: Operation,
    operations: u32,
    concurrency: u32,
) -> Result<Vec<Work>, Error> {
    let left = Arc::new(AtomicU32::new(operations));
    let mut work: Vec<Work> = Vec::new();
    match operation {
        Operation::HandshakeFull => {
            for _ in 0..concurrency {
                work.push(Box::pin(visits(client.clone(), address, left.clone())));
            }
        }
        Operation::HandshakeResumed => {
            for _ in 0..concurrency {
                // A memory for each: a ticket is good for one visit, which brings the next.
                work.push(Box::pin(visits(client.returning(address).await?, address, left.clone())));
            }
        }
        Operation::KeptAlive => {
            for sender in kept_alive(client, address, concurrency).await? {
                work.push(Box::pin(posts(client.clone(), sender, left.clone())));
            }
        }
    }
    Ok(work)
}

async fn visits(client: Client, address: SocketAddr, left: Arc<AtomicU32>) -> Result<(), Error> {
    while take(&left) {
        client.visit(address).await?;
    }
    Ok(())
}

async fn posts(client: Client, mut sender: Sender, left: Arc<AtomicU32>) -> Result<(), Error> {
    while take(&left) {
        client.post(&mut sender).await?;
    }
    Ok(())
}
