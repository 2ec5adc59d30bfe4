//! `issuer-host check`: what is configured, what each file holds, what expires when.

use std::process::ExitCode;

use clap::ValueEnum;

use super::configuration::{self, ConfigurationFile};
use super::explanation::Explanation;
use super::{Error, live, say};
use crate::app::{AppOptions, EnvironmentProblem, InboxError, InboxSetup, StoreOptions};
use crate::inbox::entry::State;
use crate::inbox::store::{Count, StoreError};
use crate::inbox::{Sealing, SealingError, sqlite};
use crate::settings::{Report, Settings};
use crate::tls::{TlsMaterial, now};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    #[command(flatten)]
    live: live::Arguments,
    /// How to write what is found of a running server
    #[arg(long, value_enum, default_value_t, requires = "live")]
    format: Format,
    /// End with exit code 1 for warnings too
    #[arg(long, requires = "live")]
    strict: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For programs
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if let Some(target) = &arguments.live.live {
        return live::run(target, &arguments.live, arguments.format == Format::Json, arguments.strict);
    }
    match configuration::load(&arguments.configuration.sources())
        .and_then(|(settings, options)| explain(&settings, &options))
    {
        Ok(explanation) => {
            say(explanation.to_string().trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(report) => Ok(configuration::tell(&report)),
    }
}

fn explain(settings: &Settings, options: &AppOptions) -> Result<Explanation, Report> {
    let mut explanation = Explanation::new(now());
    let mut warnings = settings.warnings.clone();
    let mut problems = Vec::new();
    for (environment, environment_options) in settings.environments.iter().zip(&options.environments) {
        match TlsMaterial::load(&environment_options.material_sources(&options.server), now()) {
            Ok(material) => {
                warnings.extend(material.warnings().iter().map(|warning| format!("{}: {warning}", environment.name)));
                warnings.extend(explanation.environment(
                    environment,
                    &material,
                    environment_options.interpreter.as_deref(),
                ));
            }
            Err(error) => problems.push(EnvironmentProblem::Material { environment: environment.name.clone(), error }),
        }
    }
    if !problems.is_empty() {
        return Err(configuration::refused(settings, &problems));
    }
    warnings.extend(settings.inbox_warning().map(str::to_owned));
    let store = options.inbox.as_ref().map_or(Ok(StoreState::default()), store_state);
    let StoreState { words, warning } = store.map_err(|error| configuration::inbox_refused(settings, &error))?;
    warnings.extend(warning);
    explanation.server(settings, &words);
    explanation.conclude(&warnings);
    Ok(explanation)
}

/// What is to be said of the inbox' store.
#[derive(Debug, Default, PartialEq, Eq)]
struct StoreState {
    words: String,
    warning: Option<String>,
}

/// Looks at the store as a command does, which neither makes nor changes anything, and at its keys. A database that is out of reach may
/// be in reach of the server: that is no error yet.
fn store_state(setup: &InboxSetup) -> Result<StoreState, InboxError> {
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
            error @ (StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::ReadOnly(_)),
        )) => Ok(StoreState {
            words: "not looked at".to_owned(),
            warning: Some(format!("inbox.url: from here {error}. The server does not start without it")),
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
