//! All that runs and that a reload may change.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tracing::{info, warn};

use super::inbox::AppInbox;
use super::member::Member;
use super::options::{AppOptions, EnvironmentOptions, ServerOptions};
use super::report::{EnvironmentReload, Membership, Refused};
use super::start::EnvironmentProblem;
use crate::admin::AdminAccess;
use crate::metrics::Metrics;
use crate::server::limits::{HandshakeSlots, Permits};
use crate::server::{Door, DoorRules, Environment};
use crate::telemetry::{LogLevel, events};
use crate::tls::Hosts;
use crate::tls::reload::{Prepared, ReloadProblem};
use crate::tls::trigger::Trigger;
use crate::traces::Tracer;

/// All that runs and that a reload may change.
pub(super) struct Serving {
    pub(super) server: ServerOptions,
    pub(super) members: Vec<Member>,
    pub(super) inbox: Option<AppInbox>,
    /// Nobody asks for it where there is no admin listener.
    pub(super) admin: AdminAccess,
    /// By the address that was asked for.
    pub(super) doors: Vec<(SocketAddr, Arc<Door>)>,
    pub(super) rules: Arc<ArcSwap<DoorRules>>,
    pub(super) permits: Permits,
    pub(super) slots: HandshakeSlots,
    pub(super) metrics: Metrics,
    /// The level of the log, where a reload may change it.
    pub(super) log: Option<LogLevel>,
    /// What records requests, where anything does.
    pub(super) tracer: Option<Tracer>,
    /// Files of the configuration that was read last, in force or not.
    pub(super) wanted: Vec<PathBuf>,
}

/// How long a look at the files of all environments may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a look at the files of an environment found.
struct Looked {
    /// Its place among the members.
    at: usize,
    options: EnvironmentOptions,
    prepared: Result<Prepared, ReloadProblem>,
}

/// Who stays, who comes, who has to wait for a restart (names), and which keys say so.
#[derive(Default)]
struct Settled {
    staying: Vec<EnvironmentOptions>,
    coming: Vec<EnvironmentOptions>,
    waiting: Vec<String>,
    restart: BTreeSet<String>,
}

/// What a reload did: to each environment, and what it could not do without a restart (keys).
pub(super) struct Reloaded {
    pub(super) environments: BTreeMap<String, EnvironmentReload>,
    pub(super) restart: BTreeSet<String>,
}

impl Serving {
    /// Notifications of all environments go into this inbox from now on.
    pub(super) fn keep_in(&mut self, kept: AppInbox) {
        for member in &mut self.members {
            member.keep_in(&kept.inbox);
        }
        self.inbox = Some(kept);
    }

    /// The material of every environment, as the options say that are in force.
    pub(super) fn reload_material(&mut self, trigger: Trigger) -> Reloaded {
        let server = self.server.clone();
        let wanted = self.members.iter().map(|member| member.options.clone()).collect();
        let prepared = self.prepare(wanted, &server);
        let environments = self.commit(prepared, &BTreeMap::new(), false, trigger);
        Reloaded { environments, restart: BTreeSet::new() }
    }

    /// Other options, and the material of every environment as they say. An environment whose material is not good keeps it, with
    /// its name, its listeners and its rules for callers' certificates; the others go on. Which environments there are, and by which
    /// names they are reached, changes as a whole or not at all. One that is `refused` keeps its options, and its material is looked
    /// at as these say.
    ///
    /// # Errors
    /// A new environment that is not good, or environments that could not be told apart; nothing was changed then.
    pub(super) fn reconfigure(
        &mut self,
        options: AppOptions,
        refused: &BTreeMap<String, String>,
        trigger: Trigger,
    ) -> Result<Reloaded, Vec<EnvironmentProblem>> {
        let AppOptions { server, admin, inbox, environments: mut wanted, .. } = options;
        wanted.extend(self.refused(refused)?);
        self.wanted = wanted.iter().flat_map(|options| options.material_sources(&server).files()).collect();
        let leaving = |member: &Member| !wanted.iter().any(|options| options.name == member.name());
        let leaving: Vec<String> =
            self.members.iter().filter(|member| leaving(member)).map(|member| member.name().to_owned()).collect();
        let Settled { staying, coming, waiting, mut restart } = self.settle(wanted, &server);
        // Whoever is renamed and moved at once would be served by nobody until the restart.
        if !leaving.is_empty() && !waiting.is_empty() {
            return Err(vec![EnvironmentProblem::NeedsRestart { coming: waiting, leaving }]);
        }
        if staying.is_empty() && coming.is_empty() {
            return Err(vec![EnvironmentProblem::None]);
        }
        let coming = self.welcome(coming, &server)?;
        let prepared = self.prepare(staying, &server);
        if let Err(problems) = self.results_apart(&prepared, &coming, &server) {
            for member in &coming {
                member.close();
            }
            return Err(problems);
        }

        // From here on nothing fails.
        self.rules.store(Arc::new(server.door_rules()));
        self.permits.set_total(server.max_connections);
        self.slots.set_limits(server.handshake_limits());
        if let Some(log) = &self.log {
            log.configure(server.log_level);
        }
        self.server = server;
        let mut environments = self.commit(prepared, refused, true, trigger);
        for member in coming {
            info!(event = events::ENVIRONMENT_ADDED, environment = member.name(), "an environment has come");
            member.announce();
            environments.insert(member.name().to_owned(), Membership::Added.into());
            self.members.push(member);
        }
        // No name leads to an environment that is gone before its connections are retired.
        let (gone, staying) =
            self.members.drain(..).partition(|member| leaving.iter().any(|name| name == member.name()));
        self.members = staying;
        self.route();
        let gone: Vec<Member> = gone;
        for member in gone {
            let connections_retired = member.close();
            let environment = member.name();
            warn!(event = events::ENVIRONMENT_REMOVED, environment, connections_retired, "an environment is gone");
            environments.insert(environment.to_owned(), Membership::Removed { connections_retired }.into());
        }
        // What is said of the admin listener that is not good leaves its rules as they are.
        if let Some(admin) = admin {
            self.admin.change(admin.rules);
        }
        if let Some(kept) = &mut self.inbox
            && kept.follow(inbox.as_ref(), &self.members)
        {
            // What a file says of it may be another place, although the settings are the same.
            restart.insert("inbox.url".to_owned());
        }
        Ok(Reloaded { environments, restart })
    }

    /// The options in force of environments that are refused.
    fn refused(&self, refused: &BTreeMap<String, String>) -> Result<Vec<EnvironmentOptions>, Vec<EnvironmentProblem>> {
        let (mut staying, mut problems) = (Vec::new(), Vec::new());
        for (name, problem) in refused {
            match self.members.iter().find(|member| member.name() == name) {
                Some(member) => staying.push(member.options.clone()),
                None => {
                    problems.push(EnvironmentProblem::Refused { environment: name.clone(), problem: problem.clone() });
                }
            }
        }
        if problems.is_empty() { Ok(staying) } else { Err(problems) }
    }

    /// Writes out where each environment listens. One that asks for an address that is not open keeps its old ones; a new one has to
    /// wait for a restart.
    fn settle(&self, wanted: Vec<EnvironmentOptions>, server: &ServerOptions) -> Settled {
        let mut settled = Settled::default();
        for mut options in wanted {
            // Settings write the server's addresses out for an environment that names none.
            let key = if options.listen.is_empty() || options.listen == server.listen {
                "server.listen".to_owned()
            } else {
                format!("environments.{}.listen", options.name)
            };
            options.listen = options.addresses(server).to_vec();
            let all_open = options.listen.iter().all(|address| self.doors.iter().any(|(open, _)| open == address));
            if !all_open {
                settled.restart.insert(key);
            }
            match self.members.iter().find(|member| member.name() == options.name) {
                Some(member) => {
                    if !all_open {
                        options.listen = member.options.addresses(&self.server).to_vec();
                    }
                    settled.staying.push(options);
                }
                None if all_open => settled.coming.push(options),
                None => settled.waiting.push(options.name),
            }
        }
        settled
    }

    /// New environments, all of them or none.
    fn welcome(
        &self,
        coming: Vec<EnvironmentOptions>,
        server: &ServerOptions,
    ) -> Result<Vec<Member>, Vec<EnvironmentProblem>> {
        let (mut members, mut problems) = (Vec::new(), Vec::new());
        for options in coming {
            let inbox = self.inbox.as_ref().map(|kept| &kept.inbox);
            match Member::new(options, server, &self.metrics, inbox, self.tracer.as_ref()) {
                Ok(member) => members.push(member),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            return Ok(members);
        }
        for member in &members {
            member.close();
        }
        Err(problems)
    }

    /// Looks at the files of environments that are there, all at once. Changes nothing.
    fn prepare(&mut self, wanted: Vec<EnvironmentOptions>, server: &ServerOptions) -> Vec<Looked> {
        let mut looking = Vec::new();
        for options in wanted {
            if let Some(at) = self.members.iter().position(|member| member.name() == options.name)
                && let Some(member) = self.members.get_mut(at)
            {
                looking.push((at, member.prepare(&options, server), options));
            }
        }
        let deadline = Instant::now() + PATIENCE;
        let mut looked = Vec::new();
        for (at, preparation, options) in looking {
            if let Some(member) = self.members.get_mut(at) {
                looked.push(Looked { at, prepared: member.prepared(preparation, deadline), options });
            }
        }
        looked
    }

    /// Whether the environments can be told apart when those whose material is not good keep what they have.
    fn results_apart(
        &self,
        looked: &[Looked],
        coming: &[Member],
        server: &ServerOptions,
    ) -> Result<(), Vec<EnvironmentProblem>> {
        let staying = looked.iter().filter_map(|looked| {
            let member = self.members.get(looked.at)?;
            let (options, server) =
                if looked.prepared.is_ok() { (&looked.options, server) } else { (&member.options, &self.server) };
            Some((member.name(), options.host(), options.addresses(server), ()))
        });
        let coming =
            coming.iter().map(|member| (member.name(), member.options.host(), member.options.addresses(server), ()));
        let mut problems = Vec::new();
        by_address(staying.chain(coming), &mut problems);
        if problems.is_empty() {
            return Ok(());
        }
        // What keeps them together is said first.
        let kept = looked.iter().filter_map(|looked| {
            let problem = looked.prepared.as_ref().err()?.to_string();
            Some(EnvironmentProblem::Kept { environment: looked.options.name.clone(), problem })
        });
        Err(kept.chain(problems).collect())
    }

    fn commit(
        &mut self,
        looked: Vec<Looked>,
        refused: &BTreeMap<String, String>,
        fresh: bool,
        trigger: Trigger,
    ) -> BTreeMap<String, EnvironmentReload> {
        let mut environments = BTreeMap::new();
        for Looked { at, options, prepared } in looked {
            if let Some(member) = self.members.get_mut(at) {
                let refused = refused.get(member.name()).map(String::as_str);
                let material = member.commit(options, prepared, refused, &self.server, fresh, trigger);
                let report = match refused {
                    None => material.into(),
                    Some(problem) => EnvironmentReload::Refused(Refused { problem: problem.to_owned(), material }),
                };
                environments.insert(member.name().to_owned(), report);
            }
        }
        environments
    }

    /// Tells each listener whom a server name leads to now.
    pub(super) fn route(&self) {
        let mut by_address = by_address(self.claims(), &mut Vec::new());
        for (address, door) in &self.doors {
            door.hosts.store(Arc::new(Hosts::new(by_address.remove(address).unwrap_or_default())));
        }
    }

    /// Which environments listen where. Two that cannot be told apart on one address are a problem.
    pub(super) fn addresses(&self, problems: &mut Vec<EnvironmentProblem>) -> Vec<SocketAddr> {
        by_address(self.claims(), problems).into_keys().collect()
    }

    fn claims(&self) -> impl Iterator<Item = (&str, Option<String>, &[SocketAddr], Arc<Environment>)> {
        self.members.iter().map(|member| {
            let options = &member.options;
            (member.name(), options.host(), options.addresses(&self.server), Arc::clone(&member.environment))
        })
    }

    /// Every file that the material of an environment is read from, or would be if all that was asked for were good.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let in_force = self.members.iter().flat_map(|member| member.options.material_sources(&self.server).files());
        let mut files: Vec<_> = in_force.chain(self.wanted.iter().cloned()).collect();
        files.sort();
        files.dedup();
        files
    }
}

/// An environment on an address: its name, its host, itself.
type Claim<'a, E> = (&'a str, Option<String>, E);

/// What each address leads to, by host. Two that cannot be told apart on one address are a problem.
fn by_address<'a, E: Clone>(
    claims: impl Iterator<Item = (&'a str, Option<String>, &'a [SocketAddr], E)>,
    problems: &mut Vec<EnvironmentProblem>,
) -> BTreeMap<SocketAddr, Vec<(Option<String>, E)>> {
    let mut named: BTreeMap<SocketAddr, Vec<Claim<'_, E>>> = BTreeMap::new();
    for (name, host, listen, environment) in claims {
        for address in listen.iter().copied() {
            let neighbours = named.entry(address).or_default();
            for (neighbour, other, _) in neighbours.iter() {
                if *other == host || other.is_none() || host.is_none() {
                    let environments = ((*neighbour).to_owned(), name.to_owned());
                    problems.push(EnvironmentProblem::Ambiguous { environments, address });
                }
            }
            neighbours.push((name, host.clone(), environment.clone()));
        }
    }
    let hosts = |(address, environments): (SocketAddr, Vec<Claim<'_, E>>)| {
        (address, environments.into_iter().map(|(_, host, environment)| (host, environment)).collect())
    };
    named.into_iter().map(hosts).collect()
}
