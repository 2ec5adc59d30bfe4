//! How deliveries are made.

use std::time::Duration;

/// How deliveries are made, for every destination alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryOptions {
    /// Lanes that are worked on at once, for each destination; each has at most one entry under way.
    pub max_in_flight: usize,
    /// For how long a lane is leased. Leases are renewed while their lane is worked on; this is how long the lanes of a replica that
    /// died wait.
    pub lease: Duration,
    /// How long an attempt may take.
    pub attempt_timeout: Duration,
    /// The longest pause after the first attempt that failed; it doubles with each.
    pub first_backoff: Duration,
    /// The longest pause of all.
    pub max_backoff: Duration,
    /// An entry that waited for longer, and fails once more, is a dead letter.
    pub max_age: Duration,
    /// What becomes of a lane whose first entry is a dead letter.
    pub on_dead_letter: OnDeadLetter,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self {
            max_in_flight: 64,
            lease: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(30),
            first_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(5 * 60),
            max_age: Duration::from_secs(7 * 24 * 60 * 60),
            on_dead_letter: OnDeadLetter::Continue,
        }
    }
}

/// What becomes of a lane whose first entry is a dead letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDeadLetter {
    /// It goes on with the next entry.
    #[default]
    Continue,
    /// It waits until the dead letter was replayed or discarded.
    Block,
}
