//! What a reload did, as it is reported.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::tls::reload::ReloadReport;
use crate::tls::trigger::Trigger;

/// What a reload did.
#[derive(Debug, Serialize)]
pub struct Reload {
    /// What asked for it.
    pub trigger: Trigger,
    /// When it ended, RFC 3339.
    pub at: String,
    /// The configuration, where the server was told how to read it again.
    pub configuration: Option<ConfigurationReload>,
    /// Each environment, by name.
    pub environments: BTreeMap<String, EnvironmentReload>,
}

impl Reload {
    /// Whether anything was found that is not good, so that something old stays in force.
    #[must_use]
    pub fn has_problem(&self) -> bool {
        self.configuration.as_ref().and_then(ConfigurationReload::problem).is_some()
            || self.environments.values().any(EnvironmentReload::is_kept)
    }
}

/// What a reload did to the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ConfigurationReload {
    /// It is in force, but for what needs a restart.
    Applied {
        /// Keys whose new value counts from the next start on.
        needs_restart: BTreeSet<String>,
    },
    /// Something is wrong with what belongs to no environment (`[admin]`, `[inbox]`, `[traces]`, `products_dir`): that stays as it was, and all that
    /// is not made from it is in force.
    PartlyApplied {
        /// What is wrong, and what to do.
        problem: String,
        /// Keys whose new value counts from the next start on.
        needs_restart: BTreeSet<String>,
    },
    /// It is not good: the one before stays, as a whole.
    Kept {
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl ConfigurationReload {
    /// What is wrong, so that something old stays in force; what is wrong with a single environment aside.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        match self {
            Self::Applied { .. } => None,
            Self::PartlyApplied { problem, .. } | Self::Kept { problem } => Some(problem),
        }
    }

    /// Keys whose new value counts from the next start on.
    #[must_use]
    pub fn needs_restart(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::Applied { needs_restart } | Self::PartlyApplied { needs_restart, .. } => Some(needs_restart),
            Self::Kept { .. } => None,
        }
    }
}

/// What a reload did to an environment.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum EnvironmentReload {
    /// It was there before and is there now.
    Material(ReloadReport),
    /// It was there before, and what the configuration says of it now is not good.
    Refused(Refused),
    /// It came or left.
    Membership(Membership),
}

impl EnvironmentReload {
    /// Whether something old stays in force, since what was found is not good.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::Material(ReloadReport::Kept { .. }) | Self::Refused(_))
    }
}

impl From<ReloadReport> for EnvironmentReload {
    fn from(report: ReloadReport) -> Self {
        Self::Material(report)
    }
}

impl From<Membership> for EnvironmentReload {
    fn from(membership: Membership) -> Self {
        Self::Membership(membership)
    }
}

/// What a reload did to an environment of which the configuration says what is not good: its options stay.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename = "kept")]
pub struct Refused {
    /// What is wrong, and what to do.
    pub problem: String,
    /// What became of its certificates, as the options say that stay.
    pub material: ReloadReport,
}

/// How an environment came or left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Membership {
    /// It takes connections now.
    Added,
    /// It is gone from the configuration, and trusts nobody.
    Removed {
        /// Its live connections.
        connections_retired: usize,
    },
}
