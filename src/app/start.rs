//! From options to bound doors: load everything, check everything, then bind.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::App;
use super::inbox::{AppInbox, InboxError};
use super::life::Life;
use super::member::Member;
use super::options::{AppOptions, EnvironmentOptions, ServerOptions};
use super::reload::Reloading;
use super::serving::Serving;
use super::status::StatusBoard;
use crate::admin::{Admin, AdminAccess, AdminError, AdminOptions, AdminRules, AdminSources, Readiness};
use crate::metrics::Metrics;
use crate::server::limits::{HandshakeSlots, Permits};
use crate::server::{self, BindError, Door, Listener, PassedSocketError, PassedSockets, Shutdown};
use crate::telemetry::LogLevel;
use crate::tls::trigger::Trigger;
use crate::tls::{Hosts, MaterialError};
use crate::traces::{TraceError, Traces};

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

pub(super) async fn bind(options: AppOptions, passed: PassedSockets) -> Result<App, StartError> {
    let AppOptions { server, admin, inbox, log, traces, environments } = options;
    if environments.is_empty() {
        return Err(StartError::NoEnvironment);
    }
    let metrics = Metrics::new();
    let traces = traces.map(|options| Traces::start(options, metrics.traces())).transpose()?;
    let tracer = traces.as_ref().map(|traces| traces.tracer().clone());
    let inbox = match inbox {
        Some(setup) => Some(AppInbox::open(setup, metrics.inbox(), tracer).await?),
        None => None,
    };
    let opened = inbox.as_ref().map(|kept| kept.inbox.clone());
    let foundation = Foundation { metrics, inbox, log, traces };
    let bound = bind_around(server, admin, environments, foundation, passed).await;
    if let (Err(_), Some(opened)) = (&bound, opened) {
        // Whoever tries again finds it free.
        opened.stop(Duration::ZERO).await;
    }
    bound
}

/// What all environments stand on.
struct Foundation {
    metrics: Metrics,
    inbox: Option<AppInbox>,
    log: Option<LogLevel>,
    traces: Option<Traces>,
}

async fn bind_around(
    server: ServerOptions,
    admin: Option<AdminOptions>,
    environments: Vec<EnvironmentOptions>,
    foundation: Foundation,
    mut passed: PassedSockets,
) -> Result<App, StartError> {
    let Foundation { metrics, inbox, log, traces } = foundation;
    let tracer = traces.as_ref().map(|traces| traces.tracer().clone());
    let mut problems = Vec::new();
    let mut members = Vec::new();
    for mut environment in environments {
        // Written out: what an environment listens on does not follow the server's addresses when these change.
        environment.listen = environment.addresses(&server).to_vec();
        let inbox = inbox.as_ref().map(|kept| &kept.inbox);
        match Member::new(environment, &server, &metrics, inbox, tracer.as_ref()) {
            Ok(member) => members.push(member),
            Err(problem) => problems.push(problem),
        }
    }
    let permits = Permits::new(server.max_connections, metrics.permits());
    let slots = HandshakeSlots::new(server.handshake_limits(), metrics.slots());
    let rules = Arc::new(ArcSwap::from_pointee(server.door_rules()));
    let (doors, wanted) = (Vec::new(), Vec::new());
    let (admin, access) = match admin {
        Some(AdminOptions { listen, rules }) => (Some(listen), AdminAccess::new(rules)),
        None => (None, AdminAccess::new(AdminRules::default())),
    };
    let mut serving = Serving {
        server,
        members,
        inbox,
        admin: access.clone(),
        doors,
        rules,
        permits,
        slots,
        metrics,
        log,
        tracer,
        wanted,
    };
    let addresses = serving.addresses(&mut problems);
    if !problems.is_empty() {
        return Err(StartError::Environments(problems));
    }
    let configured: Vec<_> = addresses.iter().copied().chain(admin).collect();
    passed.check(&configured)?;

    let (readiness, shutdown) = (Readiness::shown_by(serving.metrics.ready()), Shutdown::default());
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
    serving.route();
    for member in &serving.members {
        member.announce();
    }

    let store = serving.inbox.as_ref().map(|kept| Arc::clone(kept.inbox.store()));
    let log_level = serving.log.clone();
    let board = StatusBoard::new(&serving, readiness.clone());
    let metrics = serving.metrics.clone();
    let (reloading, reloader) = Reloading::new(serving, board.clone());
    let (life, observer) = Life::new(board.clone());
    let admin = match admin {
        None => None,
        Some(address) => {
            let status = Arc::new(move || board.look());
            let reload = reload_source(&reloader);
            let readiness = readiness.clone();
            let sources = AdminSources { readiness, metrics, status, reload, log_level, inbox: store, access };
            Some(Admin::bind(address, passed.take(address), sources).await?)
        }
    };
    Ok(App { doors, admin, readiness, shutdown, reloading, reloader, life, observer, traces })
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
