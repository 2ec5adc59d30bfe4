//! `[admin]` and `[log]`: what the operator sees of a running server.

use std::net::SocketAddr;

use super::reader::Section;
use super::typed::{address, flag, one_of};

/// `[admin]`: the plain HTTP listener for probes and metrics, never on a public listener's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Its address.
    pub listen: SocketAddr,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The least severe level that is written.
    pub level: LogLevel,
    /// How lines are written.
    pub format: LogFormat,
    /// Whether each request is logged once it ended.
    pub access: bool,
}

/// Severity of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed that an operator must look at.
    Error,
    /// Something is about to fail.
    Warn,
    /// What happens in regular service.
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Its name, as `tracing` filters know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
const FORMATS: &[(&str, LogFormat)] = &[("human", LogFormat::Human), ("json", LogFormat::Json)];

pub(super) fn read_admin(section: &mut Section<'_>) -> Option<AdminSettings> {
    let listen = section.required("listen", address)?;
    if !listen.ip().to_canonical().is_loopback() {
        section.warn(format!(
            "admin.listen is {listen}, which is not a loopback address: health and metrics can be read by whoever reaches it, \
             without TLS."
        ));
    }
    Some(AdminSettings { listen })
}

pub(super) fn read_log(section: &mut Section<'_>) -> Option<LogSettings> {
    let level = section.required("level", one_of(LEVELS));
    let format = section.required("format", one_of(FORMATS));
    let access = section.required("access", flag);
    Some(LogSettings { level: level?, format: format?, access: access? })
}
