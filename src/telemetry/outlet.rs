//! Lines on their way out of the process. Nobody who logs waits for whoever reads the log: a reader that stalls must not stop calls, and
//! a system call for each line would cost a request more than the line itself.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::error;
use tracing_subscriber::fmt::MakeWriter;

use super::events;

/// What waits at most, in bytes: a tenth of a second of the most lines that a core can write. What comes then is lost, and counted.
const LIMIT: usize = 4 << 20;
/// What is kept of a buffer that has grown, in bytes.
const USUAL: usize = 256 << 10;
/// After lines were written: for so long others gather, of which none has to wake anybody. The first line after a silence is written at
/// once.
const PAUSE: Duration = Duration::from_millis(10);
/// Until somebody who reads nothing is asked again.
const STALLED: Duration = Duration::from_millis(10);

/// Takes lines and has them written by a thread of its own, in their order. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to be done.
    wake: Condvar,
    /// Something was written.
    progress: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whole lines that wait.
    lines: Vec<u8>,
    /// Lines that there was no room for, since this was last told.
    lost: u64,
    /// Nothing is written, and nothing waits.
    idle: bool,
    /// Somebody waits for all to be written.
    hurried: bool,
    /// Bytes that were ever taken, and those of them that are out.
    taken: u64,
    out: u64,
}

impl Outlet {
    /// Everything goes to `out` from now on.
    pub(super) fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let outlet = Self::default();
        let lines = outlet.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || lines.drain(out))?;
        Ok(outlet)
    }

    /// Waits until all is out that was taken before, for `patience` at most. Whether it is.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.state();
        let all = state.taken;
        state.hurried = true;
        self.0.wake.notify_all();
        while state.out < all {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return false };
            state = self.0.progress.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// A whole line.
    pub(super) fn take(&self, line: &[u8]) {
        let mut state = self.state();
        if state.lines.len() + line.len() > LIMIT {
            state.lost += 1;
            return;
        }
        state.lines.extend_from_slice(line);
        state.taken += line.len() as u64;
        if mem::take(&mut state.idle) {
            self.0.wake.notify_all();
        }
    }

    /// The thread's work, as long as the process lives.
    fn drain(self, mut out: impl Write) {
        let (mut lines, mut torn, mut lost) = (Vec::new(), Torn::default(), 0);
        loop {
            lost += self.next(&mut lines);
            let failed = torn.write(&mut out, &lines);
            lost += failed;
            let length = lines.len() as u64;
            lines.clear();
            lines.shrink_to(USUAL);
            // Once lines come out again: this is one as well, and must not be the reason for the next one.
            if failed == 0 && lost > 0 {
                error!(event = events::LOG_LINES_LOST, lines = mem::take(&mut lost), "lines of the log were left out");
            }
            let mut state = self.state();
            state.out += length;
            if state.hurried {
                self.0.progress.notify_all();
            }
            drop(self.0.wake.wait_timeout_while(state, PAUSE, |state| !state.hurried));
        }
    }

    /// Waits for lines, and exchanges them for the empty ones. How many were lost so far.
    fn next(&self, empty: &mut Vec<u8>) -> u64 {
        let mut state = self.state();
        while state.lines.is_empty() {
            (state.idle, state.hurried) = (true, false);
            state = self.0.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(&mut state.lines, empty);
        mem::take(&mut state.lost)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what went out last is a part of a line.
#[derive(Debug, Default)]
struct Torn(bool);

impl Torn {
    /// Writes whole lines, and tells how many of them did not come out whole: a disk may be full. What comes after a part of a line begins
    /// a line of its own.
    fn write(&mut self, out: &mut impl Write, lines: &[u8]) -> u64 {
        if self.0 {
            self.0 = write(out, b"\n") == 0;
        }
        let written = if self.0 { 0 } else { write(out, lines) };
        let (out, left) = lines.split_at_checked(written).unwrap_or((lines, &[]));
        self.0 |= out.last().is_some_and(|last| *last != b'\n');
        left.iter().filter(|byte| **byte == b'\n').count() as u64
    }
}

/// As `write_all`, which gives up on a pipe that does not block; others who hold it may have made it so. How many bytes came out.
fn write(out: &mut impl Write, bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while !rest.is_empty() {
        match out.write(rest) {
            Ok(0) => break,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(STALLED),
            Err(_) => break,
        }
    }
    bytes.len() - rest.len()
}

/// The end of an event's line. What formats events hands over each of them in one piece.
impl Write for Outlet {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.take(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Outlet {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests;
