//! `issuer-host serve`

mod descriptors;
mod passed_sockets;
mod service_manager;

use std::fmt::Display;
use std::future::poll_fn;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::configuration::{self, ConfigurationFile};
use super::{EXIT_CONFIGURATION, Error, StopSignal};
use crate::app::{App, AppOptions, ConfigurationSource, Observer, Reloader, StartError, StartProgress};
use crate::random::Gathering;
use crate::server::{PassedSockets, WorkerThreads, Workers};
use crate::settings::{Settings, Sources};
use crate::telemetry::events;
use crate::tls::trigger::Trigger;
use service_manager::ServiceManager;

/// What work that nobody waits for any more is given to end by itself.
const LAST_WORK: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  issuer-host serve --config issuer-host.toml

  # new certificates, CAs and settings, without a restart
  kill -HUP $(pidof issuer-host)";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    // First, while there is one thread.
    let passed = passed_sockets::take();
    let _gathering = Gathering::begin();
    // Once, for good: every reload reads from where the start has read.
    let sources = arguments.configuration.sources();
    let (settings, mut options) = match configuration::load(&sources) {
        Ok(configured) => configured,
        Err(report) => return Ok(configuration::tell(&report)),
    };
    options.log = Some(crate::telemetry::init(settings.log.format.into(), settings.log.level.name())?);
    for warning in &settings.warnings {
        warn!(event = events::CONFIGURATION_WARNING, "{warning}");
    }
    let passed = match passed {
        Ok(passed) => passed,
        Err(error) => return Ok(not_started(&error, EXIT_CONFIGURATION)),
    };
    // What looks after the server, beside the threads that serve callers: a look at the console keeps nobody waiting.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let threads = WorkerThreads::start(workers(settings.server.workers), LAST_WORK)?;
    let outcome = runtime.block_on(serve(sources, settings, options, passed, threads.workers()));
    threads.end();
    end(runtime);
    outcome
}

async fn serve(
    sources: Sources,
    settings: Settings,
    options: AppOptions,
    passed: PassedSockets,
    workers: Workers,
) -> Result<ExitCode, Error> {
    // Before anything listens: a signal at any moment from here on drains or reloads, and does not kill.
    let mut stop = StopSignal::install()?;
    let hangup = signal(SignalKind::hangup())?;
    let manager = ServiceManager::from_environment();
    let start = || tell_of_start(&sources, &settings);
    let bound = begun(options, passed, &mut stop, manager, start).await;
    let Some(bound) = bound else {
        info!(event = events::START_ABANDONED, "asked to stop before it was ready: nobody was served");
        to_the_end(manager.map(|manager| tokio::spawn(manager.stopping()))).await;
        return Ok(ExitCode::SUCCESS);
    };
    match bound {
        Ok(app) => {
            if let Some(warning) = settings.inbox_warning() {
                warn!(event = events::CONFIGURATION_WARNING, "{warning}");
            }
            let app = app.with_configuration(source(sources, settings)).with_workers(workers);
            let told = manager.map(|manager| tokio::spawn(manager.accompany(app.observer())));
            let reloads = tokio::spawn(reload_on(hangup, app.reloader(), manager, app.observer()));
            let (begin, haste) = (CancellationToken::new(), Arc::new(Notify::new()));
            let signals = tokio::spawn(pass_on(stop, begin.clone(), Arc::clone(&haste)));
            app.run_with_haste(begin.cancelled_owned(), &haste).await;
            signals.abort();
            reloads.abort();
            to_the_end(told).await;
            Ok(ExitCode::SUCCESS)
        }
        Err(StartError::Environments(problems)) => {
            Ok(configuration::tell(&configuration::refused(&settings, &problems)))
        }
        // No waiting mends it.
        Err(StartError::Inbox(error)) => {
            // The report comes last, after what the start has said.
            crate::telemetry::flush(LAST_WORK);
            Ok(configuration::tell(&configuration::inbox_refused(&settings, &error)))
        }
        // Another start would find the same.
        Err(error @ StartError::Passed(_)) => Ok(not_started(&error, EXIT_CONFIGURATION)),
        Err(error) => Ok(not_started(&error, 1)),
    }
}

/// A server that is about to serve, or why there is none; nothing when it was told to stop before. A store that is away is waited for.
/// `start` is called when all that can be checked at once is good.
async fn begun(
    options: AppOptions,
    passed: PassedSockets,
    stop: &mut StopSignal,
    manager: Option<ServiceManager>,
    start: impl Fn() + Sync,
) -> Option<Result<App, StartError>> {
    let (progress, seen) = watch::channel(None);
    let telling = manager.map(|manager| tokio::spawn(manager.wait_with(seen)));
    let told = |how_far| {
        if how_far == StartProgress::Opening {
            start();
        }
        progress.send_replace(Some(how_far));
    };
    let bound = tokio::select! {
        bound = App::bind_patiently(options, passed, told) => Some(bound),
        () = stop.received() => None,
    };
    drop(progress);
    to_the_end(telling).await;
    bound
}

/// Waits for the last word to the service manager. One that does not read must not keep us.
async fn to_the_end(telling: Option<JoinHandle<()>>) {
    if let Some(telling) = telling {
        let _ = tokio::time::timeout(LAST_WORK, telling).await;
    }
}

/// What starts, once what can be checked is good.
fn tell_of_start(sources: &Sources, settings: &Settings) {
    info!(
        event = events::STARTING,
        version = env!("CARGO_PKG_VERSION"),
        file = sources.file.as_deref().map(|file| tracing::field::display(file.display())),
        environments = settings.environments.len(),
        "issuer-host {} starts",
        env!("CARGO_PKG_VERSION")
    );
    descriptors::raise(settings.server.max_connections);
}

fn not_started(error: &dyn Display, code: u8) -> ExitCode {
    error!(event = events::START_FAILED, "{error}");
    ExitCode::from(code)
}

/// The first signal begins the end, each further one is haste.
async fn pass_on(mut signal: StopSignal, begin: CancellationToken, haste: Arc<Notify>) {
    signal.received().await;
    begin.cancel();
    loop {
        signal.received().await;
        haste.notify_one();
    }
}

fn source(sources: Sources, started: Settings) -> ConfigurationSource {
    let files = configuration::files(&sources, &started);
    ConfigurationSource::new(files, configuration::again(sources, started))
}

/// SIGHUP, until the server has ended.
async fn reload_on(mut hangup: Signal, reloader: Reloader, manager: Option<ServiceManager>, server: Observer) {
    let reload = || {
        let (reloader, server) = (reloader.clone(), server.clone());
        async move {
            if let Some(manager) = manager {
                manager.reloading().await;
            }
            let reloaded = reloader.reload_for(Trigger::Signal).await.map(drop);
            if let Some(manager) = manager {
                manager.reloaded(&server).await;
            }
            reloaded
        }
    };
    follow(|context| hangup.poll_recv(context), reload, || reloader.has_ended()).await;
}

/// Reloads each time that it is asked for. One that fails is not the last one, unless the server has `ended`.
async fn follow<R: Future<Output = Result<(), E>>, E: Display>(
    mut asked: impl FnMut(&mut Context<'_>) -> Poll<Option<()>>,
    mut reload: impl FnMut() -> R,
    ended: impl Fn() -> bool,
) {
    while poll_fn(&mut asked).await.is_some() {
        if let Err(error) = reload().await {
            if ended() {
                return;
            }
            error!(
                event = events::RELOAD_UNANSWERED,
                trigger = "signal",
                "SIGHUP was heard, but its reload did not end: {error}"
            );
        }
    }
}

/// The end of all threads. What serves has ended by now; what is left may be waiting for a disk that does not answer.
fn end(runtime: Runtime) {
    runtime.shutdown_timeout(LAST_WORK);
}

/// How many threads `workers` says; 0 = one for each core.
fn workers(workers: usize) -> usize {
    match workers {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        workers => workers,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_that_never_ends_does_not_keep_the_process() {
        let (release, released) = mpsc::channel::<()>();
        let (done, finished) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (started, begun) = mpsc::channel();
            runtime.spawn_blocking(move || {
                started.send(()).unwrap();
                let _ = released.recv();
            });
            begun.recv().unwrap();
            end(runtime);
            done.send(()).unwrap();
        });
        finished.recv_timeout(Duration::from_secs(20)).expect("the end waits for work that never ends");
        drop(release);
    }

    #[tokio::test]
    async fn a_reload_that_fails_is_not_the_last_one_that_a_signal_brings() {
        let reloads = async |ends_after: usize| {
            let (mut signals, count) = (0, Cell::new(0));
            let asked = |_: &mut Context<'_>| {
                signals += 1;
                Poll::Ready((signals <= 3).then_some(()))
            };
            let reload = || {
                count.set(count.get() + 1);
                ready(if count.get() == 3 { Ok(()) } else { Err("it panicked") })
            };
            follow(asked, reload, || count.get() >= ends_after).await;
            count.get()
        };
        assert_eq!(reloads(usize::MAX).await, 3);
        assert_eq!(reloads(2).await, 2, "control: the server has ended");
    }
}
