//! What names say about the stage of an environment: trial or production (O11).

/// A stage, as far as a name tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Pre-production, sandbox, staging.
    Trial,
    Production,
}

/// Parts of names that say so. `pre-prod` is read as `pre`.
const TRIAL: [&str; 19] = [
    "preprod",
    "preproduction",
    "nonprod",
    "ppr",
    "pp",
    "pre",
    "sandbox",
    "sbx",
    "stg",
    "stage",
    "staging",
    "test",
    "tst",
    "uat",
    "dev",
    "qa",
    "int",
    "trial",
    "demo",
];
const PRODUCTION: [&str; 5] = ["prod", "production", "prd", "live", "prodn"];

impl Stage {
    /// The stage that a name of an environment or a host tells; `None` where it tells none.
    pub(super) fn of(name: &str) -> Option<Self> {
        let words = || {
            name.split(|c: char| !c.is_ascii_alphanumeric())
                .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase())
        };
        // Of both, as in `pre-prod`, the first kind counts.
        if words().any(|word| TRIAL.contains(&word.as_str())) {
            return Some(Self::Trial);
        }
        words().any(|word| PRODUCTION.contains(&word.as_str())).then_some(Self::Production)
    }

    /// The stage that a host's name tells; its last label, such as `test` or `dev`, is nobody's to choose.
    pub(super) fn of_host(host: &str) -> Option<Self> {
        Self::of(host.rsplit_once('.').map_or(host, |(name, _)| name))
    }

    /// The stage of one of Thales' hosts (I7); `None` for all other hosts.
    pub(super) fn of_thales_host(host: &str) -> Option<Self> {
        let name = host.strip_suffix(".thalescloud.io")?;
        Some(if name.split('.').any(|label| label.ends_with("-stg")) { Self::Trial } else { Self::Production })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Trial => "a trial",
            Self::Production => "production",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_stage_or_none() {
        for (name, stage) in [
            ("preprod", Some(Stage::Trial)),
            ("pre_prod", Some(Stage::Trial)),
            ("sandbox2", Some(Stage::Trial)),
            ("production", Some(Stage::Production)),
            ("tsh-prod1", Some(Stage::Production)),
            ("products", None),
            ("default", None),
        ] {
            assert_eq!(Stage::of(name), stage, "{name}");
        }
        for (host, stage) in [
            ("tsh-pp.bank.example", Some(Stage::Trial)),
            ("tsh.prod.bank.dev", Some(Stage::Production)),
            ("issuer.bank.test", None),
        ] {
            assert_eq!(Stage::of_host(host), stage, "{host}");
        }
    }

    #[test]
    fn thales_own_hosts_are_told_apart() {
        for (host, stage) in [
            ("api.dbp.thalescloud.io", Some(Stage::Production)),
            ("tmg.dbp.thalescloud.io", Some(Stage::Production)),
            ("api.dbp-stg.thalescloud.io", Some(Stage::Trial)),
            ("api.d1-stg.thalescloud.io", Some(Stage::Trial)),
            ("api.dbp.thalescloud.io.bank.example", None),
        ] {
            assert_eq!(Stage::of_thales_host(host), stage, "{host}");
        }
    }
}
