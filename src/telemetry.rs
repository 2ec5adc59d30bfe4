//! Logs: one line per event on standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

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
    let filter = EnvFilter::try_new(level).map_err(|_| TelemetryError::Level(level.to_owned()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match format {
        Format::Human => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).finish().try_init(),
        Format::Json => lines.json().flatten_event(true).with_span_list(false).finish().try_init(),
    };
    installed.map_err(|_| TelemetryError::Installed)
}
