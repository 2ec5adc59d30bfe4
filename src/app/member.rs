//! An environment that runs, and what it was made from.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use tracing::{error, info, warn};

use super::measure;
use super::options::{EnvironmentOptions, ServerOptions};
use super::start::EnvironmentProblem;
use crate::auth::ApiKeys;
use crate::handler::Dispatch;
use crate::http::{Interpreter, InterpreterOptions, Stack, StackOptions};
use crate::inbox::Inbox;
use crate::metrics::{EnvironmentMetrics, Metrics, ReloadOutcome};
use crate::pki::RevocationMode;
use crate::server::Environment;
use crate::telemetry::events;
use crate::tls::reload::{Prepared, ReloadProblem, ReloadReport};
use crate::tls::trigger::Trigger;
use crate::tls::{Epoch, EpochOptions, MaterialSources, TlsEnvironment, TlsMaterial, now};
use crate::traces::Tracer;

/// An environment that runs.
pub(super) struct Member {
    pub(super) environment: Arc<Environment>,
    /// What it was made from.
    pub(super) options: EnvironmentOptions,
    /// What the epoch in force was made from.
    tls: (MaterialSources, EpochOptions),
    /// What the stack in force was made from.
    stack: StackOptions,
    /// Where its notifications go.
    inbox: Option<Inbox>,
    /// What records its requests.
    tracer: Option<Tracer>,
    pub(super) last: LastReload,
    /// Of its first material.
    warnings: Vec<String>,
    /// A look at the files that took too long and goes on.
    unfinished: Option<Preparation>,
}

/// A look at the files that is under way.
pub(super) struct Preparation(mpsc::Receiver<Result<Prepared, ReloadProblem>>);

/// How the last reload ended that was more than a look.
#[derive(Clone, Debug)]
pub(super) struct LastReload {
    pub(super) at: SystemTime,
    /// `None`: the start.
    pub(super) trigger: Option<Trigger>,
    pub(super) outcome: ReloadOutcome,
    /// Why the epoch before stayed, or what was configured before.
    pub(super) problem: Option<String>,
    /// Since when there has been a problem at each reload, be it another one meanwhile.
    pub(super) failing_since: Option<SystemTime>,
}

type IsPresent = fn(&InterpreterOptions) -> bool;

/// What callers are asked for beside their certificate, and whether they are.
const SECOND_KEYS: [(&str, IsPresent); 2] =
    [("API key", |options| options.api_keys.is_some()), ("access token", |options| options.tokens.is_some())];

impl Member {
    /// Loads the material, checks it, and builds the first epoch.
    pub(super) fn new(
        options: EnvironmentOptions,
        server: &ServerOptions,
        metrics: &Metrics,
        inbox: Option<&Inbox>,
        tracer: Option<&Tracer>,
    ) -> Result<Self, EnvironmentProblem> {
        let name = options.name.clone();
        let tls = (options.material_sources(server), options.epoch_options());
        let load = || {
            let bytes = tls.0.read()?;
            TlsMaterial::check(&bytes, &tls.0, now()).map(|material| (material, bytes.digest()))
        };
        let (material, digest) =
            load().map_err(|error| EnvironmentProblem::Material { environment: name.clone(), error })?;
        let warnings = material.warnings();
        let epoch = Epoch::build(1, material, digest, &tls.1)
            .map_err(|error| EnvironmentProblem::Tls { environment: name.clone(), error })?;
        let metrics = metrics.for_environment(&name);
        let stack = options.stack_options(server);
        let environment = Arc::new(Environment {
            stack: ArcSwap::from_pointee(mounted(&options, &stack, &metrics, inbox, tracer)),
            tls: Arc::new(TlsEnvironment::new(&name, epoch)),
            metrics,
        });
        let last = LastReload {
            at: SystemTime::now(),
            trigger: None,
            outcome: ReloadOutcome::Installed,
            problem: None,
            failing_since: None,
        };
        let (inbox, tracer) = (inbox.cloned(), tracer.cloned());
        Ok(Self { environment, options, tls, stack, inbox, tracer, last, warnings, unfinished: None })
    }

    /// Its notifications go into `inbox` from now on.
    pub(super) fn keep_in(&mut self, inbox: &Inbox) {
        let mounted = mounted(&self.options, &self.stack, &self.environment.metrics, Some(inbox), self.tracer.as_ref());
        self.environment.stack.store(Arc::new(mounted));
        self.inbox = Some(inbox.clone());
    }

    /// Tells of an environment that is in force from now on.
    pub(super) fn announce(&self) {
        let epoch = self.environment.tls.current();
        let revocation = epoch.judge().revocation();
        warn_of(self.name(), &self.warnings);
        self.count(&self.options);
        if let Some(interpreter) = &self.options.interpreter {
            interpreter.prepare(None);
        }
        tell_revocation(self.name(), revocation.mode, revocation.lists.lists().len());
        self.environment.metrics.found(true, SystemTime::now());
        self.measure();
    }

    /// What the epoch in force was made from.
    pub(super) fn sources(&self) -> &MaterialSources {
        &self.tls.0
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.options.name
    }

    /// Begins to look at what the files hold now, by `options`, on a thread of its own: a disk that hangs under one environment
    /// does not keep the others from their reload. Changes nothing.
    pub(super) fn prepare(&mut self, options: &EnvironmentOptions, server: &ServerOptions) -> Preparation {
        if let Some(unfinished) = self.unfinished.take()
            && matches!(unfinished.0.try_recv(), Err(TryRecvError::Empty))
        {
            return unfinished;
        }
        let (sources, epoch) = (options.material_sources(server), options.epoch_options());
        let changed = (&sources, &epoch) != (&self.tls.0, &self.tls.1);
        let environment = Arc::clone(&self.environment);
        let (done, outcome) = mpsc::channel();
        std::thread::spawn(move || {
            // Nobody waits any more where it took too long.
            let _ = done.send(environment.tls.prepare(&sources, &epoch, changed));
        });
        Preparation(outcome)
    }

    /// Waits for what was begun, at the longest until `deadline`.
    pub(super) fn prepared(&mut self, preparation: Preparation, deadline: Instant) -> Result<Prepared, ReloadProblem> {
        match preparation.0.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Disconnected) => Err(ReloadProblem::Defect),
            Err(RecvTimeoutError::Timeout) => {
                self.unfinished = Some(preparation);
                Err(ReloadProblem::StillReading)
            }
        }
    }

    /// Puts in force what was prepared, with the `options` that it was prepared by; or leaves the material and what goes with it as
    /// they are. What becomes of calls is put in force in either case: a key that leaked must be withdrawable while certificates are
    /// being changed and do not fit together yet. `fresh` says that the options were read anew, so that a router in them may be
    /// another; `refused` is what is wrong with other ones, so that these are those in force.
    pub(super) fn commit(
        &mut self,
        options: EnvironmentOptions,
        prepared: Result<Prepared, ReloadProblem>,
        refused: Option<&str>,
        server: &ServerOptions,
        fresh: bool,
        trigger: Trigger,
    ) -> ReloadReport {
        let report = match prepared {
            Ok(prepared) => self.environment.tls.commit(prepared),
            Err(problem) => ReloadReport::Kept { problem },
        };
        let options = if matches!(report, ReloadReport::Kept { .. }) {
            let EnvironmentOptions { products, interpreter, others, destinations, handler, .. } = options;
            EnvironmentOptions { products, interpreter, others, destinations, handler, ..self.options.clone() }
        } else {
            if options.revocation != self.options.revocation {
                let lists = self.environment.tls.current().judge().revocation().lists.lists().len();
                tell_revocation(self.name(), options.revocation, lists);
            }
            self.tls = (options.material_sources(server), options.epoch_options());
            options
        };
        self.apply(options, server, fresh);
        self.tell(&report, refused, trigger);
        report
    }

    /// Puts options in force whose material is in force already.
    fn apply(&mut self, options: EnvironmentOptions, server: &ServerOptions, fresh: bool) {
        let other_handler = fresh && !options.handler.is_same(&self.options.handler);
        let options = self.keeping_what_is_the_same(options, other_handler);
        self.count(&options);
        self.welcome(options.interpreter.as_deref());
        let stack = options.stack_options(server);
        if stack != self.stack || other_handler {
            let (inbox, tracer) = (self.inbox.as_ref(), self.tracer.as_ref());
            let mounted = mounted(&options, &stack, &self.environment.metrics, inbox, tracer);
            self.environment.stack.store(Arc::new(mounted));
            self.stack = stack;
        }
        self.options = options;
    }

    /// `options` with the parts of those in force that would be the same: a pool of connections that serves the same backend in the
    /// same way is kept, and so is what an interpreter remembers.
    fn keeping_what_is_the_same(&self, options: EnvironmentOptions, other_handler: bool) -> EnvironmentOptions {
        let before = &self.options;
        let handler = if other_handler { options.handler } else { before.handler.clone() };
        let (interpreter, others) = if options.interpreter == before.interpreter {
            (before.interpreter.clone(), before.others.clone())
        } else {
            (options.interpreter, options.others)
        };
        EnvironmentOptions { interpreter, others, handler, ..options }
    }

    /// Gets a new interpreter ready, and tells of it.
    fn welcome(&self, coming: Option<&Interpreter>) {
        let before = self.options.interpreter.as_deref();
        let Some(coming) = coming.filter(|coming| Some(*coming) != before) else { return };
        coming.prepare(before);
        let keys: Vec<&str> =
            coming.options().api_keys.iter().flat_map(ApiKeys::listed).map(|(name, _)| name).collect();
        info!(
            event = events::INTERPRETER_RELOADED,
            environment = self.name(),
            operations = coming.routes().operations().len(),
            api_keys = keys.join(", "),
            tokens = coming.options().tokens.is_some(),
            "operations and second keys are in force"
        );
        for (second_key, present) in SECOND_KEYS {
            if before.is_some_and(|before| present(before.options())) && !present(coming.options()) {
                warn!(
                    event = events::SECOND_KEY_GONE,
                    environment = self.name(),
                    second_key,
                    "callers need no {second_key} any more: whoever has a good certificate is served"
                );
            }
        }
    }

    /// The end of an environment that is gone from the configuration. Returns how many connections were retired.
    pub(super) fn close(&self) -> usize {
        let retired = self.environment.tls.close();
        self.environment.metrics.environment_removed();
        retired
    }

    /// Log, metrics and status. What has been said is not said again with each poll.
    fn tell(&mut self, report: &ReloadReport, refused: Option<&str>, trigger: Trigger) {
        let environment = self.options.name.as_str();
        let of_material = match report {
            ReloadReport::Kept { problem } => Some(problem.to_string()),
            ReloadReport::Unchanged | ReloadReport::Installed { .. } => None,
        };
        let problems: Vec<&str> = refused.into_iter().chain(of_material.as_deref()).collect();
        let problem = (!problems.is_empty()).then(|| problems.join("\n"));
        let outcome = match report {
            _ if problem.is_some() => ReloadOutcome::Kept,
            ReloadReport::Installed { .. } => ReloadOutcome::Installed,
            ReloadReport::Unchanged | ReloadReport::Kept { .. } => ReloadOutcome::Unchanged,
        };
        self.environment.metrics.reloaded(outcome, SystemTime::now());
        if let ReloadReport::Installed {
            from,
            to,
            anchors_added,
            anchors_removed,
            leaf_changed,
            connections_retired,
            warnings,
        } = report
        {
            info!(
                event = events::RELOADED,
                environment,
                trigger = trigger.as_str(),
                from,
                to,
                anchors_added = %Subjects(anchors_added),
                anchors_removed = %Subjects(anchors_removed),
                leaf_changed,
                connections_retired,
                "epoch {to} is in force"
            );
            warn_of(environment, warnings);
        }
        // The same certificates may stand in other files, and other keys may be in force.
        self.measure();
        match &problem {
            Some(what) if problem != self.last.problem => {
                let epoch = self.environment.tls.current().number();
                let stays = match (refused, of_material) {
                    (None, _) => format!("epoch {epoch} stays"),
                    (Some(_), None) => "what was configured before stays".to_owned(),
                    (Some(_), Some(_)) => format!("epoch {epoch} and what was configured before stay"),
                };
                let trigger = trigger.as_str();
                error!(event = events::RELOAD_REFUSED, environment, trigger, epoch, "{stays} in force: {what}");
            }
            None if matches!(report, ReloadReport::Unchanged) && self.last.problem.is_some() => {
                info!(
                    event = events::RELOAD_HEALED,
                    environment,
                    trigger = trigger.as_str(),
                    "the files are good again"
                );
            }
            _ => {}
        }
        if outcome != ReloadOutcome::Unchanged || self.last.problem.is_some() {
            let at = SystemTime::now();
            let failing_since = problem.as_ref().map(|_| self.last.failing_since.unwrap_or(at));
            self.last = LastReload { at, trigger: Some(trigger), outcome, problem, failing_since };
        }
    }

    /// Has the parts of `options` counted that were made before anybody knew whose they are.
    fn count(&self, options: &EnvironmentOptions) {
        let metrics = &self.environment.metrics;
        options.handler.count_in(|| metrics.backend(""));
        if let Some(others) = &options.others {
            others.count_in(metrics);
        }
        let tokens = options.interpreter.as_deref().and_then(|interpreter| interpreter.options().tokens.as_ref());
        if !tokens.is_some_and(|tokens| tokens.count_in(|| metrics.identity_provider_keys())) {
            metrics.identity_provider_gone();
        }
        measure::what_may_be_called(metrics, options.interpreter.as_deref());
    }

    /// What metrics tell of the epoch and the second keys in force.
    fn measure(&self) {
        measure::material(&self.environment, &self.tls.0, &self.options);
        measure::second_keys(&self.environment, &self.options);
    }
}

fn mounted(
    options: &EnvironmentOptions,
    stack: &StackOptions,
    metrics: &EnvironmentMetrics,
    inbox: Option<&Inbox>,
    tracer: Option<&Tracer>,
) -> Stack<Dispatch> {
    let receive = super::inbox::receive(inbox, options);
    let dispatch = Dispatch::new(options.handler.clone(), options.others.clone()).receiving(receive);
    Stack::new(stack.clone(), dispatch).with_accounting(Arc::new(metrics.clone())).with_tracer(tracer.cloned())
}

/// What an issuer without a list means is a decision that the operator should see.
fn tell_revocation(environment: &str, mode: RevocationMode, lists: usize) {
    let meaning = match mode {
        RevocationMode::Off => "no revocation list is looked at",
        RevocationMode::IfCovered => "certificates whose issuer has no list are taken as they are",
        RevocationMode::Require => "certificates whose issuer has no list are refused",
    };
    info!(event = events::REVOCATION, environment, mode = mode.as_str(), lists, "{meaning}");
}

fn warn_of(environment: &str, warnings: &[String]) {
    for warning in warnings {
        warn!(event = events::MATERIAL_WARNING, environment, "{warning}");
    }
}

/// Subjects of trust anchors, in one field of an event.
struct Subjects<'a>(&'a [crate::tls::reload::AnchorName]);

impl fmt::Display for Subjects<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, anchor) in self.0.iter().enumerate() {
            let separator = if position > 0 { "; " } else { "" };
            write!(f, "{separator}{} ({})", anchor.subject, anchor.sha256)?;
        }
        Ok(())
    }
}
