//! Logs: one line per event on standard error, for people or as JSON.

mod json;

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tracing::Dispatch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use json::JsonLines;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people, coloured on a terminal.
    #[default]
    Human,
    /// One JSON object a line, the event's fields at its top level.
    Json,
}

/// What cannot be logged by.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is none.
    #[error(
        "{0:?} is no log level: use error, warn, info, debug, trace, or a filter such as \"info,issuer_host=debug\""
    )]
    Level(String),
    /// Somebody logs already.
    #[error("a logger is already installed in this process")]
    Installed,
}

/// Installs the process' logger. `level` is a level, or a filter by module.
///
/// # Errors
/// [`TelemetryError`]; nothing is installed then.
pub fn init(format: Format, level: &str) -> Result<(), TelemetryError> {
    let lines = dispatch(format, level, std::io::stderr().is_terminal(), std::io::stderr)?;
    lines.try_init().map_err(|_| TelemetryError::Installed)
}

/// A logger that nobody uses yet, and that writes to `writer`, in colours where lines are for people and `colours` are wanted.
///
/// # Errors
/// [`TelemetryError::Level`].
pub fn dispatch<W>(format: Format, level: &str, colours: bool, writer: W) -> Result<Dispatch, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(level).map_err(|_| TelemetryError::Level(level.to_owned()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        Format::Human => lines.with_ansi(colours).with_target(false).into(),
        Format::Json => lines.with_ansi(false).event_format(JsonLines).into(),
    })
}

/// Lets one line a second pass: what a stranger, or a backend that is down, can cause must not become a flood of lines.
#[derive(Debug)]
pub(crate) struct OncePerSecond {
    since: Instant,
    /// The second, counted from `since`, before which nothing more is said.
    quiet_until: AtomicU64,
    unsaid: AtomicU64,
}

impl Default for OncePerSecond {
    fn default() -> Self {
        Self { since: Instant::now(), quiet_until: AtomicU64::new(0), unsaid: AtomicU64::new(0) }
    }
}

impl OncePerSecond {
    /// `Some` when the caller may speak, with the number of lines that were not said since the last one.
    pub(crate) fn turn(&self) -> Option<u64> {
        let now = self.since.elapsed().as_secs();
        let quiet_until = self.quiet_until.load(Ordering::Relaxed);
        let mine = now >= quiet_until
            && self.quiet_until.compare_exchange(quiet_until, now + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            return Some(self.unsaid.swap(0, Ordering::Relaxed));
        }
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::OncePerSecond;

    #[test]
    fn what_comes_again_in_the_same_second_is_counted_and_not_said() {
        let mut lines = OncePerSecond::default();
        assert_eq!(lines.turn(), Some(0));
        // The second that is quiet is made to last.
        *lines.quiet_until.get_mut() = u64::MAX;
        assert_eq!((lines.turn(), lines.turn()), (None, None));
        *lines.quiet_until.get_mut() = 0;
        assert_eq!(lines.turn(), Some(2));
    }
}
