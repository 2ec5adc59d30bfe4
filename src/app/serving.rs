//! All that runs and that a reload may change.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::member::Member;
use super::options::{AppOptions, EnvironmentOptions, ServerOptions};
use super::reload::{EnvironmentReload, Membership};
use super::start::EnvironmentProblem;
use crate::metrics::Metrics;
use crate::server::limits::{HandshakeSlots, Permits};
use crate::server::{Door, DoorRules, Environment};
use crate::tls::Hosts;
use crate::tls::trigger::Trigger;

/// All that runs and that a reload may change.
pub(super) struct Serving {
    pub(super) server: ServerOptions,
    pub(super) members: Vec<Member>,
    /// By the address that was asked for.
    pub(super) doors: Vec<(SocketAddr, Arc<Door>)>,
    pub(super) rules: Arc<ArcSwap<DoorRules>>,
    pub(super) permits: Permits,
    pub(super) slots: HandshakeSlots,
    pub(super) metrics: Metrics,
}

/// What a reload did: to each environment, and what it could not do without a restart (keys).
pub(super) struct Reloaded {
    pub(super) environments: BTreeMap<String, EnvironmentReload>,
    pub(super) restart: BTreeSet<String>,
}

impl Serving {
    /// The material of every environment, as the options say that are in force.
    pub(super) fn reload_material(&mut self, trigger: Trigger) -> Reloaded {
        let mut environments = BTreeMap::new();
        for member in &mut self.members {
            let report = member.reload(member.options.clone(), &self.server, false, trigger);
            environments.insert(member.name().to_owned(), report.into());
        }
        Reloaded { environments, restart: BTreeSet::new() }
    }

    /// Other options, and the material of every environment as they say. An environment whose material is not good stays as it is,
    /// as a whole; the others go on.
    ///
    /// # Errors
    /// Environments that could not be told apart; nothing was changed then but the material.
    pub(super) fn reconfigure(
        &mut self,
        options: AppOptions,
        trigger: Trigger,
    ) -> Result<Reloaded, Vec<EnvironmentProblem>> {
        let AppOptions { server, environments: mut wanted, .. } = options;
        if wanted.is_empty() {
            return Err(vec![EnvironmentProblem::None]);
        }
        let restart = self.keep_to_open_listeners(&mut wanted, &server);
        let mut problems = Vec::new();
        let claims =
            wanted.iter().map(|options| (options.name.as_str(), options.host(), options.listen.as_slice(), ()));
        by_address(claims, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }

        self.rules.store(Arc::new(server.door_rules()));
        self.permits.set_total(server.max_connections);
        self.slots.set_limits(server.handshake_limits());
        self.server = server;

        let mut environments = BTreeMap::new();
        let mut before = std::mem::take(&mut self.members);
        for options in wanted {
            let name = options.name.clone();
            let report = if let Some(at) = before.iter().position(|member| member.name() == name) {
                let mut member = before.swap_remove(at);
                let report = member.reload(options, &self.server, true, trigger);
                self.members.push(member);
                report.into()
            } else {
                match Member::new(options, &self.server, &self.metrics) {
                    Ok(member) => {
                        self.members.push(member);
                        Membership::Added.into()
                    }
                    Err(problem) => Membership::NotAdded { problem: problem.to_string() }.into(),
                }
            };
            environments.insert(name, report);
        }
        // No name leads to an environment that is gone before its connections are retired.
        self.route();
        for member in before {
            let connections_retired = member.environment.tls.close();
            member.environment.metrics.environment_removed();
            environments.insert(member.name().to_owned(), Membership::Removed { connections_retired }.into());
        }
        Ok(Reloaded { environments, restart })
    }

    /// Writes out where each environment listens. One that asks for an address that is not open keeps its old ones; a new one has to
    /// wait. Returns the keys that would need a restart.
    fn keep_to_open_listeners(&self, wanted: &mut Vec<EnvironmentOptions>, server: &ServerOptions) -> BTreeSet<String> {
        let mut restart = BTreeSet::new();
        wanted.retain_mut(|options| {
            let asked = options.addresses(server).to_vec();
            // Settings write the server's addresses out for an environment that names none.
            let key = if options.listen.is_empty() || options.listen == server.listen {
                "server.listen".to_owned()
            } else {
                format!("environments.{}.listen", options.name)
            };
            options.listen = asked;
            if options.listen.iter().all(|address| self.doors.iter().any(|(open, _)| open == address)) {
                return true;
            }
            restart.insert(key);
            match self.members.iter().find(|member| member.name() == options.name) {
                Some(member) => {
                    options.listen = member.options.addresses(&self.server).to_vec();
                    true
                }
                None => false,
            }
        });
        restart
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

    /// Every file that the material of an environment is read from.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.members.iter().flat_map(|member| member.options.material_sources(&self.server).files()).collect()
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
