//! Threads that serve connections, each by itself.
//!
//! A connection stays on the thread that it was given to, with all that is done for it: nothing is handed from core to core for each of its
//! requests, as it is by a runtime whose threads take work from each other. It is given to the thread that has the fewest, since a
//! product's calls come over few connections which live long, and the kernel's way of spreading them (`SO_REUSEPORT`) goes by chance.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{self, Handle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::drain::Shutdown;
use super::pulse::Pulse;

/// Where connections are served. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Workers(Arc<[Worker]>);

#[derive(Debug)]
struct Worker {
    /// `None` = the runtime of whoever accepts.
    runtime: Option<Handle>,
    connections: AtomicUsize,
}

impl Worker {
    fn of(runtime: Option<Handle>) -> Self {
        Self { runtime, connections: AtomicUsize::new(0) }
    }

    fn spawn<F: Future<Output: Send> + Send + 'static>(&self, work: F) -> JoinHandle<F::Output> {
        match &self.runtime {
            Some(runtime) => runtime.spawn(work),
            None => tokio::spawn(work),
        }
    }
}

impl Default for Workers {
    /// The runtime of whoever runs the server.
    fn default() -> Self {
        Self(Arc::new([Worker::of(None)]))
    }
}

impl Workers {
    /// Runs what accepts connections.
    pub(crate) fn accept<F: Future<Output = ()> + Send + 'static>(&self, accepting: F) -> JoinHandle<()> {
        match self.0.first() {
            Some(first) => first.spawn(accepting),
            None => tokio::spawn(accepting),
        }
    }

    /// Has each thread that accepts nothing give a sign of life when `pulse` asks.
    pub(crate) fn felt_by(&self, pulse: &mut Pulse) {
        for worker in self.0.iter().skip(1) {
            let mut beat = pulse.beat();
            worker.spawn(async move {
                loop {
                    beat.answer().await;
                }
            });
        }
    }

    /// The place of a connection that was accepted just now: with the worker that has the fewest.
    pub(super) fn place(&self) -> Place {
        let fewest = self.0.iter().enumerate().min_by_key(|(_, worker)| worker.connections.load(Ordering::Relaxed));
        let place = Place { workers: self.clone(), at: fewest.map_or(0, |(at, _)| at) };
        if let Some(worker) = place.worker() {
            worker.connections.fetch_add(1, Ordering::Relaxed);
        }
        place
    }
}

/// The place of a connection, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    workers: Workers,
    at: usize,
}

impl Place {
    fn worker(&self) -> Option<&Worker> {
        self.workers.0.get(self.at)
    }

    /// Serves a connection that the first worker has accepted, in its place, under the eyes of `shutdown`.
    pub(super) fn serve<F>(
        self,
        socket: TcpStream,
        shutdown: &Shutdown,
        serve: impl FnOnce(TcpStream, Self) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let elsewhere = self.worker().filter(|_| self.at > 0).and_then(|worker| worker.runtime.clone());
        let Some(runtime) = elsewhere else {
            shutdown.spawn(serve(socket, self));
            return;
        };
        // A socket belongs to the runtime that it was opened in.
        let Ok(socket) = socket.into_std() else { return };
        shutdown.spawn_on(&runtime, async move {
            if let Ok(socket) = TcpStream::from_std(socket) {
                // On the heap: it would have its room here twice.
                Box::pin(serve(socket, self)).await;
            }
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(worker) = self.worker() {
            worker.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// For ever. Whoever sets a timer that is due before all others makes the runtime wake the thread that waits for them, which is the thread
/// itself here: two system calls for nothing, twice for each connection that comes. With this one no other is the first.
async fn ticking() {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
    }
}

/// Less than any timer that every connection sets.
const TICK: Duration = Duration::from_millis(500);

/// The threads.
#[derive(Debug)]
pub struct WorkerThreads {
    workers: Workers,
    threads: Vec<thread::JoinHandle<()>>,
    end: CancellationToken,
    last_work: Duration,
    /// Tells that all have ended, by its end: each of them has a sender.
    ended: mpsc::Receiver<()>,
}

impl WorkerThreads {
    /// Starts `count` threads, at least one. When they end, tasks are dropped where they wait; what blocks a thread is given `last_work` to
    /// end by itself.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(count: usize, last_work: Duration) -> io::Result<Self> {
        let (mut workers, mut threads, end) = (Vec::new(), Vec::new(), CancellationToken::new());
        let (lives, ended) = mpsc::channel::<()>();
        for number in 0..count.max(1) {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            workers.push(Worker::of(Some(runtime.handle().clone())));
            let (end, lives) = (end.clone(), lives.clone());
            // No longer than the 15 bytes that Linux shows.
            threads.push(thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = end.cancelled() => {}
                        () = ticking() => {}
                    }
                });
                runtime.shutdown_timeout(last_work);
                drop(lives);
            })?);
        }
        Ok(Self { workers: Workers(workers.into()), threads, end, last_work, ended })
    }

    /// Where connections can be served.
    #[must_use]
    pub fn workers(&self) -> Workers {
        self.workers.clone()
    }

    /// Ends the threads, and waits for them; not for one that is blocked longer than it is given.
    pub fn end(self) {
        self.end.cancel();
        // Once to come out of what it is doing, and once for what its runtime has beside it.
        if let Err(mpsc::RecvTimeoutError::Timeout) = self.ended.recv_timeout(self.last_work * 2) {
            return;
        }
        for thread in self.threads {
            // One that panicked has ended as well.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn name() -> String {
        thread::current().name().unwrap_or_default().to_owned()
    }

    #[test]
    fn each_connection_is_served_by_the_thread_that_has_the_fewest() {
        let threads = WorkerThreads::start(3, Duration::from_millis(100)).unwrap();
        let workers = threads.workers();
        let places: Vec<_> = (0..6).map(|_| workers.place()).collect();
        assert_eq!(places.iter().map(|place| place.at).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2]);
        let kept = places.into_iter().filter(|place| place.at != 1).collect::<Vec<_>>();
        assert_eq!(workers.place().at, 1);
        assert_eq!(workers.place().at, 1, "the one before was given back");
        drop(kept);
        threads.end();
    }

    #[test]
    fn a_connection_is_served_where_it_was_placed_and_its_place_is_free_when_it_ends() {
        let threads = WorkerThreads::start(2, Duration::from_millis(100)).unwrap();
        let (workers, shutdown) = (threads.workers(), Shutdown::default());
        let (served, serving) = mpsc::channel();
        let accepting = {
            let (workers, shutdown) = (workers.clone(), shutdown.clone());
            workers.clone().accept(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let mut callers = Vec::new();
                for _ in 0..2 {
                    callers.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
                    let (socket, peer) = listener.accept().await.unwrap();
                    let served = served.clone();
                    workers.place().serve(socket, &shutdown, move |socket, place| async move {
                        assert_eq!(socket.peer_addr().unwrap(), peer);
                        // A runtime that does not hold the socket would never tell of it.
                        assert_eq!(socket.peek(&mut [0]).await.unwrap(), 0);
                        served.send(name()).unwrap();
                        drop(place);
                    });
                }
                drop(callers);
            })
        };
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(accepting).unwrap();
        let mut names = [serving.recv().unwrap(), serving.recv().unwrap()];
        names.sort();
        assert_eq!(names, ["worker-0", "worker-1"]);
        runtime.block_on(async { shutdown.drain(Duration::from_secs(20)).await });
        assert!(workers.0.iter().all(|worker| worker.connections.load(Ordering::SeqCst) == 0));
        threads.end();
    }

    #[test]
    fn the_pulse_is_felt_while_every_thread_comes_round() {
        let threads = WorkerThreads::start(3, Duration::from_millis(100)).unwrap();
        let mut pulse = Pulse::default();
        threads.workers().felt_by(&mut pulse);
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert!(runtime.block_on(pulse.is_felt()));
        let (release, released) = mpsc::channel::<()>();
        let (started, begun) = mpsc::channel();
        let last = threads.workers().0[2].spawn(async move {
            started.send(()).unwrap();
            // A thread that is stuck, and no task that waits.
            let _ = released.recv();
        });
        begun.recv().unwrap();
        let felt = runtime.spawn(async move { pulse.is_felt().await });
        runtime.block_on(tokio::task::yield_now());
        assert!(!felt.is_finished());
        drop(release);
        assert!(runtime.block_on(felt).unwrap(), "control: now it comes round");
        runtime.block_on(last).unwrap();
        threads.end();
    }

    #[test]
    fn work_that_never_ends_does_not_keep_the_threads() {
        let threads = WorkerThreads::start(2, Duration::from_millis(50)).unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (started, begun) = mpsc::channel();
        drop(threads.workers().accept(async move {
            tokio::task::spawn_blocking(move || {
                started.send(()).unwrap();
                let _ = released.recv();
            });
        }));
        begun.recv().unwrap();
        threads.end();
        drop(release);
    }

    #[test]
    fn a_thread_that_is_stuck_is_not_waited_for() {
        let threads = WorkerThreads::start(2, Duration::from_millis(50)).unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (started, begun) = mpsc::channel();
        drop(threads.workers().accept(async move {
            started.send(()).unwrap();
            let _ = released.recv();
        }));
        begun.recv().unwrap();
        threads.end();
        // Only now: it was stuck all the time.
        drop(release);
    }
}
