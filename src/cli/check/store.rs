//! The inbox' store, as it is found.

use super::report::{Finding, Subject};
use crate::app::{InboxError, InboxSetup, StoreOptions};
use crate::inbox::entry::State;
use crate::inbox::store::{Count, StoreError};
use crate::inbox::{Sealing, SealingError, sqlite};
use crate::settings::Settings;

/// What is to be said of the inbox' store.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct StoreState {
    pub(super) words: String,
    /// What a server would stumble over that this command need not.
    pub(super) warning: Option<Finding>,
}

/// What is to be said of the inbox; `state` is that of its store, where there is one.
pub(super) fn findings(settings: &Settings, state: Option<&StoreState>) -> Vec<(Subject, Finding)> {
    let mut findings = Vec::new();
    match (&settings.inbox, state) {
        (Some(inbox), Some(StoreState { words, warning })) => {
            findings.extend(warning.clone());
            if inbox.key_file.is_none() {
                findings.push(Finding::warn(
                    "inbox.key_file is not set: paths, queries, headers and bodies of notifications are kept in clear",
                    "Make a key with `issuer-host inbox new-key`, and name its file as inbox.key_file.",
                ));
            }
            if findings.is_empty() {
                findings.push(Finding::pass(format!("entries are sealed; {words}")));
            }
        }
        _ => findings.push(Finding::warn(
            "there is no inbox: notifications are forwarded, and lost to a backend that stays away",
            "Set inbox.url, so that they are acknowledged once they are kept.",
        )),
    }
    findings.into_iter().map(|finding| (Subject::Inbox, finding)).collect()
}

/// Looks at the store as a command does, which neither makes nor changes anything, and at its keys. A database that is out of reach may
/// be in reach of the server: that is no error yet.
pub(super) fn state(setup: &InboxSetup) -> Result<StoreState, InboxError> {
    let said = |words: String| Ok(StoreState { words, warning: None });
    if let StoreOptions::Sqlite(path) = &setup.store
        && matches!(path.try_exists(), Ok(false))
    {
        sqlite::folder(path)?;
        return said("the server makes it when it starts".to_owned());
    }
    match counted(setup) {
        Ok(counts) => {
            let of = |state| counts.iter().filter(|count| count.state == state).map(|count| count.entries).sum::<u64>();
            said(format!("{} entries wait, {} are dead letters", of(State::Pending), of(State::Dead)))
        }
        Err(InboxError::Store(StoreError::Outdated(_))) => {
            said("the server makes its tables, or brings them up to date, when it starts".to_owned())
        }
        Err(InboxError::Store(
            error
            @ (StoreError::Unavailable(_) | StoreError::Denied(_) | StoreError::Busy(_) | StoreError::ReadOnly(_)),
        )) => Ok(StoreState {
            words: "not looked at".to_owned(),
            warning: Some(Finding::warn(
                format!("inbox.url: from here {error}"),
                "Let the server reach it: it is not ready without.",
            )),
        }),
        Err(error) => Err(error),
    }
}

fn counted(setup: &InboxSetup) -> Result<Vec<Count>, InboxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    runtime.block_on(async {
        let store = setup.open(false).await?;
        let counts = match Sealing::known(store.as_ref(), setup.master_keys.clone()).await {
            Ok(_) | Err(SealingError::NotBegun) => store.counts().await.map_err(InboxError::from),
            Err(error) => Err(error.into()),
        };
        store.close().await;
        counts
    })
}
