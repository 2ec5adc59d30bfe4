//! What the log says of a reload.

use tracing::{error, info, warn};

use crate::app::report::{ConfigurationReload, EnvironmentReload, Reload};
use crate::telemetry::events;
use crate::tls::reload::ReloadReport;
use crate::tls::trigger::Trigger;

/// What was found in the configuration.
pub(super) fn configuration(found: &ConfigurationReload, trigger: Trigger) {
    let trigger = trigger.as_str();
    match found {
        ConfigurationReload::Kept { problem } => {
            error!(event = events::CONFIGURATION_REFUSED, trigger, "the configuration in force stays: {problem}");
        }
        ConfigurationReload::PartlyApplied { problem, .. } => {
            error!(event = events::CONFIGURATION_REFUSED, trigger, "a part of the configuration stays: {problem}");
        }
        ConfigurationReload::Applied { needs_restart } if needs_restart.is_empty() => {
            info!(event = events::CONFIGURATION_GOOD, trigger, "the configuration is good");
        }
        ConfigurationReload::Applied { .. } => {}
    }
    if let Some(needs_restart) = found.needs_restart().filter(|keys| !keys.is_empty()) {
        let keys = needs_restart.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        warn!(event = events::RESTART_NEEDED, trigger, keys, "these settings count from the next start on: {keys}");
    }
}

/// That somebody's reload has ended, even if it found nothing: whoever asked for it looks for a line.
pub(super) fn ended(reload: &Reload) {
    if matches!(reload.trigger, Trigger::Watch | Trigger::Poll) {
        return;
    }
    let count = |of: fn(&EnvironmentReload) -> bool| reload.environments.values().filter(|report| of(report)).count();
    let unchanged = count(|report| matches!(report, EnvironmentReload::Material(ReloadReport::Unchanged)));
    let kept = count(EnvironmentReload::is_kept);
    let new = reload.environments.len().saturating_sub(unchanged + kept);
    let problem = reload.has_problem();
    let what = if problem { "what is not good stays as it was" } else { "all is good" };
    info!(event = events::RELOAD_ENDED, trigger = reload.trigger.as_str(), new, unchanged, kept, problem, "{what}");
}
