//! What administrators did, and who was refused: lines of the log by which somebody can tell afterwards who changed what.

use std::net::IpAddr;
use std::sync::Arc;

use tracing::{info, warn};

use super::access::InForce;
use super::refusal::Refusal;
use super::session::{Label, Opened};
use crate::inbox::entry::EntryId;
use crate::metrics::AdminMetrics;
use crate::pki::ClientIdentity;
use crate::telemetry::{Level, OncePerSecond, events};

/// By what somebody is known.
#[derive(Clone, Debug)]
pub(super) enum By {
    /// By being on this machine, where nothing is asked for.
    Loopback,
    Token,
    Session(Label),
    Certificate(Arc<ClientIdentity>),
}

/// Who asks for something that is for administrators alone. Requests that were let in have it among their extensions; what has none gets
/// to no route that changes something.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) peer: IpAddr,
    pub(super) by: By,
}

/// What an administrator changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Reload,
    LogLevel(Level),
    Replay(EntryId),
    Discard(EntryId),
}

impl By {
    const fn name(&self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Token => "token",
            Self::Session(_) => "session",
            Self::Certificate(_) => "certificate",
        }
    }
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::LogLevel(_) => "log_level",
            Self::Replay(_) => "replay",
            Self::Discard(_) => "discard",
        }
    }
}

impl Who {
    /// Tells of it before it is done: whoever goes away meanwhile, or makes the log say less, is told of all the same.
    pub(super) fn does(&self, action: Action) {
        let (peer, by) = (self.peer, self.by.name());
        let session = match &self.by {
            By::Session(label) => Some(label.to_string()),
            _ => None,
        };
        let certificate = match &self.by {
            By::Certificate(identity) => Some(identity),
            _ => None,
        };
        let entry = match action {
            Action::Replay(id) | Action::Discard(id) => Some(id.to_string()),
            Action::Reload | Action::LogLevel(_) => None,
        };
        let to = match action {
            Action::LogLevel(level) => Some(level.name()),
            _ => None,
        };
        warn!(
            event = events::ADMIN_ACTION,
            action = action.name(),
            entry,
            to,
            %peer,
            by,
            session,
            subject = certificate.map(|identity| identity.subject.as_str()),
            sha256 = certificate.map(|identity| tracing::field::display(identity.sha256)),
            "an administrator asks for it"
        );
    }
}

/// What is told of all requests together.
#[derive(Debug)]
pub(super) struct Audit {
    metrics: AdminMetrics,
    refused: OncePerSecond,
}

impl Audit {
    pub(super) fn new(metrics: AdminMetrics) -> Self {
        Self { metrics, refused: OncePerSecond::default() }
    }

    /// Somebody of whom something was asked has shown it.
    pub(super) fn let_in(&self) {
        self.metrics.asked("allowed");
    }

    /// Somebody was not let in.
    pub(super) fn refused(&self, refusal: Refusal, peer: IpAddr) {
        let reason = refusal.name();
        self.metrics.asked(reason);
        if let Some(unsaid) = self.refused.turn(reason) {
            info!(event = events::ADMIN_REFUSED, reason, %peer, unsaid, "a request to the admin listener was refused");
        }
    }
}

/// Why a session is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Logout,
    SignedInAgain,
    TooMany,
    OutOfTime,
    OtherToken,
}

impl Why {
    const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::SignedInAgain => "signed_in_again",
            Self::TooMany => "too_many",
            Self::OutOfTime => "out_of_time",
            Self::OtherToken => "other_token",
        }
    }
}

/// A session was opened by somebody at `peer`.
pub(super) fn opened(session: &Opened, peer: IpAddr) {
    session.over.iter().for_each(|label| closed(*label, Why::OutOfTime, None));
    if let Some(label) = session.displaced {
        closed(label, Why::TooMany, Some(peer));
    }
    info!(event = events::ADMIN_SESSION_OPENED, session = %session.label, %peer, "an administrator has signed in");
}

/// A session is no more; because of what came from `peer`, where something did.
pub(super) fn closed(label: Label, why: Why, peer: Option<IpAddr>) {
    let (why, peer) = (why.name(), peer.map(|peer| peer.to_string()));
    info!(event = events::ADMIN_SESSION_CLOSED, session = %label, why, peer, "an administrator's session has ended");
}

/// The token is another one, so that none of these sessions goes on.
pub(super) fn closed_all(before: &InForce) {
    before.sessions.close_all().into_iter().for_each(|label| closed(label, Why::OtherToken, None));
}
