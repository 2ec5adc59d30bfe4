//! Which inbox: that of the configuration, or a store that is named.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::app::{InboxSetup, StoreOptions};
use crate::cli::complain;
use crate::cli::configuration::{self, ConfigurationFile};
use crate::inbox::seal::SealingError;
use crate::inbox::store::{Store, StoreError};
use crate::inbox::{InboxOptions, MasterKeys, Sealing};

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
        // Commands work beside the server that has the inbox, and never make one.
        Ok(self.setup()?.open(false).await?)
    }

    /// The store, and what opens its entries; what an operator should know of them is said.
    pub(super) async fn open(&self) -> Result<Opened, NotOpened> {
        let setup = self.setup()?;
        let store = setup.open(false).await?;
        let sealing = Sealing::known(store.as_ref(), setup.master_keys).await?;
        Ok(Self::warned(Opened { store, sealing }))
    }

    /// The same, for who is about to seal it under these keys.
    pub(super) async fn open_to_seal(&self) -> Result<Opened, NotOpened> {
        let setup = self.setup()?;
        let store = setup.open(false).await?;
        let sealing = Sealing::establish(store.as_ref(), setup.master_keys).await?;
        Ok(Self::warned(Opened { store, sealing }))
    }

    fn warned(opened: Opened) -> Opened {
        let Opened { store, sealing } = opened;
        if let Some(warning) = sealing.warning() {
            complain(format_args!("Warning: {warning}."));
        }
        Opened { store, sealing }
    }

    fn setup(&self) -> Result<InboxSetup, NotOpened> {
        let Some(url) = &self.store else {
            let (_, options) = configuration::load(&self.configuration.sources())
                .map_err(|report| NotOpened::Configuration(report.to_string()))?;
            let none = "The configuration has no inbox: set [inbox] url.";
            return options.inbox.ok_or_else(|| NotOpened::Configuration(none.into()));
        };
        let store = match url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            Some(path) => StoreOptions::Sqlite(path.into()),
            None if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                StoreOptions::Postgres { url: Zeroizing::new(url.clone()), connections: CONNECTIONS }
            }
            None => {
                // The url may hold a password.
                let problem = "The url is no store's: write sqlite:///PATH or postgres://USER:PASSWORD@HOST/DATABASE.";
                return Err(NotOpened::Configuration(problem.into()));
            }
        };
        let master_keys = self.key_file.as_deref().map(master_keys).transpose()?;
        Ok(InboxSetup { store, master_keys, options: InboxOptions::default() })
    }
}

/// Of a command to PostgreSQL.
const CONNECTIONS: u32 = 2;

fn master_keys(path: &Path) -> Result<MasterKeys, NotOpened> {
    MasterKeys::load(path).map_err(|error| NotOpened::Configuration(format!("{}: {error}.", path.display())))
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

    fn without_keys(url: &str) -> StoreArguments {
        line(&["--store", url])
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

        let setup =
            InboxSetup { store: StoreOptions::Sqlite(path), master_keys: None, options: InboxOptions::default() };
        let store = setup.open(true).await.unwrap();
        assert!(matches!(arguments.open().await, Err(NotOpened::Sealing(SealingError::NotBegun))));
        Sealing::establish(store.as_ref(), None).await.unwrap();
        store.close().await;
        // A key that is named by mistake must not seal what a server keeps in clear.
        let opened = arguments.open().await.unwrap();
        assert_eq!(opened.store.note("index-key").await.unwrap().unwrap().key_id, None);
        assert_eq!(without_keys(&url).open().await.unwrap().sealing.key_id(), None);
        assert_eq!(arguments.open_to_seal().await.unwrap().sealing.key_id(), Some("k1"));
        let without = without_keys(&url);
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
