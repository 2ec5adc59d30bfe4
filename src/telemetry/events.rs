//! Every event that the log knows, in one place: by these names alerts and searches find lines, so they stay as they are.
//! `docs/events.md` is made of this table.

mod table;

pub(crate) use table::*;

/// An event of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The field `event` of its lines.
    pub name: &'static str,
    /// The levels of its lines, the most severe first.
    pub levels: &'static [&'static str],
    /// The modules of this crate that tell of it, in the order of their names.
    pub from: &'static [&'static str],
    /// What has happened.
    pub meaning: &'static str,
    /// What somebody who reads it should do.
    pub action: &'static str,
}

/// All events, in the order of the table.
#[must_use]
pub const fn all() -> &'static [Event] {
    ALL
}

#[cfg(test)]
mod tests;
