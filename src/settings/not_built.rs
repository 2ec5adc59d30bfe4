//! Keys of the configuration contract that this version does not do yet. They are refused, because a setting that is
//! silently ignored (a durable inbox) would be believed in.

/// Keys, with `*` for any name; everything below a key is refused with it. **A feature that gets built removes its line.**
const KEYS: &[(&str, &str)] = &[
    ("inbox", "Notifications are forwarded to the backend without being stored."),
    ("environments.*.backend.events_url", "Every call goes to backend.url."),
];

/// Why `pattern` (a key with `*` for the environment's name) is refused.
pub(super) fn key(pattern: &str) -> Option<&'static str> {
    KEYS.iter().find(|(key, _)| *key == pattern).map(|(_, instead)| *instead)
}
