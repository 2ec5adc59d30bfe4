//! The CPU time of a whole process, thread by thread, in nanoseconds: `/proc/PID/stat` counts ticks of 10 ms.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::Error;

/// Between two looks at a process that is to be at rest.
const LOOK: Duration = Duration::from_millis(2);
/// Looks in a row that have to agree.
const AGREEING: u32 = 4;
/// A process that never rests, because of timers of its own, is read as it is after this.
const PATIENCE: Duration = Duration::from_millis(500);

/// The CPU time of a process, for another one to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessClock(u32);

/// What each thread has used until one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading(HashMap<String, u64>);

/// What has been used between two readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) time: Duration,
    /// Threads that ended meanwhile. What they used in between is lost: a reading cannot see it.
    pub(crate) ended: usize,
}

impl ProcessClock {
    pub(crate) fn of(pid: u32) -> Self {
        Self(pid)
    }

    pub(crate) fn read(self) -> Result<Reading, Error> {
        let folder = format!("/proc/{}/task", self.0);
        let mut threads = HashMap::new();
        for thread in fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))? {
            let thread = thread?;
            match fs::read_to_string(thread.path().join("schedstat")) {
                Ok(schedstat) => {
                    let nanos = schedstat.split_whitespace().next().ok_or("a thread's schedstat is empty")?.parse()?;
                    threads.insert(thread.file_name().to_string_lossy().into_owned(), nanos);
                }
                // It has ended since the directory was read; depending on when, either is said.
                Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Reading(threads))
    }

    /// The reading once nothing runs any more: what a running thread uses is booked later.
    pub(crate) async fn at_rest(self) -> Result<Reading, Error> {
        let begun = Instant::now();
        let (mut last, mut agreeing) = (self.read()?, 0);
        while agreeing < AGREEING && begun.elapsed() < PATIENCE {
            sleep(LOOK).await;
            let now = self.read()?;
            agreeing = if now == last { agreeing + 1 } else { 0 };
            last = now;
        }
        Ok(last)
    }
}

/// No such process, which Linux answers for a thread that ended after its file was opened.
const ESRCH: i32 = 3;

impl Reading {
    pub(crate) fn since(&self, before: &Self) -> Used {
        let nanos = self.0.iter().map(|(thread, now)| now - before.0.get(thread).copied().unwrap_or(0).min(*now)).sum();
        let ended = before.0.keys().filter(|thread| !self.0.contains_key(*thread)).count();
        Used { time: Duration::from_nanos(nanos), ended }
    }
}
