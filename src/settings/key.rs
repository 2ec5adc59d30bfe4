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

/// Tables in which an operator chooses the names, with `*` for names that were chosen further up.
const NAMED_FREELY: &[&str] = &[
    "backends",
    "environments",
    "environments.*.api_keys",
    "environments.*.base_paths",
    "environments.*.operations",
    "environments.*.tokens.clients",
    "environments.*.tokens.clients.*.secrets",
];

/// The names that a key is made of; quoted ones keep their quotes, and the dots in them.
fn names(key: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let between_names = |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == '.' && !quoted
    };
    key.split(between_names).collect()
}

/// Table and name of a key.
pub(super) fn split(key: &str) -> (&str, &str) {
    let name = names(key).pop().unwrap_or_default();
    let table = key.strip_suffix(name).and_then(|table| table.strip_suffix('.'));
    table.map_or(("", key), |table| (table, name))
}

/// The key with `*` for every name that an operator chose.
pub(super) fn pattern(key: &str) -> String {
    let mut pattern = String::new();
    for name in names(key) {
        let name = if NAMED_FREELY.contains(&pattern.as_str()) { "*" } else { name };
        if !pattern.is_empty() {
            pattern.push('.');
        }
        pattern.push_str(name);
    }
    pattern
}

/// A key that fits `pattern`: the names for `*` are those of `table` as far down as both go the same way, then `NAME`.
pub(super) fn near(pattern: &str, table: &str) -> String {
    let mut way = names(table).into_iter();
    let mut together = true;
    let near: Vec<&str> = names(pattern)
        .into_iter()
        .map(|name| {
            let own = way.next().filter(|own| together && (name == "*" || name == *own));
            together = own.is_some();
            own.unwrap_or(if name == "*" { "NAME" } else { name })
        })
        .collect();
    near.join(".")
}

/// Whether `key` stands in an environment.
pub(super) fn is_of_environment(key: &str) -> bool {
    key.starts_with("environments.")
}

/// The variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_an_operator_chose_are_not_part_of_the_pattern() {
        for (key, expected) in [
            ("environments.preprod.backend.url", "environments.*.backend.url"),
            ("environments.server.host", "environments.*.host"),
            ("environments.\"a.b\".host", "environments.*.host"),
            ("server.listen", "server.listen"),
            ("backends.otp.url", "backends.*.url"),
            ("environments.backends.backends.url", "environments.*.backends.url"),
            ("environments.p.api_keys.main.key", "environments.*.api_keys.*.key"),
            ("environments.p.operations.\"d1-ecom/notify.x\".path", "environments.*.operations.*.path"),
            (
                "environments.p.tokens.clients.d1.secrets.next.expires",
                "environments.*.tokens.clients.*.secrets.*.expires",
            ),
            ("environments.p.tokens.clients.d1.id", "environments.*.tokens.clients.*.id"),
        ] {
            assert_eq!(pattern(key), expected, "{key}");
        }
    }

    #[test]
    fn a_name_may_hold_dots_and_quotes() {
        let key = join(&join("operations", "a.\"b\\"), "path");
        assert_eq!(split(&key), ("operations.\"a.\\\"b\\\\\"", "path"));
        assert_eq!(split("server"), ("", "server"));
        assert_eq!(split("environments.\"a.b\""), ("environments", "\"a.b\""));
    }

    #[test]
    fn a_key_near_another_has_its_names_as_far_as_both_go_together() {
        let table = "environments.p.tokens.clients.d1";
        assert_eq!(near("environments.*.tokens.clients.*.id", table), "environments.p.tokens.clients.d1.id");
        assert_eq!(near("environments.*.api_keys.*.key", table), "environments.p.api_keys.NAME.key");
        assert_eq!(near("backends.*.url", table), "backends.NAME.url");
        assert_eq!(near("server.listen", ""), "server.listen");
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
