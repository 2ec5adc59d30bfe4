//! Logs: one line per event on standard error, for people or as JSON.

pub mod events;
mod human;
mod json;
mod level;
mod outlet;
mod quiet;

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, reload};

#[cfg(test)]
pub(crate) use json::testing;
pub(crate) use json::{Begun, Members, member, written_out};
pub use level::{DEFAULT_STAY, Level, LevelReport, LogLevel, MAX_STAY};
pub(crate) use quiet::OncePerSecond;

use human::HumanLines;
use json::JsonLines;
use level::Verbosity;
use outlet::Outlet;

/// The one of the process.
static OUTLET: OnceLock<Outlet> = OnceLock::new();

/// The same one, where lines are JSON.
static JSON: OnceLock<Outlet> = OnceLock::new();

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
    /// There is no thread to be had that writes.
    #[error("no thread can be started that writes log lines: {0}")]
    Thread(#[from] io::Error),
}

/// Installs the process' logger. `level` is a level, which is that of the server's own events alone, or a filter by module. What is
/// returned changes it while the process runs. Lines are written by a thread of their own, so that nobody who logs waits: call [`flush`]
/// before the process ends.
///
/// # Errors
/// [`TelemetryError`]; nothing is installed then.
pub fn init(format: Format, level: &str) -> Result<LogLevel, TelemetryError> {
    let outlet = Outlet::to(io::stderr())?;
    let (lines, level) = adjustable(format, level, io::stderr().is_terminal(), outlet.clone())?;
    lines.try_init().map_err(|_| TelemetryError::Installed)?;
    // There is none yet: there is one logger in a process, and it was installed just now.
    if format == Format::Json {
        let _ = JSON.set(outlet.clone());
    }
    let _ = OUTLET.set(outlet);
    Ok(level)
}

/// Waits until everything is written that was logged so far, for `patience` at most. At once where [`init`] was not called.
pub fn flush(patience: Duration) {
    if let Some(outlet) = OUTLET.get() {
        outlet.flush(patience);
    }
}

/// Puts a line of JSON together without the way through `tracing`, which costs the line of a request several times its own work. For what
/// comes with each request alone, and where `tracing` says that the event is enabled. False, and nothing is done, where the log of this
/// process is not ours, or is for people.
pub(crate) fn json_line(level: tracing::Level, target: &'static str, write: impl FnOnce(&mut Members)) -> bool {
    let Some(outlet) = JSON.get() else { return false };
    json::with_line(level, target, write, |line| outlet.take(line.as_bytes()));
    true
}

/// A logger that nobody uses yet, and that writes to `writer`, in colours where lines are for people and `colours` are wanted.
///
/// # Errors
/// [`TelemetryError::Level`].
pub fn dispatch<W>(format: Format, level: &str, colours: bool, writer: W) -> Result<Dispatch, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    adjustable(format, level, colours, writer).map(|(lines, _)| lines)
}

/// As [`dispatch`], with what changes its level.
fn adjustable<W>(format: Format, level: &str, colours: bool, writer: W) -> Result<(Dispatch, LogLevel), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let configured = Verbosity::from(level);
    let filter = EnvFilter::try_new(&configured.filter).map_err(|_| TelemetryError::Level(level.to_owned()))?;
    let (filter, handle) = reload::Layer::new(filter);
    // The one error is that of a logger that is gone, and then nobody reads what it would write.
    let level = LogLevel::new(configured, move |filter| drop(handle.reload(EnvFilter::new(filter))));
    let (all, lines) = (tracing_subscriber::registry().with(filter), fmt::layer().with_writer(writer));
    let lines = match format {
        Format::Human => Dispatch::new(all.with(lines.with_ansi(colours).event_format(HumanLines::new(colours)))),
        Format::Json => Dispatch::new(all.with(lines.with_ansi(false).event_format(JsonLines))),
    };
    Ok((lines, level))
}
