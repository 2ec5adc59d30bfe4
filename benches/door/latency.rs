//! How long calls take, with and without something else going on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::arguments::Latency;
use crate::arrivals::arrivals;
use crate::client::{Client, Sender};
use crate::connections::kept_alive;
use crate::disturbance::Disturbance;
use crate::median::median;
use crate::record::{Details, Measured};

/// A call that takes longer fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is disturbed begins so much earlier and ends so much later than what is measured, in seconds.
const AROUND: f64 = 0.3;

/// The times of one arm: percentiles in microseconds, one for each round.
#[derive(Default)]
struct Arm {
    p50: Vec<f64>,
    p99: Vec<f64>,
    p999: Vec<f64>,
    calls: usize,
}

/// Calls at random moments over kept-alive connections, in rounds with the disturbance and without, and publishes the 99th percentile.
///
/// # Errors
/// When any call fails, or the disturbance was none.
pub(crate) async fn latency(latency: &Latency) -> Result<(), Error> {
    let client = latency.caller.client()?;
    let (mut disturbed, mut calm) = (Arm::default(), Arm::default());
    for number in 0..latency.rounds {
        // In turns from either end, as servers take turns.
        for disturb in [number % 2 == 0, number % 2 != 0] {
            if disturb {
                let seconds = latency.seconds + 2.0 * AROUND;
                let disturbance =
                    Disturbance::start(&latency.disturb, &latency.caller, latency.target.address, seconds)?;
                sleep(Duration::from_secs_f64(AROUND)).await;
                disturbed.add(calls(latency, &client).await?);
                spawn_blocking(|| disturbance.end()).await??;
            } else {
                calm.add(calls(latency, &client).await?);
            }
        }
    }
    latency.row.publish("us p99", vec![disturbed.measured("disturbed"), calm.measured("calm")])
}

/// The times of one round.
async fn calls(latency: &Latency, client: &Client) -> Result<Vec<Duration>, Error> {
    let senders = kept_alive(client, latency.target.address, latency.connections).await?;
    let arrivals = Arc::new(Mutex::new(arrivals(latency.rate, latency.seconds)?));
    let mut tasks = JoinSet::new();
    for sender in senders {
        tasks.spawn(answers(client.clone(), sender, Arc::clone(&arrivals)));
    }
    let mut times = Vec::new();
    while let Some(end) = tasks.join_next().await {
        times.extend(end??);
    }
    Ok(times)
}

/// Takes the next call that arrives whenever this connection is free. One that finds all of them busy waits, and that counts.
async fn answers(
    client: Client,
    mut sender: Sender,
    arrivals: Arc<Mutex<UnboundedReceiver<Instant>>>,
) -> Result<Vec<Duration>, Error> {
    let mut times = Vec::new();
    loop {
        let Some(arrived) = arrivals.lock().await.recv().await else { return Ok(times) };
        timeout(PATIENCE, client.post(&mut sender)).await??;
        times.push(arrived.elapsed());
    }
}

impl Arm {
    fn add(&mut self, mut times: Vec<Duration>) {
        times.sort_unstable();
        self.calls += times.len();
        for (percentiles, per_mille) in [(&mut self.p50, 500), (&mut self.p99, 990), (&mut self.p999, 999)] {
            // The smallest time that so many of a thousand do not exceed.
            let rank = (times.len() * per_mille).div_ceil(1000).saturating_sub(1);
            percentiles.push(times.get(rank).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6));
        }
    }

    fn measured(self, name: &str) -> Measured {
        let [p50, p999] = [&self.p50, &self.p999].map(|each| median(each.iter().copied()));
        let note = format!("{} calls, p50 {p50:.0} us, p99.9 {p999:.0} us", self.calls);
        let details = Details { note: Some(note), ..Details::default() };
        Measured { name: name.to_owned(), rounds: self.p99, details }
    }
}
