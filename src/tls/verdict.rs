//! What a connection may still do: its verdict, asked again for every request (DESIGN 3.3).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::UnixTime;
use tokio_util::sync::CancellationToken;

/// A connection's standing: valid until a deadline, or retired. Shared by the connection and by each of its requests.
#[derive(Debug)]
pub struct Standing {
    /// Seconds since the Unix epoch after which the verdict no longer holds; 0 = retired.
    good_through: AtomicU64,
    retired: CancellationToken,
}

/// The verified client of this connection no longer passes: answer 503, close, reach no handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the verdict on this connection's client certificate no longer holds")]
pub struct Retired;

impl Standing {
    /// A standing that holds through the second `deadline`.
    #[must_use]
    pub fn until(deadline: UnixTime) -> Self {
        Self { good_through: AtomicU64::new(deadline.as_secs()), retired: CancellationToken::new() }
    }

    /// Asks whether the verdict holds at `now`. The first layer of every request calls this.
    ///
    /// # Errors
    /// [`Retired`] once the deadline has passed or [`Standing::retire`] was called; it then stays so.
    pub fn ask(&self, now: SystemTime) -> Result<(), Retired> {
        // A clock before 1970 can vouch for no certificate.
        let now = now.duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs());
        if now <= self.good_through.load(Ordering::Acquire) {
            return Ok(());
        }
        self.retire();
        Err(Retired)
    }

    /// Ends the verdict now and for good.
    pub fn retire(&self) {
        self.good_through.store(0, Ordering::Release);
        self.retired.cancel();
    }

    /// Whether the verdict has been found not to hold any more.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.retired.is_cancelled()
    }

    /// Completes when the verdict has been found not to hold any more; the connection then says goodbye.
    pub async fn retired(&self) {
        self.retired.cancelled().await;
    }

    /// The last second at which the verdict holds; 0 when retired.
    #[must_use]
    pub fn deadline(&self) -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(self.good_through.load(Ordering::Acquire)))
    }
}
