//! What time alone changes: session keys that are due, revocation lists and certificates that end.

mod endings;

use std::collections::HashSet;
use std::time::Duration;

use tracing::warn;

use self::endings::Endings;
use super::serving::Serving;
use crate::telemetry::events;
use crate::tls::now;

/// Longest pause between two looks.
const PAUSE: Duration = Duration::from_secs(30);
/// Shortest, so that no clock makes it spin.
const LEAST: Duration = Duration::from_millis(100);

/// Remembers what has been said.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    said: HashSet<(String, String)>,
    endings: Endings,
}

impl Upkeep {
    /// Until something is due. A session key is erased on time; one that is made meanwhile lives longer than the pause, or is looked
    /// at when it is used.
    pub(super) fn pause(serving: &Serving) -> Duration {
        let due = |member: &super::member::Member| {
            let lifetime = member.options.session_lifetime.unwrap_or(PAUSE);
            member.environment.tls.erase_due_session_key().unwrap_or(lifetime)
        };
        serving.members.iter().map(due).min().unwrap_or(PAUSE).clamp(LEAST, PAUSE)
    }

    /// Does what is due, and warns, once, of what is about to end.
    pub(super) fn run(&mut self, serving: &Serving) {
        let mut present = HashSet::new();
        for member in &serving.members {
            member.environment.tls.erase_due_session_key();
            let epoch = member.environment.tls.current();
            for warning in epoch.judge().revocation().lists.lists().iter().filter_map(|list| list.expiry_warning(now()))
            {
                let said = (member.name().to_owned(), format!("crl: {}: {warning}", warning.place().file));
                if !self.said.contains(&said) {
                    warn!(event = events::MATERIAL_WARNING, environment = said.0.as_str(), "{}", said.1);
                }
                present.insert(said);
            }
        }
        self.said = present;
        for (environment, line) in self.endings.due(endings::of(serving), now()) {
            warn!(event = events::MATERIAL_WARNING, environment, "{line}");
        }
    }
}
