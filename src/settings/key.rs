//! How settings are named: tables and names joined by dots in files and reports, by `__` in environment variables.

/// What every variable of ours starts with.
pub(super) const VARIABLE_PREFIX: &str = "ISSUER_HOST__";

/// The key of `name` in `table`; a name that would be ambiguous is quoted, as it must be in TOML.
pub(super) fn join(table: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (table.is_empty(), bare) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{name:?}"),
        (false, true) => format!("{table}.{name}"),
        (false, false) => format!("{table}.{name:?}"),
    }
}

/// Table and name of a key.
pub(super) fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// The key with `*` for the name of an environment.
pub(super) fn pattern(key: &str) -> String {
    match environment(key) {
        Some(name) => key.replacen(&format!("environments.{name}"), "environments.*", 1),
        None => key.to_owned(),
    }
}

/// The name of the environment that `key` stands in.
pub(super) fn environment(key: &str) -> Option<&str> {
    key.strip_prefix("environments.")?.split('.').next()
}

/// The variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_environment_is_not_part_of_the_pattern() {
        assert_eq!(pattern("environments.preprod.backend.url"), "environments.*.backend.url");
        assert_eq!(pattern("environments.server.host"), "environments.*.host");
        assert_eq!(pattern("server.listen"), "server.listen");
    }

    #[test]
    fn a_variable_is_spelt_in_capitals_with_double_underscores() {
        assert_eq!(variable("environments.preprod.backend.url"), "ISSUER_HOST__ENVIRONMENTS__PREPROD__BACKEND__URL");
    }

    #[test]
    fn a_name_with_a_dot_is_quoted() {
        assert_eq!(join("environments", "a.b"), "environments.\"a.b\"");
    }
}
