//! What somebody who looks after the process sees of a server: how far its life is, and whether it still comes round.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use super::status::StatusBoard;
use crate::admin::StatusReport;
use crate::server::Pulse;

/// How far a server's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It is bound, and does not serve yet.
    Starting,
    /// It serves.
    Ready,
    /// It was asked to end, and still serves.
    Stopping,
    /// It finishes what is in flight.
    Draining,
}

/// The server's side.
#[derive(Debug)]
pub(super) struct Life {
    phase: watch::Sender<Phase>,
    pulse: Arc<OnceLock<Pulse>>,
}

/// Shows how a server is doing. Cheap to clone.
#[derive(Clone)]
pub struct Observer {
    phase: watch::Receiver<Phase>,
    pulse: Arc<OnceLock<Pulse>>,
    board: StatusBoard,
}

impl Life {
    pub(super) fn new(board: StatusBoard) -> (Self, Observer) {
        let (sender, phase) = watch::channel(Phase::Starting);
        let pulse = Arc::default();
        (Self { phase: sender, pulse: Arc::clone(&pulse) }, Observer { phase, pulse, board })
    }

    /// It serves, with accept loops that `pulse` asks.
    pub(super) fn ready(&self, pulse: Pulse) {
        // A server runs once.
        let _ = self.pulse.set(pulse);
        self.enter(Phase::Ready);
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }
}

impl Observer {
    /// Waits for the next phase; nothing when the server has ended.
    pub async fn next_phase(&mut self) -> Option<Phase> {
        self.phase.changed().await.ok()?;
        Some(*self.phase.borrow_and_update())
    }

    /// How far it is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Whether all that takes connections comes round; one that is stuck keeps this waiting. Before the server serves and from its drain
    /// on there is nothing to ask.
    pub async fn is_alive(&self) -> bool {
        let Some(pulse) = self.pulse.get() else { return true };
        let felt = pulse.is_felt().await;
        // Loops end in the drain.
        felt || self.phase() >= Phase::Draining
    }

    /// What `/status` shows.
    #[must_use]
    pub fn status(&self) -> StatusReport {
        self.board.look()
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").field("phase", &self.phase()).finish_non_exhaustive()
    }
}
