//! Many connections: opened a few at a time, kept, measured at rest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Error;
use crate::arguments::{Hold, Idle};
use crate::client::{Client, Connection, Http, Sender};
use crate::process::resident_bytes;
use crate::record::{Details, Measured};
use crate::target::Target;

/// Streams that share one HTTP/2 connection; a caller with a pool behaves like this.
const STREAMS_PER_CONNECTION: u32 = 8;

/// Connections that are opened at once while idle ones are built up; below any server's backlog and handshake limits.
const OPENING_AT_ONCE: u32 = 8;

/// After this the server's last writes and wake-ups are over, and what it gives back once a connection is idle is given back.
const SETTLING: Duration = Duration::from_secs(3);

/// Holds idle connections, one target after the other, and publishes the growth of each server's memory. Meaningful on a fresh
/// process: allocators keep what a load before has used.
///
/// # Errors
/// When a connection can't be made, or was closed by the server meanwhile.
pub(crate) async fn idle(idle: &Idle) -> Result<(), Error> {
    let client = idle.caller.client()?;
    let mut measured = Vec::new();
    for target in &idle.targets {
        let bytes = memory(&client, target, idle.connections).await;
        measured.push(bytes.map_err(|error| format!("{}: {error}", target.name))?);
    }
    idle.row.publish("bytes each", measured)
}

async fn memory(client: &Client, target: &Target, count: u32) -> Result<Measured, Error> {
    // Pays for whatever a first connection sets up.
    client.visit(target.address).await?;
    let before = resident_bytes(target.pid)?;
    let connections = open(client, target.address, count).await?;
    sleep(SETTLING).await;
    let after = resident_bytes(target.pid)?;
    if connections.iter().any(|connection| !connection.is_open()) {
        return Err("it closed an idle connection".into());
    }
    for connection in connections {
        connection.close().await;
    }
    #[expect(clippy::cast_precision_loss, reason = "memory sizes are far below 2^52 bytes")]
    let bytes = after.saturating_sub(before) as f64 / f64::from(count);
    let note = format!("RSS {} to {} kB with {count}", before / 1024, after / 1024);
    let details = Details { note: Some(note), ..Details::default() };
    Ok(Measured { name: target.name.clone(), rounds: vec![bytes], details })
}

/// Holds idle connections at the address for as long as it is left alone; says on standard output when all are open.
///
/// # Errors
/// When a connection can't be made, or is closed by the server: whoever measures meanwhile looks whether this process is still there.
pub(crate) async fn hold(hold: &Hold) -> Result<(), Error> {
    let client = hold.caller.client()?;
    let held = open(&client, hold.address, hold.connections).await?;
    println!("{}", held.len());
    while held.iter().all(Connection::is_open) {
        sleep(Duration::from_millis(500)).await;
    }
    Err("an idle connection was closed".into())
}

/// Open connections for `tasks` posts at once, each of which has carried a request already.
pub(crate) async fn kept_alive(client: &Client, address: SocketAddr, tasks: u32) -> Result<Vec<Sender>, Error> {
    let streams = match client.http() {
        Http::V1 => 1,
        Http::V2 => STREAMS_PER_CONNECTION.min(tasks),
    };
    let connections = open(client, address, tasks.div_ceil(streams)).await?;
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

/// Takes one operation out of those that are left.
pub(crate) fn take(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}
