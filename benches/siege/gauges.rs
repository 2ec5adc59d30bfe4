//! What the program holds, which has to come back to what it was.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::program::Error;
use crate::program::metrics::Metrics;
use crate::program::serving::Program;

/// Zero where nobody calls.
const GAUGES: [&str; 5] = [
    "issuer_host_connection_permits_in_use",
    "issuer_host_handshakes_in_flight",
    "issuer_host_connections",
    "issuer_host_requests_in_flight",
    "issuer_host_backend_requests_in_flight",
];
/// A generous bound: what was under way has a minute to end, by the longest deadline of a request.
const PATIENCE: Duration = Duration::from_secs(120);
/// Descriptors that may differ: a file that is being read, a connection of this process that asks.
const DESCRIPTORS: usize = 8;
/// Memory that may stay: 64 MiB, and a fifth of what the attack took. The allocator gives pages back and not bytes, and what was
/// asked for in a crowd lies scattered; that it is used again, and no more of it the next time, is what `scripts/soak.sh` shows.
const RESIDENT: u64 = 64 << 20;
const RESIDENT_PART: u64 = 5;

/// What it holds when nobody calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Baseline {
    descriptors: usize,
    pub(crate) resident: u64,
}

/// How it came back.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    pub(crate) after: Option<Duration>,
    pub(crate) resident: u64,
    /// What did not, if anything.
    pub(crate) held: String,
}

impl Baseline {
    /// Waits until nothing is held, and until the number of its descriptors stands still.
    pub(crate) async fn of(program: &Program) -> Result<Self, Error> {
        let begun = Instant::now();
        let mut last = usize::MAX;
        loop {
            let descriptors = program.open_descriptors()?;
            if held(&program.metrics().await?).is_empty() && descriptors == last {
                return Ok(Self { descriptors, resident: program.resident_bytes()? });
            }
            if begun.elapsed() > PATIENCE {
                return Err("the program is never at rest".into());
            }
            last = descriptors;
            // Longer than connections to the backend are kept.
            sleep(Duration::from_secs(4)).await;
        }
    }

    /// Waits until all is as it was, but for some of the memory of which there was `peak`.
    pub(crate) async fn returned(&self, program: &Program, peak: u64) -> Result<Return, Error> {
        let begun = Instant::now();
        let most = self.resident + RESIDENT + peak.saturating_sub(self.resident) / RESIDENT_PART;
        loop {
            let mut held = held(&program.metrics().await?);
            let (descriptors, resident) = (program.open_descriptors()?, program.resident_bytes()?);
            if descriptors > self.descriptors + DESCRIPTORS {
                held.push(format!("{descriptors} descriptors"));
            }
            if resident > most {
                held.push(format!("{} MiB", resident >> 20));
            }
            let held = held.join(", ");
            if held.is_empty() {
                return Ok(Return { after: Some(begun.elapsed()), resident, held });
            }
            if begun.elapsed() > PATIENCE {
                return Ok(Return { after: None, resident, held });
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The gauges that are not zero.
fn held(metrics: &Metrics) -> Vec<String> {
    let values = GAUGES.map(|gauge| (gauge, metrics.sum(gauge, &[])));
    values.into_iter().filter(|(_, value)| *value != 0.0).map(|(gauge, value)| format!("{gauge} {value}")).collect()
}
