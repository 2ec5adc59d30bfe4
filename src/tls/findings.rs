//! What a running handshake has found out about its client.
//!
//! rustls offers no way to attach anything to a connection: the verifier and the session keys leave their findings here for the
//! handshake that they are called from, and read those of each other. Judging twice would cost a second round of signatures.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rustls_pki_types::UnixTime;

use super::judge::{ChainDigest, Verdict};
use super::refusal::RefusedClient;

/// An acceptance, with the digest of the chain that it is about.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) digest: ChainDigest,
    pub(super) verdict: Arc<Verdict>,
    /// Whether the chain had been accepted before, so that it was not verified again.
    pub(super) remembered: bool,
}

pub(super) type Judgement = Result<Accepted, RefusedClient>;

#[derive(Default)]
struct Findings {
    judgement: RefCell<Option<Judgement>>,
    /// The earliest deadline of the verdicts that tickets of this handshake were issued under.
    opened: Cell<Option<UnixTime>>,
}

tokio::task_local! {
    static FINDINGS: Findings;
}

/// Runs a handshake; yields what the verifier left, which is nothing where the session was resumed.
pub(super) async fn observe<F: Future>(handshake: F) -> (F::Output, Option<Judgement>) {
    FINDINGS
        .scope(Findings::default(), async {
            let outcome = handshake.await;
            (outcome, FINDINGS.with(|findings| findings.judgement.take()))
        })
        .await
}

/// The verifier has judged.
pub(super) fn judged(judgement: Judgement) {
    // Outside of a handshake (a verifier called by a test) there is nobody to leave it for.
    let _ = FINDINGS.try_with(|findings| findings.judgement.replace(Some(judgement)));
}

/// A ticket was opened whose verdict holds until `deadline`. A client may offer several.
pub(super) fn ticket_opened(deadline: UnixTime) {
    let _ = FINDINGS.try_with(|findings| {
        findings.opened.set(Some(findings.opened.get().map_or(deadline, |earlier| earlier.min(deadline))));
    });
}

/// How long a ticket of this handshake may be good for: until the deadline of its verdict, or of the one that the resumed session
/// began with. `None` where nobody was accepted.
pub(super) fn ticket_deadline() -> Option<UnixTime> {
    FINDINGS
        .try_with(|findings| match findings.judgement.borrow().as_ref() {
            Some(Ok(accepted)) => Some(accepted.verdict.deadline),
            Some(Err(_)) => None,
            None => findings.opened.get(),
        })
        .ok()
        .flatten()
}
