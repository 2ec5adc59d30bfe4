//! The nearest known key to a key that nobody knows.

use std::collections::BTreeSet;

use super::key;
pub(super) use crate::nearest::nearest;

/// The known key that was most likely meant by the unknown `key`: a key of that very name in a table below the one that it
/// stands in, else a neighbour in the same table, else a key of that very name in any table. `known` holds keys with `*` for
/// names that an operator chose; the answer has those of the tables in which `key` stands.
pub(super) fn nearest_key(key: &str, known: &BTreeSet<String>) -> Option<String> {
    let (table, name) = key::split(key);
    let here = key::pattern(table);
    let neighbours: Vec<&str> = known
        .iter()
        .filter_map(|known| {
            let (table, name) = key::split(known);
            (table == here && name != "*").then_some(name)
        })
        .collect();
    let below = format!("{here}.");
    let sunk = known.iter().filter(|known| known.starts_with(&below) && key::split(known).1 == name);
    if let Some(sunk) = sunk.min_by_key(|known| known.len()) {
        return Some(key::near(sunk, table));
    }
    if let Some(neighbour) = nearest(name, neighbours.iter().copied()) {
        return Some(key::join(table, neighbour));
    }
    // Not every path of a file has a twin with `_file`: those settings take the path themselves.
    if let Some(stem) = name.strip_suffix("_file").filter(|stem| neighbours.contains(stem)) {
        return Some(key::join(table, stem));
    }
    let in_environment = key::is_of_environment(key);
    known
        .iter()
        .filter(|known| key::split(known).1 == name)
        // A key of the same environment is likelier than one of another part of the file.
        .max_by_key(|known| (in_environment && key::is_of_environment(known), usize::MAX - known.len()))
        .map(|known| key::near(known, table))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> BTreeSet<String> {
        [
            "server",
            "server.listen",
            "server.max_connections",
            "environments.*.listen",
            "environments.*.crl",
            "environments.*.backend.url",
            "environments.*.api_keys.*.username",
            "environments.*.operations.*.deadline",
            "backends.*.connect_timeout",
        ]
        .into_iter()
        .map(str::to_owned)
        .collect()
    }

    #[test]
    fn a_slip_of_the_keyboard_is_understood() {
        assert_eq!(nearest_key("server.lisetn", &known()).as_deref(), Some("server.listen"));
        assert_eq!(nearest_key("sevrer", &known()).as_deref(), Some("server"));
        assert_eq!(nearest_key("environments.p.lissten", &known()).as_deref(), Some("environments.p.listen"));
    }

    #[test]
    fn a_key_in_the_wrong_table_is_sent_to_the_right_one() {
        assert_eq!(nearest_key("environments.p.url", &known()).as_deref(), Some("environments.p.backend.url"));
        assert_eq!(nearest_key("max_connections", &known()).as_deref(), Some("server.max_connections"));
    }

    #[test]
    fn names_that_an_operator_chose_stay_what_they_are() {
        for (key, expected) in [
            ("environments.p.api_keys.main.usrname", "environments.p.api_keys.main.username"),
            ("environments.p.operations.\"d1-ecom/x\".dedline", "environments.p.operations.\"d1-ecom/x\".deadline"),
            ("environments.p.operations.connect_timeout.connect_timeout", "backends.NAME.connect_timeout"),
            ("environments.p.username", "environments.p.api_keys.NAME.username"),
            ("backends.otp.conect_timeout", "backends.otp.connect_timeout"),
        ] {
            assert_eq!(nearest_key(key, &known()).as_deref(), Some(expected), "{key}");
        }
    }

    #[test]
    fn a_word_of_another_meaning_gets_no_suggestion() {
        assert_eq!(nearest_key("server.colour", &known()), None);
    }
}
