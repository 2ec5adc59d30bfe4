//! Keys of the configuration contract that this version does not do yet. They are refused, because a setting that is
//! silently ignored (a CRL, a durable inbox) would be believed in.

/// Keys, with `*` for any name; everything below a key is refused with it. **A feature that gets built removes its line.**
const KEYS: &[(&str, &str)] = &[
    ("inbox", "Notifications are forwarded to the backend without being stored."),
    ("backends", "Each environment has the one backend of its own table."),
    ("environments.*.crl", "No revocation list would be enforced."),
    ("environments.*.endorsed_chain", "The server chain would not be compared with it."),
    ("environments.*.operations", "Every call goes to the environment's backend."),
    ("environments.*.backend.events_url", "Every call goes to backend.url."),
];

/// Values of keys that are otherwise known: key, value, and the value to write until then. Same rule.
const VALUES: &[(&str, &str, &str)] = &[("environments.*.resumption", "reverified", "off")];

/// Why `pattern` (a key with `*` for the environment's name) is refused.
pub(super) fn key(pattern: &str) -> Option<&'static str> {
    KEYS.iter().find(|(key, _)| *key == pattern).map(|(_, instead)| *instead)
}

/// What to write instead of `value`, where this version does not do it yet.
pub(super) fn value(pattern: &str, value: &str) -> Option<&'static str> {
    VALUES.iter().find(|(key, refused, _)| *key == pattern && *refused == value).map(|(_, _, instead)| *instead)
}
