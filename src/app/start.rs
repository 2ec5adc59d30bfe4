//! From options to bound doors: load everything, check everything, answer probes, open the inbox, then take the callers' ports.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::App;
use super::inbox::InboxError;
use super::life::Life;
use super::member::Member;
use super::opening::{self, StartProgress, Told};
use super::options::{AppOptions, EnvironmentOptions, ServerOptions};
use super::probes::Probes;
use super::reload::Reloading;
use super::serving::Serving;
use super::status::StatusBoard;
use crate::admin::{AdminAccess, AdminError, AdminOpening, AdminOptions, AdminRules, AdminSources, Readiness};
use crate::metrics::Metrics;
use crate::server::limits::{HandshakeSlots, Permits};
use crate::server::{self, BindError, Door, Listener, PassedSocketError, PassedSockets, Shutdown, Workers};
use crate::telemetry::LogLevel;
use crate::tls::trigger::Trigger;
use crate::tls::{Hosts, MaterialError};
use crate::traces::{TraceError, Tracer, Traces};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something is wrong with environments; all of it is here.
    #[error("{}", lines(.0))]
    Environments(Vec<EnvironmentProblem>),
    /// No environment was given.
    #[error("there is no environment: nobody could be admitted")]
    NoEnvironment,
    /// A public address that cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A socket that was passed, and that cannot be used.
    #[error(transparent)]
    Passed(#[from] PassedSocketError),
    /// The inbox cannot be written to.
    #[error("the inbox cannot be opened: {0}")]
    Inbox(#[from] InboxError),
    /// The admin listener cannot be had.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Traces cannot be sent as they should be.
    #[error("traces: {0}")]
    Traces(#[from] TraceError),
}

/// What is wrong with an environment.
#[derive(Debug)]
pub enum EnvironmentProblem {
    /// With its TLS material.
    Material {
        /// Which environment.
        environment: String,
        /// All that is wrong.
        error: MaterialError,
    },
    /// rustls does not take material that passed our checks.
    Tls {
        /// Which environment.
        environment: String,
        /// What rustls says.
        error: rustls::Error,
    },
    /// There is none: nobody could be admitted.
    None,
    /// Some leave while others that may stand for them can only come at a restart.
    NeedsRestart {
        /// Who has to wait.
        coming: Vec<String>,
        /// Who would be gone meanwhile.
        leaving: Vec<String>,
    },
    /// Its material is not good, so it has to stay as it is.
    Kept {
        /// Which environment.
        environment: String,
        /// Why.
        problem: String,
    },
    /// It is new, and what the configuration says of it is not good.
    Refused {
        /// Which environment.
        environment: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Its name chooses more than one environment of a listener.
    Ambiguous {
        /// Which environments.
        environments: (String, String),
        /// Where.
        address: SocketAddr,
    },
}

impl fmt::Display for EnvironmentProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Material { environment, error } => write!(f, "environment {environment}: {error}"),
            Self::Tls { environment, error } => write!(f, "environment {environment}: {error}"),
            Self::None => f.write_str("there is no environment: nobody could be admitted"),
            Self::NeedsRestart { coming, leaving } => write!(
                f,
                "{} can only be reached after a restart (their listeners are not open), and {} would be gone until then: \
                 restart, or take the old ones out later",
                coming.join(", "),
                leaving.join(", ")
            ),
            Self::Kept { environment, problem } => {
                write!(f, "environment {environment} has to stay as it is: {problem}")
            }
            Self::Refused { environment, problem } => write!(f, "environment {environment}: {problem}"),
            Self::Ambiguous { environments: (one, other), address } => write!(
                f,
                "environments {one} and {other} cannot be told apart on {address}: \
                 give each a host of its own, or listeners of its own"
            ),
        }
    }
}

pub(super) fn lines(problems: &[EnvironmentProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Checks all that is configured, answers probes, opens the inbox, and takes the ports of callers. A store that is away is waited for
/// where somebody is `told`.
pub(super) async fn bind(
    options: AppOptions,
    mut passed: PassedSockets,
    mut told: Option<Told<'_>>,
) -> Result<App, StartError> {
    let AppOptions { server, admin, inbox, log, traces, environments } = options;
    if environments.is_empty() {
        return Err(StartError::NoEnvironment);
    }
    let metrics = Metrics::new();
    let traces = traces.map(|options| Traces::start(options, metrics.traces())).transpose()?;
    let tracer = traces.as_ref().map(|traces| traces.tracer().clone());
    let (admin, rules) = match admin {
        Some(AdminOptions { listen, rules }) => (Some(listen), rules),
        None => (None, AdminRules::default()),
    };
    let foundation = Foundation { metrics: metrics.clone(), log, tracer: tracer.clone() };
    let (mut serving, addresses) = checked(server, environments, rules, foundation)?;
    let configured: Vec<_> = addresses.iter().copied().chain(admin).collect();
    passed.check(&configured)?;

    let readiness = Readiness::shown_by(metrics.ready());
    let opening =
        AdminOpening { readiness: readiness.clone(), metrics: metrics.clone(), access: serving.admin.clone() };
    let probes = match admin {
        Some(address) => Some(Probes::open(address, passed.take(address), opening).await?),
        None => None,
    };
    if let Some(told) = &mut told {
        told(StartProgress::Opening);
    }
    if let Some(probes) = &probes {
        probes.announce();
    }
    if let Some(setup) = inbox {
        serving.keep_in(opening::open(setup, metrics.inbox(), tracer, told).await?);
    }
    let opened = serving.inbox.as_ref().map(|kept| kept.inbox.clone());
    let bound = taking(&mut serving, addresses, passed);
    if let (Err(_), Some(opened)) = (&bound, opened) {
        // Whoever tries again finds it free.
        opened.stop(Duration::ZERO).await;
    }
    let (doors, shutdown) = bound?;
    serving.route();
    for member in &serving.members {
        member.announce();
    }

    let access = serving.admin.clone();
    let store = serving.inbox.as_ref().map(|kept| Arc::clone(kept.inbox.store()));
    let log_level = serving.log.clone();
    let board = StatusBoard::new(&serving, readiness.clone());
    let (reloading, reloader) = Reloading::new(serving, board.clone());
    let (life, observer) = Life::new(board.clone());
    if let Some(probes) = &probes {
        let status = Arc::new(move || board.look());
        let reload = reload_source(&reloader);
        let readiness = readiness.clone();
        probes.serve(AdminSources { readiness, metrics, status, reload, log_level, inbox: store, access });
    }
    let workers = Workers::default();
    Ok(App { doors, probes, readiness, shutdown, reloading, reloader, life, observer, traces, workers })
}

/// What all environments stand on.
struct Foundation {
    metrics: Metrics,
    log: Option<LogLevel>,
    tracer: Option<Tracer>,
}

/// Environments with their first epochs, and where they listen. Nothing is bound yet, and there is no inbox.
fn checked(
    server: ServerOptions,
    environments: Vec<EnvironmentOptions>,
    rules: AdminRules,
    foundation: Foundation,
) -> Result<(Serving, Vec<SocketAddr>), StartError> {
    let Foundation { metrics, log, tracer } = foundation;
    let (mut members, mut problems) = (Vec::new(), Vec::new());
    for mut environment in environments {
        // Written out: what an environment listens on does not follow the server's addresses when these change.
        environment.listen = environment.addresses(&server).to_vec();
        match Member::new(environment, &server, &metrics, None, tracer.as_ref()) {
            Ok(member) => members.push(member),
            Err(problem) => problems.push(problem),
        }
    }
    let permits = Permits::new(server.max_connections, metrics.permits());
    let slots = HandshakeSlots::new(server.handshake_limits(), metrics.slots());
    let door_rules = Arc::new(ArcSwap::from_pointee(server.door_rules()));
    let serving = Serving {
        server,
        members,
        inbox: None,
        admin: AdminAccess::new(rules),
        doors: Vec::new(),
        rules: door_rules,
        permits,
        slots,
        metrics,
        log,
        tracer,
        wanted: Vec::new(),
    };
    let addresses = serving.addresses(&mut problems);
    if problems.is_empty() { Ok((serving, addresses)) } else { Err(StartError::Environments(problems)) }
}

/// The listeners of callers, and what ends what comes over them.
type Doors = (Vec<(Listener, Arc<Door>)>, Shutdown);

/// Takes the ports of callers: only now, since nobody would answer before.
fn taking(serving: &mut Serving, addresses: Vec<SocketAddr>, mut passed: PassedSockets) -> Result<Doors, StartError> {
    let shutdown = Shutdown::default();
    let (refusals, refusals_of_client_ca, retirements) = (Arc::default(), Arc::default(), Arc::default());
    let mut doors = Vec::new();
    for address in addresses {
        let door = Arc::new(Door {
            hosts: ArcSwap::from_pointee(Hosts::new([])),
            permits: serving.permits.clone(),
            slots: serving.slots.clone(),
            rules: Arc::clone(&serving.rules),
            metrics: serving.metrics.clone(),
            refusals: Arc::clone(&refusals),
            refusals_of_client_ca: Arc::clone(&refusals_of_client_ca),
            retirements: Arc::clone(&retirements),
            shutdown: shutdown.clone(),
        });
        serving.doors.push((address, Arc::clone(&door)));
        let listener = match passed.take(address) {
            Some(socket) => Listener::passed(socket).map_err(PassedSocketError::from)?,
            None => server::bind(address)?,
        };
        doors.push((listener, door));
    }
    Ok((doors, shutdown))
}

/// What `POST /reload` calls: whether all is good, and the report.
fn reload_source(reloader: &super::Reloader) -> crate::admin::ReloadSource {
    let reloader = reloader.clone();
    Arc::new(move || {
        let reloader = reloader.clone();
        Box::pin(async move {
            let reload = reloader.reload_for(Trigger::Admin).await.ok()?;
            Some((!reload.has_problem(), serde_json::to_value(reload.as_ref()).ok()?))
        })
    })
}
