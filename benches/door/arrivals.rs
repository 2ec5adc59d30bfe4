//! When callers arrive who know nothing of each other.

use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::Error;

/// A moment for each arrival, as it comes: so many a second on average, at random, for so long. They come from a thread of its own,
/// since a timer of tokio has a resolution of a millisecond, and calls in step with each other meet always or never. Who is served
/// slowly makes nobody else come later.
pub(crate) fn arrivals(per_second: f64, seconds: f64) -> Result<UnboundedReceiver<Instant>, Error> {
    let (sender, receiver) = unbounded_channel();
    let (begun, end) = (Instant::now(), Duration::from_secs_f64(seconds));
    thread::Builder::new().name("arrivals".to_owned()).spawn(move || {
        let mut due = Duration::ZERO;
        while let Ok(gap) = exponential(per_second) {
            due += gap;
            if due > end {
                return;
            }
            thread::sleep(due.saturating_sub(begun.elapsed()));
            // What this program itself is late by is no fault of the server: it counts from here.
            if sender.send(Instant::now()).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// The time until the next of independent arrivals.
fn exponential(per_second: f64) -> Result<Duration, Error> {
    let mut random = [0; 4];
    rand::fill(&mut random)?;
    // Above 0 and up to 1.
    let uniform = (f64::from(u32::from_ne_bytes(random)) + 1.0) / (f64::from(u32::MAX) + 1.0);
    Ok(Duration::from_secs_f64(-uniform.ln() / per_second))
}
