//! A load under way: its threads, and their end.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{Barrier, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connecting::Connecting;
use super::cpu::cpu_time;
use super::lanes::{self, Lane};
use super::multiplexed;
use super::schedule::Schedule;
use super::{Latencies, LoadError, Measures, Mode, Plan};
use crate::caller::{CallerOptions, Http, Wanted};

/// A load under way. It ends by itself at the plan's end, and when this goes.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    figures: Vec<Arc<Mutex<Figures>>>,
    wanted: Wanted,
    threads: Vec<JoinHandle<()>>,
    /// Says when all threads have ended: by then nobody is left to send.
    ended: mpsc::Receiver<()>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The figures.
    pub measures: Measures,
    /// From the first call's begin to the last one's end.
    pub elapsed: Duration,
    /// CPU time of this process meanwhile; `None` where the system does not tell.
    pub cpu: Option<Duration>,
    /// Whether it was stopped before the plan's end.
    pub stopped: bool,
    /// The CAs whose clients the server takes, as far as it says so; `None` = it has asked for no certificate.
    pub wanted: Option<Vec<String>>,
}

/// What happened since it was asked for last.
#[derive(Clone, Debug)]
pub struct Recent {
    /// Calls that have ended with an answer: their times.
    pub calls: Latencies,
    /// Calls that have failed, since the begin.
    pub failed: u64,
}

/// What all threads have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: Plan,
    pub(super) schedule: Schedule,
    /// Ends what is under way as well.
    abandon: CancellationToken,
    stop: CancellationToken,
    /// Until all connections that are kept are there.
    ready: Barrier,
    cpu_before: OnceLock<Option<Duration>>,
    ended: Mutex<Option<Instant>>,
}

/// The figures of one thread.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) measures: Measures,
    /// Since they were asked for last.
    pub(super) recent: Latencies,
}

impl Running {
    pub(super) fn start(options: &CallerOptions, plan: Plan) -> Result<Self, LoadError> {
        let connecting = Connecting::new(options, plan.mode, &plan.groups)?;
        let http2 = options.http == Http::V2;
        let threads = plan.threads.min(plan.connections).get();
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        let shared = Arc::new(Shared {
            schedule: Schedule::new(plan.rate, plan.count.map(Into::into), plan.duration, stop.clone()),
            plan,
            abandon,
            stop,
            ready: Barrier::new(threads),
            cpu_before: OnceLock::new(),
            ended: Mutex::new(None),
        });
        let (alive, ended) = mpsc::channel(1);
        let mut running =
            Self { shared, figures: Vec::new(), wanted: connecting.wanted().clone(), threads: Vec::new(), ended };
        // Everything that may fail comes before the first thread: each waits for all others.
        let mut prepared = Vec::new();
        for number in 0..threads {
            let figures = Arc::new(Mutex::new(Figures { measures: Measures::new()?, recent: Latencies::new()? }));
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::Thread)?;
            running.figures.push(Arc::clone(&figures));
            prepared.push((runtime, number, figures));
        }
        for (runtime, number, figures) in prepared {
            let connections = running.shared.share(number, threads);
            let (shared, connecting, alive) = (Arc::clone(&running.shared), connecting.clone(), alive.clone());
            let thread = thread::Builder::new().name(format!("load-{number}")).spawn(move || {
                let lane = Lane { shared: Arc::clone(&shared), figures, connecting };
                runtime.block_on(shared.run(lane, connections, http2));
                drop(alive);
            });
            running.threads.push(thread.map_err(LoadError::Thread)?);
        }
        Ok(running)
    }

    /// What happened since this was asked for last.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn recent(&self) -> Result<Recent, LoadError> {
        let mut recent = Recent { calls: Latencies::new()?, failed: 0 };
        for figures in &self.figures {
            let mut figures = figures.lock().unwrap_or_else(PoisonError::into_inner);
            recent.calls.add(&figures.recent);
            figures.recent.clear();
            recent.failed += figures.measures.failed();
        }
        Ok(recent)
    }

    /// No further call begins; those that are under way end.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }

    /// No further call begins, and those that are under way are forgotten.
    pub fn abandon(&self) {
        self.stop();
        self.shared.abandon.cancel();
    }

    /// Waits for the end.
    pub async fn ended(&mut self) {
        // Nothing is ever sent.
        let _ = self.ended.recv().await;
    }

    /// Waits for the end, and adds everything up.
    ///
    /// # Errors
    /// When a thread has broken down, or there is no memory.
    pub fn outcome(mut self) -> Result<Outcome, LoadError> {
        for thread in std::mem::take(&mut self.threads) {
            thread.join().map_err(|_| LoadError::BrokenDown)?;
        }
        let cpu_before = self.shared.cpu_before.get().copied().flatten();
        let cpu = cpu_time(None).zip(cpu_before).map(|(now, before)| now.saturating_sub(before));
        let mut measures = Measures::new()?;
        for figures in &self.figures {
            measures.add(&figures.lock().unwrap_or_else(PoisonError::into_inner).measures);
        }
        let ended = *self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = ended.zip(self.shared.schedule.begun()).map(|(end, begun)| end.saturating_duration_since(begun));
        let stopped = self.shared.stop.is_cancelled();
        let wanted = self.wanted.authorities();
        Ok(Outcome { measures, elapsed: elapsed.unwrap_or_default(), cpu, stopped, wanted })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl Shared {
    /// How many of the connections are those of thread `number`.
    fn share(&self, number: usize, threads: usize) -> usize {
        let all = self.plan.connections.get();
        all / threads + usize::from(number < all % threads)
    }

    async fn run(&self, lane: Lane, connections: usize, http2: bool) {
        let calls = async {
            match (self.plan.mode, http2) {
                (Mode::KeepAlive, false) => lanes::kept(lane, connections).await,
                (Mode::KeepAlive, true) => multiplexed::run(lane, connections).await,
                (Mode::Handshake | Mode::Resume, _) => lanes::short(lane, connections, http2).await,
            }
        };
        tokio::select! {
            () = calls => {}
            () = self.abandon.cancelled() => {}
        }
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// All threads are ready; the first call may begin.
    pub(super) async fn begin(&self) {
        self.ready.wait().await;
        self.cpu_before.get_or_init(|| cpu_time(None));
        self.schedule.begin();
    }
}
