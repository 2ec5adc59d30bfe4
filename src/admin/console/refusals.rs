//! Callers that were refused, as they are shown.

use super::look::Seen;
use super::moment::Moment;
use super::reasons;
use super::seen::RefusalSeen;

/// A caller that was refused.
#[derive(Debug)]
pub(super) struct RefusalView {
    pub(super) at: Moment,
    pub(super) times: u64,
    pub(super) environment: String,
    pub(super) reason: &'static str,
    pub(super) meaning: &'static str,
    pub(super) to_do: &'static str,
    pub(super) subject: String,
    pub(super) sha256: String,
    pub(super) address: String,
    pub(super) of_client_ca: bool,
    pub(super) retired: bool,
}

/// Those of a client CA first, then the others; the newest first.
pub(super) fn refusals(seen: &Seen) -> Vec<RefusalView> {
    let view = |refusal: &RefusalSeen| {
        let reason = reasons::of(refusal.reason);
        RefusalView {
            at: Moment::of(refusal.at, seen.now),
            times: refusal.times,
            environment: refusal.environment.clone(),
            reason: refusal.reason,
            meaning: reason.meaning,
            to_do: reason.to_do,
            subject: refusal.subject.clone().unwrap_or_default(),
            sha256: refusal.sha256.clone().unwrap_or_default(),
            address: refusal.address.clone(),
            of_client_ca: refusal.of_client_ca,
            retired: refusal.retired,
        }
    };
    seen.refusals.iter().map(view).collect()
}
