//! From settings to the admin listener.

use super::SettingProblem;
use super::inbox::text;
use crate::admin::{AdminOptions, AdminRules};
use crate::auth::LiveSecret;
use crate::settings::{AdminSettings, SecretSource};

/// The admin listener that settings describe; `None` after a problem, so that none is ever run with less than what was asked for.
pub(super) fn options(settings: &AdminSettings, problems: &mut Vec<SettingProblem>) -> Option<AdminOptions> {
    let token = match &settings.token {
        Some(source) => Some(token(source, problems)?),
        None => None,
    };
    let rules = AdminRules { token, hosts: settings.hosts.clone(), protected_metrics: settings.protected_metrics };
    Some(AdminOptions { listen: settings.listen, rules })
}

fn token(source: &SecretSource, problems: &mut Vec<SettingProblem>) -> Option<LiveSecret> {
    let key = "admin.token";
    let secret = match source {
        SecretSource::Sha256(digest) => LiveSecret::from_digest("admin", *digest),
        SecretSource::Text(_) | SecretSource::File(_) => LiveSecret::from_text("admin", &text(key, source, problems)?),
    };
    secret.map_err(|error| problems.push(SettingProblem { key: key.into(), problem: error.to_string() })).ok()
}
