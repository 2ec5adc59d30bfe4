//! `[log]`: what is written, and how.

use std::num::NonZeroU32;

use super::reader::Section;
use super::typed::{flag, integer, one_of, words};
use crate::telemetry::Level;

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The least severe level that is written.
    pub level: Level,
    /// How lines are written.
    pub format: LogFormat,
    /// Whether each request is logged once it ended.
    pub access: bool,
    /// Of how many requests that went well one is logged. Those that failed all are.
    pub access_sample: NonZeroU32,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

const FORMATS: &[(&str, LogFormat)] = &[("human", LogFormat::Human), ("json", LogFormat::Json)];

pub(super) fn read(section: &mut Section<'_>) -> Option<LogSettings> {
    let level = section.required("level", one_of(&words(&Level::ALL, Level::name)));
    let format = section.required("format", one_of(FORMATS));
    let access = section.required("access", flag);
    let access_sample = section.required("access_sample", integer(1..=1_000_000)).and_then(NonZeroU32::new);
    Some(LogSettings { level: level?, format: format?, access: access?, access_sample: access_sample? })
}
