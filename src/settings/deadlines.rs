//! `[environments.NAME.deadlines]`: how long an answer may take, by what a call wants.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::quantity::duration;
use super::reader::Section;

/// `[environments.NAME.deadlines]`: from the head of a request to the head of its answer. The deadline of the whole request ends
/// it all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadlineSettings {
    /// Of notifications.
    pub notification: Duration,
    /// Of queries.
    pub query: Duration,
    /// Of commands.
    pub command: Duration,
}

/// Short enough to mean something, long enough for any backend.
pub(super) const DEADLINE: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60 * 60);

pub(super) fn read(section: &mut Section<'_>) -> Option<DeadlineSettings> {
    let notification = section.or("notification", Duration::from_secs(10), duration(DEADLINE));
    let query = section.or("query", Duration::from_secs(30), duration(DEADLINE));
    let command = section.or("command", Duration::from_secs(30), duration(DEADLINE));
    Some(DeadlineSettings { notification: notification?, query: query?, command: command? })
}
