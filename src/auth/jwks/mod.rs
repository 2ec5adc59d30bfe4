//! The keys of an identity provider: fetched, kept as long as their headers say, and fetched again when a token names another one.
//!
//! A request waits for a fetch only while there are no keys, or when it names a key that is not known. Otherwise keys are fetched
//! in the background before they are stale, and stay in use for a day when that fails. That a key does not exist is said only by a fetch
//! that went well and is no older than the token that names it.

mod document;
mod freshness;
mod location;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

pub use location::{JwksSource, JwksSourceError};

use super::secret::sha256;
use super::signing_key::use_aws_lc;
use super::verification_keys::VerificationKeys;
use crate::metrics::JwksMetrics;
use crate::outgoing::{Fetch, FetchError};
use crate::telemetry::events;
use location::Location;

/// Largest document that is read. Bytes.
const MAX_DOCUMENT: usize = 256 * 1024;
/// How long a fetch may take, both documents together.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long keys stay in use after they are stale.
const STALE_IF_ERROR: Duration = Duration::from_secs(24 * 60 * 60);
/// How long keys stay in use at the most, from their fetch on: whatever their headers say, a key that was withdrawn goes in a day or so.
const LONGEST_USE: Duration = Duration::from_secs(25 * 60 * 60);
/// Between fetches while there are keys: whoever makes up ids of keys must not make us call the identity provider each time.
const PAUSE: Duration = Duration::from_secs(10);
/// Between fetches while there are none.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);
/// How long before the arrival of a token keys may have been fetched, to say that there is none of its id. Less than the pause, in which
/// a key may be published that nobody asks for: whoever made up an id just before would have its tokens refused for good.
const FRESH: Duration = Duration::from_secs(2);

/// The keys of one identity provider. Cheap to clone; clones share the keys.
#[derive(Clone)]
pub struct Jwks(Arc<Provider>);

struct Provider {
    location: Location,
    /// What distinguishes whom the fetch trusts; `None` = nobody knows.
    trust: Option<[u8; 32]>,
    fetch: Arc<dyn Fetch>,
    held: ArcSwapOption<Held>,
    attempts: Mutex<Attempts>,
    /// So that a failure is said once, and not again until it went well.
    failing: AtomicBool,
    /// Where fetches are counted.
    metrics: OnceLock<JwksMetrics>,
}

/// Keys with the time that they are good for.
struct Held {
    keys: Arc<VerificationKeys>,
    /// SHA-256 of the document that they stand in.
    digest: [u8; 32],
    fetched: SystemTime,
    lifetime: Duration,
}

#[derive(Default)]
struct Attempts {
    last: Option<SystemTime>,
    under_way: Option<(AbortHandle, Flight)>,
}

/// A fetch under way. Whoever needs it waits for the same one.
pub(super) type Flight = Shared<BoxFuture<'static, ()>>;

impl Jwks {
    /// Keys that are fetched with `fetch` when they are first needed.
    ///
    /// # Errors
    /// [`JwksSourceError`] when the URL in `source` cannot be used.
    pub fn new(source: &JwksSource, fetch: Arc<dyn Fetch>) -> Result<Self, JwksSourceError> {
        Self::with(source, fetch, None)
    }

    fn with(source: &JwksSource, fetch: Arc<dyn Fetch>, trust: Option<[u8; 32]>) -> Result<Self, JwksSourceError> {
        use_aws_lc();
        Ok(Self(Arc::new(Provider {
            location: Location::new(source)?,
            trust,
            fetch,
            held: ArcSwapOption::empty(),
            attempts: Mutex::default(),
            failing: AtomicBool::new(false),
            metrics: OnceLock::new(),
        })))
    }

    /// The same, told apart from keys that are fetched with other trust: `digest` is of the certificates that the identity provider's
    /// own must chain to.
    ///
    /// # Errors
    /// [`JwksSourceError`] when the URL in `source` cannot be used.
    pub fn trusting(source: &JwksSource, fetch: Arc<dyn Fetch>, digest: [u8; 32]) -> Result<Self, JwksSourceError> {
        Self::with(source, fetch, Some(digest))
    }

    /// Takes over what `before` holds when it comes from the same place, so that a change of something else does not depend on
    /// the identity provider being there.
    pub fn adopt(&self, before: &Self) {
        let same = self.0.trust.is_some() && self.0.trust == before.0.trust && self.0.location == before.0.location;
        if same && self.0.held.load().is_none() {
            self.0.held.store(before.0.held.load_full());
            self.0.tell_held();
        }
    }

    /// Counts fetches in `metrics` from now on; the first ones stay.
    pub(crate) fn count_in(&self, metrics: JwksMetrics) {
        let _ = self.0.metrics.set(metrics);
        self.0.tell_held();
    }

    /// Begins to fetch keys when there are none, so that the first call need not wait. Does nothing outside of a tokio runtime.
    pub fn prefetch(&self, now: SystemTime) {
        if self.0.held.load().is_none() {
            self.start(now, PAUSE_WITHOUT_KEYS);
        }
    }

    /// The keys that are in use at `now`. Has them fetched in the background when they are about to be stale.
    pub(super) fn keys(&self, now: SystemTime) -> Option<Arc<VerificationKeys>> {
        let held = self.0.held.load();
        let held = held.as_ref()?;
        if held.is_due(now) {
            self.start(now, PAUSE);
        }
        held.is_usable(now).then(|| Arc::clone(&held.keys))
    }

    /// The keys that are in use at `now`, without a thought of fetching any.
    pub(super) fn held(&self, now: SystemTime) -> Option<Arc<VerificationKeys>> {
        let held = self.0.held.load();
        held.as_ref().filter(|held| held.is_usable(now)).map(|held| Arc::clone(&held.keys))
    }

    /// Whether the keys are so new that a token which arrived at `now` and names none of them names none that there is.
    pub(super) fn are_fresh(&self, now: SystemTime) -> bool {
        self.0.held.load().as_ref().is_some_and(|held| held.is_fresh(now))
    }

    /// A fetch to wait for when there are no keys, or when a token names another one. `None` = there was one just now.
    pub(super) fn fetch(&self, now: SystemTime) -> Option<Flight> {
        let pause = if self.held(now).is_some() { PAUSE } else { PAUSE_WITHOUT_KEYS };
        self.start(now, pause)
    }

    /// The fetch that is under way, or a new one unless the last is younger than `pause`.
    fn start(&self, now: SystemTime, pause: Duration) -> Option<Flight> {
        let mut attempts = self.0.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((task, flight)) = &attempts.under_way
            && !task.is_finished()
        {
            return Some(flight.clone());
        }
        // A clock that was set back is no reason to wait.
        let age = attempts.last.and_then(|last| now.duration_since(last).ok());
        if age.is_some_and(|age| age < pause) {
            return None;
        }
        let runtime = Handle::try_current().ok()?;
        attempts.last = Some(now);
        // A task of its own: it ends whether or not those who wait for it are still there.
        let provider = Arc::clone(&self.0);
        let task = runtime.spawn(async move { provider.refresh(now).await });
        let abort = task.abort_handle();
        let flight = task.map(|_| ()).boxed().shared();
        attempts.under_way = Some((abort, flight.clone()));
        Some(flight)
    }
}

impl Provider {
    /// Tells since when there are keys, where there are any.
    fn tell_held(&self) {
        if let (Some(metrics), Some(held)) = (self.metrics.get(), self.held.load().as_ref()) {
            metrics.held_since(held.fetched);
        }
    }

    async fn refresh(&self, now: SystemTime) {
        let outcome = match tokio::time::timeout(DEADLINE, self.fetch_keys(now)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(JwksError::Slow),
        };
        let host = self.location.host();
        match outcome {
            Ok(held) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(
                        event = events::JWKS_RECOVERED,
                        host,
                        "the identity provider's keys were fetched again"
                    );
                }
                if let Some(metrics) = self.metrics.get() {
                    metrics.fetched(held.fetched);
                }
                self.held.store(Some(Arc::new(held)));
            }
            Err(error) => {
                if let Some(metrics) = self.metrics.get() {
                    metrics.failed(|| error.to_string());
                }
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let cause = error.to_string();
                    tracing::warn!(
                        event = events::JWKS_FAILED,
                        host,
                        cause,
                        "the identity provider's keys cannot be fetched"
                    );
                }
            }
        }
    }

    async fn fetch_keys(&self, now: SystemTime) -> Result<Held, JwksError> {
        let url = self.location.keys(&*self.fetch).await?;
        let answer = document::get(&*self.fetch, url).await?;
        let digest = sha256(answer.body());
        let before = self.held.load_full();
        let lifetime = freshness::lifetime(answer.headers(), now);
        // The same document is the same set: tokens that were verified with it stay remembered.
        let keys = match &before {
            Some(before) if before.digest == digest => Arc::clone(&before.keys),
            _ => {
                let generation = before.map_or(0, |before| before.keys.generation + 1);
                Arc::new(document::keys(answer.body(), generation)?)
            }
        };
        Ok(Held { keys, digest, fetched: now, lifetime })
    }
}

impl Held {
    /// Whether the last fifth of the keys' time has begun.
    fn is_due(&self, now: SystemTime) -> bool {
        now.duration_since(self.fetched).is_ok_and(|age| age >= self.lifetime / 5 * 4)
    }

    fn is_usable(&self, now: SystemTime) -> bool {
        // A clock that was set back has to catch up, which says nothing against the keys.
        let age = now.duration_since(self.fetched).unwrap_or_default();
        age < self.lifetime.saturating_add(STALE_IF_ERROR).min(LONGEST_USE)
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        // Either may be the earlier one: the fetch that a token waits for may have been begun for another that came just after it. But a
        // clock that was set back says nothing of keys that it makes come from the future.
        now.duration_since(self.fetched).unwrap_or_else(|error| error.duration()) <= FRESH
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.0.held.load();
        let ids: Vec<&str> = held.iter().flat_map(|held| held.keys.ids()).collect();
        f.debug_struct("Jwks").field("host", &self.0.location.host()).field("ids", &ids).finish_non_exhaustive()
    }
}

/// Why keys could not be fetched.
#[derive(Debug, thiserror::Error)]
enum JwksError {
    /// There is no answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It took too long.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Slow,
    /// The answer is of another status than 200. Redirects are not followed.
    #[error("the answer has the status {0}, expected 200")]
    Status(u16),
    /// The answer is not what it should be.
    #[error("the answer is no {0}")]
    Malformed(&'static str),
    /// The discovered configuration is another issuer's.
    #[error("the configuration names another issuer than the one that it was asked for")]
    Issuer,
    /// The configuration names a URL that keys must not be fetched from.
    #[error("the jwks_uri of the configuration: {0}")]
    Location(#[from] JwksSourceError),
    /// There are more keys than anybody needs.
    #[error("there are more than {0} keys")]
    TooMany(usize),
    /// There is none that tokens could be verified with.
    #[error("there is no key that tokens can be verified with: expected ES256, ES384, RS256, PS256 or EdDSA")]
    NoKeys,
}
