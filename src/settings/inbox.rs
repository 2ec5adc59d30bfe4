//! `[inbox]`: where notifications are kept until they are delivered, and how they are delivered.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::ValueKind;
use zeroize::Zeroizing;

use super::path;
use super::quantity::{duration, size};
use super::reader::Section;
use super::secret::SecretSource;
use super::typed::{self, Parsed, Raw, integer, one_of, wrong};
use crate::inbox::delivery::OnDeadLetter;

/// `[inbox]`, where it has a url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxSettings {
    /// Where notifications are kept.
    pub store: StoreSettings,
    /// Master keys that entries are sealed with; `None` = they are kept in clear.
    pub key_file: Option<PathBuf>,
    /// How long an entry is kept once it is delivered or discarded.
    pub retention: Duration,
    /// How long a repeat is known as one.
    pub deduplication_window: Duration,
    /// What the store may take, in bytes; `None` = whatever there is.
    pub max_size: Option<u64>,
    /// How long a notification waits to be stored.
    pub commit_timeout: Duration,
    /// Connections to PostgreSQL.
    pub connections: u32,
    /// `[inbox.delivery]`.
    pub delivery: DeliverySettings,
}

impl InboxSettings {
    /// Every file that they name and that is read again at a reload.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let url = match &self.store {
            StoreSettings::Postgres(SecretSource::File(path)) => Some(path.as_path()),
            StoreSettings::Postgres(_) | StoreSettings::Sqlite(_) => None,
        };
        self.key_file.as_deref().into_iter().chain(url)
    }
}

/// The store of the inbox.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// A file of `SQLite`.
    Sqlite(PathBuf),
    /// A database of `PostgreSQL`; its url may hold a password.
    Postgres(SecretSource),
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(url) => f.debug_tuple("Postgres").field(url).finish(),
        }
    }
}

/// `[inbox.delivery]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverySettings {
    /// Lanes under way at once, for each destination.
    pub max_in_flight: usize,
    /// How long a lane stays with a server that says nothing any more.
    pub lease: Duration,
    /// How long an attempt may take.
    pub attempt_timeout: Duration,
    /// The longest pause after the first attempt that failed; it doubles with each further one.
    pub first_backoff: Duration,
    /// The longest pause of all.
    pub max_backoff: Duration,
    /// When what cannot be delivered becomes a dead letter.
    pub max_age: Duration,
    /// What becomes of the lane of a dead letter.
    pub on_dead_letter: OnDeadLetter,
}

const ON_DEAD_LETTER: &[(&str, OnDeadLetter)] = &[("continue", OnDeadLetter::Continue), ("block", OnDeadLetter::Block)];
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// As durations are written.
const YEAR: Duration = Duration::from_secs(31_557_600);

#[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
pub(super) fn read(section: &mut Section<'_>) -> Option<Option<InboxSettings>> {
    let store = store(section);
    let key_file = section.optional("key_file", path::file);
    let retention = section.required("retention", duration(Duration::ZERO..=YEAR));
    let deduplication_window = section.required("deduplication_window", duration(MINUTE..=YEAR));
    let max_size = section.optional("max_size", size(1 << 20..=1 << 50));
    let commit_timeout = section.required("commit_timeout", duration(Duration::from_millis(10)..=MINUTE));
    let connections = section.required("connections", integer(1..=1000));
    let delivery = section.within("delivery", delivery);
    let Some(store) = store? else { return Some(None) };
    Some(Some(InboxSettings {
        store,
        key_file: key_file?,
        retention: retention?,
        deduplication_window: deduplication_window?,
        max_size: max_size?,
        commit_timeout: commit_timeout?,
        connections: connections?,
        delivery: delivery?,
    }))
}

fn delivery(section: &mut Section<'_>) -> Option<DeliverySettings> {
    let max_in_flight = section.required("max_in_flight", integer(1..=10_000));
    let lease = section.required("lease", duration(SECOND..=60 * MINUTE));
    let attempt_timeout = section.required("attempt_timeout", duration(Duration::from_millis(10)..=60 * MINUTE));
    let first_backoff = section.required("first_backoff", duration(Duration::from_millis(10)..=60 * MINUTE));
    let max_backoff = section.required("max_backoff", duration(Duration::from_millis(10)..=DAY));
    let max_age = section.required("max_age", duration(SECOND..=YEAR));
    let on_dead_letter = section.required("on_dead_letter", one_of(ON_DEAD_LETTER));
    if let (Some(first), Some(most)) = (first_backoff, max_backoff)
        && first > most
    {
        section.report(
            Some("first_backoff"),
            format!("It is longer than {}.", section.key("max_backoff")),
            "Write the shorter pause here, and the longest one there.",
        );
        return None;
    }
    Some(DeliverySettings {
        max_in_flight: usize::try_from(max_in_flight?).ok()?,
        lease: lease?,
        attempt_timeout: attempt_timeout?,
        first_backoff: first_backoff?,
        max_backoff: max_backoff?,
        max_age: max_age?,
        on_dead_letter: on_dead_letter?,
    })
}

/// The url itself, or the file that holds that of a `PostgreSQL` database.
#[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
fn store(section: &mut Section<'_>) -> Option<Option<StoreSettings>> {
    let written = section.written(&["url", "url_file"]);
    let direct = section.optional("url", url);
    let file = section.optional("url_file", path::caller_secret_file);
    section.one_at_most(&written)?;
    let file = file?.map(|path| StoreSettings::Postgres(SecretSource::File(path)));
    Some(direct?.or(file))
}

/// The url of a store. It is not repeated in problems: it may hold a password.
fn url(raw: &Raw<'_>) -> Parsed<StoreSettings> {
    const REMEDY: &str =
        "Write \"sqlite:///var/lib/issuer-host/inbox.db\" or \"postgres://USER:PASSWORD@HOST/DATABASE\".";
    if !matches!(raw.kind, ValueKind::String(_)) {
        return wrong(format!("It is {}, but a url is expected.", typed::what(raw.kind)), REMEDY);
    }
    let text = Zeroizing::new(typed::text(raw)?);
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(StoreSettings::Postgres(SecretSource::Text(text)));
    }
    let Some(path) = text.strip_prefix("sqlite:") else {
        return wrong("It is neither a url of SQLite nor one of PostgreSQL.", REMEDY);
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.ends_with('/') || path.starts_with(':') {
        return wrong("It names no file: the inbox has to outlive the process.", REMEDY);
    }
    if path.contains('?') {
        return wrong("It has parameters, and an inbox of SQLite takes none.", "Take out what is behind the path.");
    }
    Ok(StoreSettings::Sqlite(raw.base.join(path)))
}

#[cfg(test)]
mod tests {
    use super::super::typed::tests::parse;
    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_database() {
        for (text, path) in [
            ("sqlite:///var/lib/inbox.db", "/var/lib/inbox.db"),
            ("sqlite:inbox.db", "inbox.db"),
            ("sqlite://data/inbox.db", "data/inbox.db"),
        ] {
            assert_eq!(parse(text, url), Ok(StoreSettings::Sqlite(path.into())), "{text}");
        }
        for text in ["postgres://u:hunter2@h/d", "postgresql:///d?host=/run/postgresql"] {
            assert!(matches!(parse(text, url), Ok(StoreSettings::Postgres(SecretSource::Text(_)))), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_store_is_refused_without_being_repeated() {
        for text in [
            "mysql://u:hunter2@h/d",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:///dir/",
            "sqlite://a?mode=hunter2",
            "hunter2",
        ] {
            let problem = parse(text, url).unwrap_err();
            assert!(!problem.contains("hunter2") && !problem.contains("mysql"), "{problem}");
        }
    }
}
