//! What one thread has used so far, as Linux counts it: in nanoseconds, where `/proc/PID/stat` counts ticks.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// Between two looks at a thread that is to be at rest.
const LOOK: Duration = Duration::from_millis(2);
/// Looks in a row that have to agree.
const AGREEING: u32 = 4;
/// A thread that never rests is an error.
const PATIENCE: Duration = Duration::from_secs(30);

/// The CPU time of a thread, for any other thread to read.
#[derive(Clone, Debug)]
pub(crate) struct ThreadClock(PathBuf);

impl ThreadClock {
    pub(crate) fn of_this_thread() -> Result<Self, Error> {
        Ok(Self(Path::new("/proc").join(fs::read_link("/proc/thread-self")?)))
    }

    /// The time used so far, once the thread waits for something: what a running thread uses is booked later.
    pub(crate) fn at_rest(&self) -> Result<Duration, Error> {
        let begun = Instant::now();
        let (mut last, mut agreeing) = (None, 0);
        while agreeing < AGREEING {
            if begun.elapsed() > PATIENCE {
                return Err("the server is never at rest".into());
            }
            thread::sleep(LOOK);
            let now = self.if_waiting()?;
            agreeing = if now.is_some() && now == last { agreeing + 1 } else { 0 };
            last = now;
        }
        last.ok_or_else(|| "no CPU time".into())
    }

    fn if_waiting(&self) -> Result<Option<Duration>, Error> {
        let stat = fs::read_to_string(self.0.join("stat"))?;
        // The state is the first field behind the name, which may itself hold any character (proc(5)).
        let (_, fields) = stat.rsplit_once(')').ok_or("a thread's stat has no name")?;
        if !fields.trim_start().starts_with('S') {
            return Ok(None);
        }
        let used = fs::read_to_string(self.0.join("schedstat"))?;
        let nanos = used.split_whitespace().next().ok_or("a thread's schedstat is empty")?.parse()?;
        Ok(Some(Duration::from_nanos(nanos)))
    }
}

/// The CPU time of `work`, in a thread of its own.
pub(crate) fn time_of(work: impl FnOnce() -> Result<(), Error> + Send) -> Result<Duration, Error> {
    thread::scope(|scope| {
        let (ready, is_ready) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let (done, is_done) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        scope.spawn(move || {
            let _ = ready.send(ThreadClock::of_this_thread());
            if gone.recv().is_ok() {
                let _ = done.send(work());
                // Until its time has been read.
                let _ = left.recv();
            }
        });
        let clock = is_ready.recv()??;
        let before = clock.at_rest()?;
        go.send(())?;
        is_done.recv()??;
        let used = clock.at_rest()?.saturating_sub(before);
        drop(leave);
        Ok(used)
    })
}

/// Microseconds for one of `count`.
pub(crate) fn micros_each(time: Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(count)
}
