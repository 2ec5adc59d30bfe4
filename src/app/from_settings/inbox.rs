//! From settings to the inbox.

use zeroize::Zeroizing;

use super::SettingProblem;
use crate::app::inbox::{InboxSetup, StoreOptions};
use crate::files;
use crate::inbox::delivery::DeliveryOptions;
use crate::inbox::{InboxOptions, MasterKeys, UpkeepOptions};
use crate::settings::{InboxSettings, SecretSource, Settings, StoreSettings};

/// No file with a secret, or with master keys, may be longer, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The inbox that settings describe; `None` without one, or after a problem.
pub(super) fn setup(settings: &Settings, problems: &mut Vec<SettingProblem>) -> Option<InboxSetup> {
    let inbox = settings.inbox.as_ref()?;
    let store = store(inbox, problems);
    let keys = master_keys(inbox, problems);
    let delivery = inbox.delivery;
    let options = InboxOptions {
        commit_timeout: inbox.commit_timeout,
        upkeep: UpkeepOptions {
            retention: inbox.retention,
            deduplication_window: inbox.deduplication_window,
            max_size: inbox.max_size,
        },
        delivery: DeliveryOptions {
            max_in_flight: delivery.max_in_flight,
            lease: delivery.lease,
            attempt_timeout: delivery.attempt_timeout,
            first_backoff: delivery.first_backoff,
            max_backoff: delivery.max_backoff,
            max_age: delivery.max_age,
            on_dead_letter: delivery.on_dead_letter,
        },
    };
    Some(InboxSetup { store: store?, master_keys: keys?, options })
}

fn store(inbox: &InboxSettings, problems: &mut Vec<SettingProblem>) -> Option<StoreOptions> {
    match &inbox.store {
        StoreSettings::Sqlite(path) => Some(StoreOptions::Sqlite(path.clone())),
        StoreSettings::Postgres(url) => {
            let url = text("inbox.url", url, problems)?;
            Some(StoreOptions::Postgres { url, connections: inbox.connections })
        }
    }
}

/// `Some(None)` without a key file.
#[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
fn master_keys(inbox: &InboxSettings, problems: &mut Vec<SettingProblem>) -> Option<Option<MasterKeys>> {
    let Some(path) = &inbox.key_file else { return Some(None) };
    let key = "inbox.key_file";
    let text = text(key, &SecretSource::File(path.clone()), problems)?;
    match MasterKeys::parse(&text) {
        Ok(keys) => Some(Some(keys)),
        Err(error) => {
            problems.push(SettingProblem { key: key.into(), problem: format!("{}: {error}", path.display()) });
            None
        }
    }
}

/// The text of a secret, without the line end that files have; its own words are never repeated.
pub(super) fn text(key: &str, source: &SecretSource, problems: &mut Vec<SettingProblem>) -> Option<Zeroizing<String>> {
    let path = match source {
        SecretSource::Text(text) => return Some(text.clone()),
        SecretSource::File(path) => path,
        SecretSource::Sha256(_) => return None,
    };
    let problem = match files::read(path, LONGEST) {
        Ok(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => return Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(_) => "it is not UTF-8".to_owned(),
        },
        Err(error) => format!("it cannot be read: {error}"),
    };
    problems.push(SettingProblem { key: key.to_owned(), problem: format!("{}: {problem}", path.display()) });
    None
}
