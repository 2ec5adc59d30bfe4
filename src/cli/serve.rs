//! `issuer-host serve`

use std::num::NonZero;
use std::process::ExitCode;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, warn};

use super::configuration::{self, ConfigurationFile};
use super::{Error, StopSignal};
use crate::app::{App, AppOptions, ConfigurationSource, Configured, Reloader, StartError};
use crate::settings::{LogLevel, Settings};
use crate::tls::trigger::Trigger;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let (settings, options) = match configuration::load(&arguments.configuration) {
        Ok(configured) => configured,
        Err(report) => return Ok(configuration::tell(&report)),
    };
    crate::telemetry::init(settings.log.format.into(), &filter(settings.log.level))?;
    for warning in &settings.warnings {
        warn!(event = "configuration_warning", "{warning}");
    }
    runtime(settings.server.workers)?.block_on(serve(&arguments.configuration, settings, options))
}

async fn serve(file: &ConfigurationFile, settings: Settings, options: AppOptions) -> Result<ExitCode, Error> {
    // Before anything listens: a signal at any moment from here on drains or reloads, and does not kill.
    let stop = StopSignal::install()?;
    let hangup = signal(SignalKind::hangup())?;
    match App::bind(options).await {
        Ok(app) => {
            let app = app.with_configuration(source(file.clone(), settings));
            let reloads = tokio::spawn(reload_on(hangup, app.reloader()));
            app.run(stop.received()).await;
            reloads.abort();
            Ok(ExitCode::SUCCESS)
        }
        Err(StartError::Environments(problems)) => {
            Ok(configuration::tell(&configuration::refused(&settings, &problems)))
        }
        Err(error) => {
            error!(event = "start_failed", "{error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Reads the configuration as at the start; what differs from `started` and needs a restart is told by its key.
fn source(file: ConfigurationFile, started: Settings) -> ConfigurationSource {
    let files = configuration::files(&file, &started);
    ConfigurationSource::new(files, move || {
        let (settings, options) = configuration::load(&file).map_err(|report| report.to_string())?;
        let needs_restart = started.needs_restart(&settings);
        let files = configuration::files(&file, &settings);
        Ok(Configured { options, needs_restart, files })
    })
}

/// SIGHUP, until the server has ended.
async fn reload_on(mut hangup: Signal, reloader: Reloader) {
    while hangup.recv().await.is_some() {
        if reloader.reload_for(Trigger::Signal).await.is_err() {
            return;
        }
    }
}

/// The level is that of our own events: what libraries have to say about frames and pools is no part of the service's log, and
/// we do not answer for what it holds.
fn filter(level: LogLevel) -> String {
    format!("{},issuer_host={}", level.min(LogLevel::Info).name(), level.name())
}

/// A runtime of `workers` threads; 0 = one for each core.
fn runtime(workers: usize) -> std::io::Result<Runtime> {
    let workers = match workers {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        workers => workers,
    };
    // One worker of a multi-thread runtime pays for hand-overs that have nobody to be handed to.
    let mut builder = if workers == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(workers);
        builder
    };
    builder.enable_all().build()
}
