//! `issuer-host serve`

use std::num::NonZero;
use std::process::ExitCode;

use tokio::runtime::Runtime;
use tracing::{error, warn};

use super::configuration::{self, ConfigurationFile};
use super::{Error, StopSignal};
use crate::app::{App, AppOptions, StartError};
use crate::settings::{LogLevel, Settings};

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
    runtime(settings.server.workers)?.block_on(serve(settings, options))
}

async fn serve(settings: Settings, options: AppOptions) -> Result<ExitCode, Error> {
    // Before anything listens: a signal at any moment from here on drains, and does not kill.
    let signal = StopSignal::install()?;
    match App::bind(options).await {
        Ok(app) => {
            app.run(signal.received()).await;
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
