//! What a connection may still do: its verdict, asked for every request, and judged again when the trust that it rests on changes
//! or its deadline passes.

mod marks;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::environment::{Pass, TlsEnvironment};
use super::judge::{ChainDigest, Verdict};
use super::refusal::Refusal;
use marks::Marks;

/// A connection's standing: good for one epoch until a deadline, or retired. Shared by the connection and by each of its requests.
#[derive(Debug)]
pub struct Standing {
    marks: Marks,
    retired: CancellationToken,
    /// The deadline has come nearer: whoever sleeps until it has to look again.
    shortened: Notify,
    /// What can be judged again; without it the verdict is the last.
    client: Option<PresentedChain>,
    /// One judgement at a time, so that an older epoch's never covers a newer one's.
    judging: Mutex<()>,
    why: OnceLock<Refusal>,
}

/// A chain, and who judges it.
#[derive(Debug)]
struct PresentedChain {
    environment: Arc<TlsEnvironment>,
    chain: Arc<[CertificateDer<'static>]>,
    digest: ChainDigest,
    opened_under: u64,
}

/// The verified client of this connection no longer passes: answer 503, close, reach no handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the verdict on this connection's client certificate no longer holds")]
pub struct Retired;

impl Standing {
    /// A standing that holds through the second `deadline` and is not judged again.
    #[must_use]
    pub fn until(deadline: UnixTime) -> Self {
        Self {
            marks: Marks::new(deadline.as_secs(), 0),
            retired: CancellationToken::new(),
            shortened: Notify::new(),
            client: None,
            judging: Mutex::new(()),
            why: OnceLock::new(),
        }
    }

    /// The standing of a client whose chain the epoch `epoch` of `environment` has accepted.
    pub(super) fn of_client(
        environment: Arc<TlsEnvironment>,
        digest: ChainDigest,
        epoch: u64,
        verdict: &Verdict,
    ) -> Self {
        Self {
            marks: Marks::new(verdict.deadline.as_secs(), epoch),
            client: Some(PresentedChain {
                environment,
                chain: Arc::clone(&verdict.chain),
                digest,
                opened_under: epoch,
            }),
            ..Self::until(verdict.deadline)
        }
    }

    /// Asks whether the verdict holds at `now`, under the epoch that is in force. The first layer of every request calls this, so
    /// that no request reaches a handler on the word of an epoch that is over. Where nothing has changed it costs three loads.
    ///
    /// # Errors
    /// [`Retired`] once the chain does not pass any more or [`Standing::retire`] was called; it then stays so.
    pub fn ask(&self, now: SystemTime) -> Result<(), Retired> {
        // A clock before 1970 can vouch for no certificate.
        let seconds = now.duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs());
        let is_in_force = |epoch| self.client.as_ref().is_none_or(|client| client.environment.epoch_number() == epoch);
        if self.marks.hold(seconds, is_in_force) {
            return Ok(());
        }
        self.judge_again(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }

    /// Judges the chain by the epoch that is in force, and retires the connection when it does not pass.
    ///
    /// # Errors
    /// [`Retired`]
    fn judge_again(&self, now: UnixTime) -> Result<(), Retired> {
        self.judge_by(now, |client| client.environment.judge(&client.digest, &client.chain, now))
    }

    /// As one of many connections that are judged one after the other: each chain once.
    ///
    /// # Errors
    /// [`Retired`]
    pub(super) fn judge_in(&self, pass: &mut Pass<'_>) -> Result<(), Retired> {
        self.judge_by(pass.now, |client| pass.judge(&client.digest, &client.chain))
    }

    fn judge_by(
        &self,
        now: UnixTime,
        judge: impl FnOnce(&PresentedChain) -> Result<(u64, Arc<Verdict>), Refusal>,
    ) -> Result<(), Retired> {
        let _one_at_a_time = self.judging.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waited may find that it is over.
        if self.is_retired() {
            return Err(Retired);
        }
        let Some(client) = &self.client else {
            self.retire_for(Refusal::Expired);
            return Err(Retired);
        };
        match judge(client) {
            Ok((epoch, verdict)) if now <= verdict.deadline => {
                let deadline = verdict.deadline.as_secs();
                // Retired meanwhile: that is for good.
                let before = self.marks.renew(deadline, epoch).ok_or(Retired)?;
                if deadline < before {
                    self.shortened.notify_one();
                }
                Ok(())
            }
            Ok(_) => {
                self.retire_for(Refusal::Expired);
                Err(Retired)
            }
            Err(refusal) => {
                self.retire_for(refusal);
                Err(Retired)
            }
        }
    }

    /// Completes when the deadline has come nearer since the last time. For one waiter, the connection, which sleeps until then.
    pub(crate) async fn shortened(&self) {
        self.shortened.notified().await;
    }

    fn retire_for(&self, why: Refusal) {
        let _ = self.why.set(why);
        self.retire();
    }

    /// Ends the verdict now and for good.
    pub fn retire(&self) {
        self.retired.cancel();
        self.marks.end();
    }

    /// Whether the verdict has been found not to hold any more.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.retired.is_cancelled()
    }

    /// Why the client no longer passed, where that is known.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.why.get().copied()
    }

    /// Completes when the verdict has been found not to hold any more; the connection then says goodbye.
    pub async fn retired(&self) {
        self.retired.cancelled().await;
    }

    /// The last second at which the verdict holds; 0 when retired.
    #[must_use]
    pub fn deadline(&self) -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(self.marks.good_through()))
    }

    /// The epoch that the handshake was judged by; 0 where there was none.
    #[must_use]
    pub fn opened_under(&self) -> u64 {
        self.client.as_ref().map_or(0, |client| client.opened_under)
    }
}
