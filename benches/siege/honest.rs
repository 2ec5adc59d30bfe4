//! The honest caller: calls at a steady rate over connections that are kept, and over new ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::place::Place;
use crate::program::Error;
use crate::program::client::{Call, Client, Connection, Http};

/// Between two calls over connections that are kept.
const KEPT: Duration = Duration::from_millis(20);
/// Between two newcomers.
const NEW: Duration = Duration::from_millis(100);
/// Connections that are kept, half of them of HTTP/2.
const CONNECTIONS: usize = 4;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kept: Vec<Duration>,
    pub(crate) new: Vec<Duration>,
    pub(crate) kept_failures: Vec<String>,
    pub(crate) new_failures: Vec<String>,
}

/// A connection that is kept; another one takes its place once it has ended, which is a failure of the call that finds that out.
type Kept = Arc<Mutex<Option<Connection>>>;

struct Outcome {
    is_new: bool,
    time: Duration,
    failure: Option<String>,
}

/// Calls until `enough`, and waits for the answers to what is under way.
pub(crate) async fn calls(place: &Place, enough: CancellationToken) -> Result<Tally, Error> {
    let clients = [place.honest(Http::One)?, place.honest(Http::Two)?];
    let mut kept: Vec<(Client, Kept)> = Vec::new();
    for client in clients.iter().cycle().take(CONNECTIONS) {
        kept.push((client.clone(), Arc::new(Mutex::new(Some(client.connect().await?)))));
    }
    let mut kept = kept.iter().cycle();
    let mut clients = clients.iter().cycle();
    let mut under_way: JoinSet<Outcome> = JoinSet::new();
    let mut tally = Tally::default();
    let (mut calls, mut newcomers) = (ticks(KEPT), ticks(NEW));
    loop {
        tokio::select! {
            () = enough.cancelled() => break,
            due = calls.tick() => {
                let (client, connection) = kept.next().ok_or("no connection")?.clone();
                under_way.spawn(async move { outcome(false, due, over(&client, &connection).await) });
            }
            due = newcomers.tick() => {
                let client = clients.next().ok_or("no client")?.clone();
                under_way.spawn(async move { outcome(true, due, visit(&client).await) });
            }
            Some(done) = under_way.join_next() => tally.add(done?),
        }
    }
    while let Some(done) = under_way.join_next().await {
        tally.add(done?);
    }
    Ok(tally)
}

/// What is late is made up for: how late it was counts.
fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks
}

fn outcome(is_new: bool, due: Instant, done: Result<(), Error>) -> Outcome {
    Outcome { is_new, time: due.elapsed(), failure: done.err().map(|error| error.to_string()) }
}

async fn visit(client: &Client) -> Result<(), Error> {
    is_served(client.visit(&Call::query()).await?.as_u16())
}

async fn over(client: &Client, kept: &Kept) -> Result<(), Error> {
    let mut kept = kept.lock().await;
    if kept.as_ref().is_none_or(Connection::is_closed) {
        *kept = Some(client.connect().await?);
    }
    let connection = kept.as_mut().ok_or("no connection")?;
    let called = connection.call(&Call::query()).await;
    if called.is_err() {
        *kept = None;
    }
    is_served(called?.as_u16())
}

fn is_served(status: u16) -> Result<(), Error> {
    if status == 200 { Ok(()) } else { Err(format!("answered {status}").into()) }
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        let (times, failures) = if outcome.is_new {
            (&mut self.new, &mut self.new_failures)
        } else {
            (&mut self.kept, &mut self.kept_failures)
        };
        match outcome.failure {
            None => times.push(outcome.time),
            Some(failure) => failures.push(failure),
        }
    }
}

/// p50 and p99 in milliseconds.
pub(crate) fn percentiles(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    // The smallest time that so many of a hundred do not exceed.
    let percentile = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(rank).map_or_else(|| "-".to_owned(), |time| format!("{:.1}", time.as_secs_f64() * 1e3))
    };
    format!("{} / {}", percentile(50), percentile(99))
}
