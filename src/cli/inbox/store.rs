//! Which inbox: that of the configuration, or a store that is named.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::complain;
use crate::cli::configuration::ConfigurationFile;
use crate::inbox::seal::SealingError;
use crate::inbox::sqlite::{Sqlite, SqliteOptions};
use crate::inbox::store::{Clock, Store, StoreError};
use crate::inbox::{MasterKeys, Sealing};
use crate::settings::Settings;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct StoreArguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// Another store than that of the configuration: a copy of a database
    #[arg(long, value_name = "URL", hide = true)]
    store: Option<String>,
    /// Its key file
    #[arg(long, value_name = "FILE", hide = true, requires = "store")]
    key_file: Option<PathBuf>,
}

/// Why there is no inbox to work on.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotOpened {
    #[error("{0}")]
    Configuration(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sealing(#[from] SealingError),
}

/// An inbox, and what opens its entries.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) sealing: Sealing,
}

impl StoreArguments {
    /// The store alone: what is known of entries needs no key.
    pub(super) async fn store(&self) -> Result<Arc<dyn Store>, NotOpened> {
        let Some(url) = &self.store else {
            let sources = self.configuration.sources();
            Settings::load(&sources).map_err(|report| NotOpened::Configuration(report.to_string()))?;
            return Err(NotOpened::Configuration("The configuration has no inbox: set [inbox] url.".into()));
        };
        let path = url.strip_prefix("sqlite://").filter(|path| !path.is_empty());
        let Some(path) = path else {
            // The url may hold a password.
            return Err(NotOpened::Configuration("The url is no store's: write sqlite:///PATH.".into()));
        };
        Ok(Arc::new(Sqlite::open(beside_a_server(path.into())).await?))
    }

    /// The store, and what opens its entries; what an operator should know of them is said.
    pub(super) async fn open(&self) -> Result<Opened, NotOpened> {
        let keys = self.key_file.as_deref().map(master_keys).transpose()?;
        let store = self.store().await?;
        let sealing = Sealing::establish(store.as_ref(), keys).await?;
        if let Some(warning) = sealing.warning() {
            complain(format_args!("Warning: {warning}."));
        }
        Ok(Opened { store, sealing })
    }
}

fn master_keys(path: &Path) -> Result<MasterKeys, NotOpened> {
    MasterKeys::load(path).map_err(|error| NotOpened::Configuration(format!("{}: {error}.", path.display())))
}

/// Commands work beside the server that has the inbox, and never make one.
fn beside_a_server(path: PathBuf) -> SqliteOptions {
    // Commands receive nothing, so that no repeat is ever looked for.
    let deduplication_window = Duration::ZERO;
    SqliteOptions { path, create: false, exclusive: false, deduplication_window, clock: Clock::system() }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::inbox::testing::key_lines;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        store: StoreArguments,
    }

    fn line(words: &[&str]) -> StoreArguments {
        Line::try_parse_from([&["x"], words].concat()).unwrap().store
    }

    #[tokio::test]
    async fn a_copy_of_a_database_is_opened_with_its_keys_and_none_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let (path, key_file) = (directory.path().join("inbox.db"), directory.path().join("keys"));
        let url = format!("sqlite://{}", path.display());
        let arguments = line(&["--store", &url, "--key-file", key_file.to_str().unwrap()]);
        let [key] = key_lines(["k1"]);
        std::fs::write(&key_file, key).unwrap();
        assert!(matches!(arguments.open().await, Err(NotOpened::Store(_))));
        assert!(!path.exists(), "nothing was made");

        Sqlite::open(SqliteOptions { create: true, ..beside_a_server(path) }).await.unwrap().close().await;
        assert_eq!(arguments.open().await.unwrap().sealing.key_id(), Some("k1"));
        let without = line(&["--store", &url]);
        assert!(matches!(without.open().await, Err(NotOpened::Sealing(SealingError::NoKeys(_)))));
        assert!(without.store().await.is_ok(), "what is known needs no key");
    }

    #[tokio::test]
    async fn a_url_is_not_repeated_and_a_bad_key_file_is_named() {
        let refused = async |words: &[&str]| match line(words).open().await {
            Err(NotOpened::Configuration(problem)) => problem,
            other => panic!("{other:?}"),
        };
        for url in ["mysql://user:hunter2@db/inbox", "sqlite://", "inbox.db"] {
            let problem = refused(&["--store", url]).await;
            assert!(!problem.contains("hunter2") && problem.contains("sqlite:///PATH"), "{problem}");
        }
        let problem = refused(&["--store", "sqlite:///x", "--key-file", "/nowhere/keys"]).await;
        assert!(problem.starts_with("/nowhere/keys: it cannot be read"), "{problem}");
    }
}
