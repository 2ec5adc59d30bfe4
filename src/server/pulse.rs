//! Whether accept loops still come round: what a watchdog wants to know.

use tokio::sync::{mpsc, oneshot};

/// Asks loops for a sign of life.
#[derive(Debug, Default)]
pub struct Pulse(Vec<mpsc::Sender<oneshot::Sender<()>>>);

/// The loop's side.
#[derive(Debug)]
pub struct Beat(mpsc::Receiver<oneshot::Sender<()>>);

impl Pulse {
    /// Another loop to ask.
    pub fn beat(&mut self) -> Beat {
        let (sender, receiver) = mpsc::channel(1);
        self.0.push(sender);
        Beat(receiver)
    }

    /// Waits until each loop has answered. Whether all did: one that has ended never does, and one that is stuck keeps this waiting.
    pub async fn is_felt(&self) -> bool {
        for loop_ in &self.0 {
            let (answer, answered) = oneshot::channel();
            if loop_.send(answer).await.is_err() || answered.await.is_err() {
                return false;
            }
        }
        true
    }
}

impl Beat {
    /// Answers whoever asks next; for ever, where nobody can ask any more. Safe to cancel.
    pub(super) async fn answer(&mut self) {
        match self.0.recv().await {
            // Who asked may have gone.
            Some(asked) => drop(asked.send(())),
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_pulse_is_felt_while_every_loop_comes_round() {
        let mut pulse = Pulse::default();
        let (mut one, mut other) = (pulse.beat(), pulse.beat());
        let living = tokio::spawn(async move { while one.0.recv().await.map(|asked| asked.send(())).is_some() {} });
        {
            let stuck = pulse.is_felt();
            tokio::pin!(stuck);
            tokio::task::yield_now().await;
            assert!(stuck.as_mut().now_or_never().is_none(), "one does not answer");
            let (felt, ()) = tokio::join!(stuck, other.answer());
            assert!(felt, "control: now it has answered");
        }
        drop(other);
        assert!(!pulse.is_felt().await, "one has ended");
        living.abort();
    }
}
