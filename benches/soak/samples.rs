//! What the program takes, looked at each second.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::place::Place;
use crate::program::Error;
use crate::slope::Slope;

/// The least time before what is taken counts: caches are filled, pools have their size, the inbox forgets as fast as it learns.
const LEAST_WARM_UP: Duration = Duration::from_secs(60);
/// Of a long run this part does not count.
const WARM_UP_PART: u32 = 6;

/// One line of what was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    seconds: f64,
    pub(crate) resident: f64,
    pub(crate) descriptors: f64,
}

/// Each second for `time`.
///
/// # Errors
/// When the program has ended.
#[allow(clippy::cast_precision_loss, reason = "bytes of memory")]
pub(crate) async fn take(place: &Place, time: Duration) -> Result<Vec<Sample>, Error> {
    let begun = Instant::now();
    let mut looks = interval(Duration::from_secs(1));
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut samples = Vec::new();
    while begun.elapsed() < time {
        looks.tick().await;
        samples.push(Sample {
            seconds: begun.elapsed().as_secs_f64(),
            resident: place.program.resident_bytes()? as f64,
            descriptors: place.program.open_descriptors()? as f64,
        });
    }
    Ok(samples)
}

/// What does not count of a run of `time`.
pub(crate) fn warm_up(time: Duration) -> Duration {
    LEAST_WARM_UP.max(time / WARM_UP_PART)
}

/// The slope of `what` after the warm-up.
pub(crate) fn slope(samples: &[Sample], time: Duration, what: fn(&Sample) -> f64) -> Result<Slope, Error> {
    let after = warm_up(time).as_secs_f64();
    let counted: Vec<_> = samples.iter().filter(|sample| sample.seconds >= after).collect();
    let line: Vec<_> = counted.iter().map(|sample| (sample.seconds, what(sample))).collect();
    Slope::of(&line).ok_or_else(|| "there are too few samples".into())
}
