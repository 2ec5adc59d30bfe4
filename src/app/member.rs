//! An environment that runs, and what it was made from.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tracing::{error, info, warn};

use super::options::{EnvironmentOptions, ServerOptions};
use super::start::EnvironmentProblem;
use crate::handler::Handler;
use crate::http::{Stack, StackOptions};
use crate::metrics::{CertificateKind, Metrics, ReloadOutcome};
use crate::pki::RevocationMode;
use crate::server::Environment;
use crate::tls::reload::ReloadReport;
use crate::tls::trigger::Trigger;
use crate::tls::{Epoch, EpochOptions, MaterialSources, TlsEnvironment, TlsMaterial, now};

/// An environment that runs.
pub(super) struct Member {
    pub(super) environment: Arc<Environment>,
    /// What it was made from.
    pub(super) options: EnvironmentOptions,
    /// What the epoch in force was made from.
    tls: (MaterialSources, EpochOptions),
    /// What the stack in force was made from.
    stack: StackOptions,
    pub(super) last: LastReload,
}

/// How the last reload ended that was more than a look.
#[derive(Clone, Debug)]
pub(super) struct LastReload {
    pub(super) at: SystemTime,
    /// `None`: the start.
    pub(super) trigger: Option<Trigger>,
    pub(super) outcome: ReloadOutcome,
    /// Why the epoch before stayed.
    pub(super) problem: Option<String>,
}

impl Member {
    /// Loads the material, checks it, and builds the first epoch.
    pub(super) fn new(
        options: EnvironmentOptions,
        server: &ServerOptions,
        metrics: &Metrics,
    ) -> Result<Self, EnvironmentProblem> {
        let name = options.name.clone();
        let tls = (options.material_sources(server), options.epoch_options());
        let load = || {
            let bytes = tls.0.read()?;
            TlsMaterial::check(&bytes, &tls.0, now()).map(|material| (material, bytes.digest()))
        };
        let (material, digest) =
            load().map_err(|error| EnvironmentProblem::Material { environment: name.clone(), error })?;
        warn_of(&name, &material.warnings());
        tell_revocation(&name, material.revocation.mode, material.revocation.lists.lists().len());
        let epoch = Epoch::build(1, material, digest, &tls.1)
            .map_err(|error| EnvironmentProblem::Tls { environment: name.clone(), error })?;
        let metrics = metrics.for_environment(&name);
        let stack = options.stack_options(server);
        let environment = Arc::new(Environment {
            stack: ArcSwap::from_pointee(mounted(&options.handler, &stack, &metrics)),
            tls: Arc::new(TlsEnvironment::new(&name, epoch)),
            metrics,
        });
        let last =
            LastReload { at: SystemTime::now(), trigger: None, outcome: ReloadOutcome::Installed, problem: None };
        let member = Self { environment, options, tls, stack, last };
        member.measure();
        Ok(member)
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.options.name
    }

    /// Brings the environment to `options`, and its material to what the files hold now; or leaves both as they are. `fresh` says
    /// that the options were read anew, so that a router in them may be another.
    pub(super) fn reload(
        &mut self,
        options: EnvironmentOptions,
        server: &ServerOptions,
        fresh: bool,
        trigger: Trigger,
    ) -> ReloadReport {
        let tls = (options.material_sources(server), options.epoch_options());
        let report = self.environment.tls.reload(&tls.0, &tls.1, tls != self.tls);
        if !matches!(report, ReloadReport::Kept { .. }) {
            self.tls = tls;
            let stack = options.stack_options(server);
            let other_handler = fresh && !options.handler.is_same(&self.options.handler);
            if stack != self.stack || other_handler {
                // A pool of connections that serves the same backend in the same way is kept.
                let handler = if other_handler { &options.handler } else { &self.options.handler };
                self.environment.stack.store(Arc::new(mounted(handler, &stack, &self.environment.metrics)));
                self.stack = stack;
            }
            let handler = if other_handler { options.handler.clone() } else { self.options.handler.clone() };
            self.options = EnvironmentOptions { handler, ..options };
        }
        self.tell(&report, trigger);
        report
    }

    /// Log, metrics and status. What has been said is not said again with each poll.
    fn tell(&mut self, report: &ReloadReport, trigger: Trigger) {
        let environment = self.options.name.as_str();
        let (outcome, problem) = match report {
            ReloadReport::Unchanged => (ReloadOutcome::Unchanged, None),
            ReloadReport::Installed { .. } => (ReloadOutcome::Installed, None),
            ReloadReport::Kept { problem } => (ReloadOutcome::Kept, Some(problem.to_string())),
        };
        self.environment.metrics.reloaded(outcome);
        match report {
            ReloadReport::Installed {
                from,
                to,
                anchors_added,
                anchors_removed,
                leaf_changed,
                connections_retired,
                warnings,
            } => {
                info!(
                    event = "reloaded",
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
                self.measure();
            }
            ReloadReport::Kept { problem: what } if problem != self.last.problem => {
                let epoch = self.environment.tls.current().number();
                error!(
                    event = "reload_refused",
                    environment,
                    trigger = trigger.as_str(),
                    epoch,
                    "epoch {epoch} stays in force: {what}"
                );
            }
            ReloadReport::Unchanged if self.last.problem.is_some() => {
                info!(event = "reload_healed", environment, trigger = trigger.as_str(), "the files are good again");
            }
            ReloadReport::Kept { .. } | ReloadReport::Unchanged => {}
        }
        if outcome != ReloadOutcome::Unchanged || self.last.problem.is_some() {
            self.last = LastReload { at: SystemTime::now(), trigger: Some(trigger), outcome, problem };
        }
    }

    /// What metrics tell of the epoch in force.
    fn measure(&self) {
        let epoch = self.environment.tls.current();
        let metrics = &self.environment.metrics;
        metrics.epoch_installed(epoch.number());
        let anchors = epoch.judge().anchors().anchors().iter().map(|anchor| anchor.facts.not_after).min();
        let chain = epoch.credential().facts().iter().map(|facts| facts.not_after).min();
        let lists = epoch.judge().revocation().lists.lists().iter().map(|list| list.next_update).min();
        metrics.certificate_expires(CertificateKind::ClientCa, anchors);
        metrics.certificate_expires(CertificateKind::ServerChain, chain);
        metrics.crl_expires(lists);
    }
}

fn mounted(handler: &Handler, options: &StackOptions, metrics: &crate::metrics::EnvironmentMetrics) -> Stack<Handler> {
    Stack::new(options.clone(), handler.clone().mounted()).with_accounting(Arc::new(metrics.clone()))
}

/// What an issuer without a list means is a decision that the operator should see.
fn tell_revocation(environment: &str, mode: RevocationMode, lists: usize) {
    let meaning = match mode {
        RevocationMode::Off => "no revocation list is looked at",
        RevocationMode::IfCovered => "certificates whose issuer has no list are taken as they are",
        RevocationMode::Require => "certificates whose issuer has no list are refused",
    };
    info!(event = "revocation", environment, mode = mode.as_str(), lists, "{meaning}");
}

fn warn_of(environment: &str, warnings: &[String]) {
    for warning in warnings {
        warn!(event = "material_warning", environment, "{warning}");
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
