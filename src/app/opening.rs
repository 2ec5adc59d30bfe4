//! Opens the inbox of a server that starts. A store that is away is waited for: a database that comes up after the server, when a whole
//! machine room does, must not leave it dead until a human looks.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::warn;

use super::inbox::{AppInbox, InboxError, InboxSetup, StoreOptions};
use crate::inbox::delivery::{draw, growing_pause};
use crate::inbox::store::StoreError;
use crate::inbox::{InboxMetrics, SealingError};
use crate::telemetry::events;
use crate::traces::Tracer;

/// The pause before the second attempt, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// How often is told that it still waits.
const REMINDER: Duration = Duration::from_secs(5 * 60);

/// How far a start is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartProgress {
    /// The environments are good, and probes are answered; the inbox, if any, is being opened and its tables brought up to date.
    Opening,
    /// The store of the inbox is away, for this reason, and is tried again.
    Waiting(String),
}

/// Who is told how far a start is.
pub(super) type Told<'t> = &'t mut (dyn FnMut(StartProgress) + Send);

/// Opens what `setup` says. Where somebody is `told`, a store that is away is waited for.
///
/// # Errors
/// [`InboxError`]; with `told`, one that no waiting mends.
pub(super) async fn open(
    setup: InboxSetup,
    metrics: InboxMetrics,
    tracer: Option<Tracer>,
    told: Option<Told<'_>>,
) -> Result<AppInbox, InboxError> {
    let attempt = || AppInbox::open(setup.clone(), metrics.clone(), tracer.clone());
    match told {
        Some(told) => until_open(attempt, |error| passes(error, &setup.store), told).await,
        None => attempt().await,
    }
}

/// Whether an error may be over without another configuration. What is wrong with a file stays wrong, but for who else has it.
fn passes(error: &InboxError, store: &StoreOptions) -> bool {
    let (InboxError::Store(error) | InboxError::Sealing(SealingError::Store(error))) = error else { return false };
    match error {
        StoreError::Busy(_) | StoreError::Full(_) => true,
        StoreError::Unavailable(_) => matches!(store, StoreOptions::Postgres { .. }),
        _ => false,
    }
}

async fn until_open<T, A: Future<Output = Result<T, InboxError>>>(
    mut attempt: impl FnMut() -> A,
    passes: impl Fn(&InboxError) -> bool,
    told: Told<'_>,
) -> Result<T, InboxError> {
    let (began, mut tries, mut said) = (Instant::now(), 0, None);
    loop {
        let error = match attempt().await {
            Err(error) if passes(&error) => error,
            done => return done,
        };
        told(StartProgress::Waiting(error.to_string()));
        if said.is_none_or(|at: Instant| at.elapsed() >= REMINDER) {
            said = Some(Instant::now());
            let waited_s = began.elapsed().as_secs();
            warn!(
                event = events::INBOX_WAITING,
                waited_s, "nobody is served until the inbox can be opened; it is tried again and again: {error}"
            );
        }
        sleep(growing_pause(PAUSES, tries, draw())).await;
        tries = tries.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use super::*;

    fn unavailable() -> InboxError {
        StoreError::Unavailable("gone".into()).into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_is_tried_again_with_pauses_that_grow_to_a_bound() {
        let (began, attempts) = (Instant::now(), Cell::new(Vec::new()));
        let attempt = || {
            let mut all = attempts.take();
            all.push(began.elapsed());
            let hour_is_over = began.elapsed() >= Duration::from_secs(3600);
            attempts.set(all);
            ready(if hour_is_over { Ok("open") } else { Err(unavailable()) })
        };
        let mut heard = Vec::new();
        let opened = until_open(attempt, |_| true, &mut |progress| heard.push(progress)).await;
        assert_eq!(opened.unwrap(), "open");
        let attempts = attempts.take();
        let pauses: Vec<_> = attempts.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(pauses[0] <= PAUSES.0 && pauses.iter().all(|pause| *pause <= PAUSES.1 + Duration::from_millis(1)));
        assert!(pauses.iter().all(|pause| *pause >= PAUSES.0 / 2), "never at once: {pauses:?}");
        assert!(pauses[10..].iter().all(|pause| *pause >= PAUSES.1 / 2), "{pauses:?}");
        assert_eq!(heard.len(), pauses.len(), "whoever looks after the process knows each time");
        assert!(matches!(&heard[0], StartProgress::Waiting(why) if why.contains("gone")), "{:?}", heard[0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_waiting_mends_is_told_at_once() {
        let began = Instant::now();
        let attempts = Cell::new(0);
        let attempt = || {
            attempts.set(attempts.get() + 1);
            // First it is away, then it turns out to be no inbox.
            ready(if attempts.get() == 1 {
                Err(unavailable())
            } else {
                Err(StoreError::Foreign("a letter".into()).into())
            })
        };
        let here = StoreOptions::Postgres { url: String::new().into(), connections: 1 };
        let refused: Result<(), _> = until_open(attempt, |error| passes(error, &here), &mut |_| {}).await;
        assert!(matches!(refused, Err(InboxError::Store(StoreError::Foreign(_)))), "{refused:?}");
        assert!(began.elapsed() <= PAUSES.0 + Duration::from_millis(1));
    }

    #[test]
    fn only_what_may_be_over_by_itself_is_waited_for() {
        let there = StoreOptions::Postgres { url: String::new().into(), connections: 1 };
        let here = StoreOptions::Sqlite("inbox.db".into());
        let say = String::new;
        for (error, waits_there, waits_here) in [
            (StoreError::Unavailable(say()), true, false),
            (StoreError::Busy(say()), true, true),
            (StoreError::Full(say()), true, true),
            (StoreError::Denied(say()), false, false),
            (StoreError::ReadOnly(say()), false, false),
            (StoreError::Corrupt(say()), false, false),
            (StoreError::Newer(say()), false, false),
            (StoreError::Foreign(say()), false, false),
            (StoreError::Rejected(say()), false, false),
        ] {
            for error in [InboxError::Store(error.clone()), InboxError::Sealing(SealingError::Store(error))] {
                assert_eq!((passes(&error, &there), passes(&error, &here)), (waits_there, waits_here), "{error:?}");
            }
        }
        for keys in
            [SealingError::NoKeys("one".into()), SealingError::UnknownKey("one".into()), SealingError::Damaged(None)]
        {
            assert!(!passes(&keys.into(), &there));
        }
    }
}
