//! From options to bound doors: load everything, check everything, then bind.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tracing::warn;

use super::App;
use super::options::{AppOptions, EnvironmentOptions, ServerOptions};
use super::status::{self, Subject};
use crate::admin::{Admin, AdminError, Readiness};
use crate::http::Stack;
use crate::metrics::{CertificateKind, Metrics};
use crate::server::http1_framing::FramingLimits;
use crate::server::limits::{HandshakeLimits, HandshakeSlots, Permits};
use crate::server::proxy_protocol::ProxyProtocol;
use crate::server::{self, BindError, Door, Environment, Http2Limits, Shutdown};
use crate::tls::{Epoch, Hosts, MaterialError, TlsEnvironment, TlsMaterial, now};

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
    /// The admin listener cannot be had.
    #[error(transparent)]
    Admin(#[from] AdminError),
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
            Self::Ambiguous { environments: (one, other), address } => write!(
                f,
                "environments {one} and {other} cannot be told apart on {address}: \
                 give each a host of its own, or listeners of its own"
            ),
        }
    }
}

fn lines(problems: &[EnvironmentProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

pub(super) async fn bind(options: AppOptions) -> Result<App, StartError> {
    let AppOptions { server, admin, environments } = options;
    if environments.is_empty() {
        return Err(StartError::NoEnvironment);
    }
    let metrics = Metrics::new();
    let mut problems = Vec::new();
    let mut built = Vec::new();
    for environment in environments {
        match build(environment, &server, &metrics) {
            Ok(environment) => built.push(environment),
            Err(problem) => problems.push(problem),
        }
    }
    let by_address = assign(&built, &mut problems);
    if !problems.is_empty() {
        return Err(StartError::Environments(problems));
    }

    let readiness = Readiness::default();
    let shutdown = Shutdown::default();
    let permits = Permits::new(server.max_connections, metrics.connection_permits_in_use());
    let slots = HandshakeSlots::new(
        HandshakeLimits { total: server.max_handshakes, per_source: server.max_handshakes_per_source },
        metrics.handshakes_in_flight(),
        metrics.handshakes_displaced(),
    );
    let head_bytes = usize::try_from(server.max_header_size).unwrap_or(usize::MAX);
    let framing = FramingLimits { head_bytes, head_fields: server.max_headers, ..FramingLimits::default() };
    let refusals = Arc::default();
    let mut doors = Vec::new();
    for (address, environments) in by_address {
        let hosts =
            environments.into_iter().map(|environment| (environment.tls.host().map(str::to_owned), environment));
        let door = Door {
            hosts: Hosts::new(hosts),
            permits: permits.clone(),
            slots: slots.clone(),
            proxy_protocol: ProxyProtocol::new(server.proxy_protocol_from.clone()),
            deadlines: server.deadlines,
            framing,
            http2: Http2Limits { max_header_list_size: server.max_header_size, ..server.http2 },
            metrics: metrics.clone(),
            refusals: Arc::clone(&refusals),
            shutdown: shutdown.clone(),
        };
        doors.push((server::bind(address)?, Arc::new(door)));
    }
    let admin = match admin {
        None => None,
        Some(address) => {
            let subjects = built.into_iter().map(|built| built.subject).collect();
            let status = status::source(subjects, permits, slots, readiness.clone());
            Some(Admin::bind(address, readiness.clone(), metrics, status).await?)
        }
    };
    Ok(App { doors, admin, readiness, shutdown, drain_timeout: server.drain_timeout })
}

/// An environment with the addresses that it listens on.
struct Built {
    subject: Subject,
    listen: Vec<SocketAddr>,
}

fn build(options: EnvironmentOptions, server: &ServerOptions, metrics: &Metrics) -> Result<Built, EnvironmentProblem> {
    let name = options.name.clone();
    let material = TlsMaterial::load(&options.material_sources(server), now())
        .map_err(|error| EnvironmentProblem::Material { environment: name.clone(), error })?;
    for warning in material.warnings() {
        warn!(event = "material_warning", environment = name, "{warning}");
    }
    let metrics = metrics.for_environment(&name);
    let anchors = material.anchors.anchors().iter().map(|anchor| anchor.facts.not_after).min();
    let chain = material.credential.facts().iter().map(|facts| facts.not_after).min();
    for (kind, not_after) in [(CertificateKind::ClientCa, anchors), (CertificateKind::ServerChain, chain)] {
        if let Some(not_after) = not_after {
            metrics.certificate_expires(kind, not_after);
        }
    }
    let host = options.host.as_deref().map(|host| host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase());
    let stack_options = options.stack_options(server);
    let epoch = Epoch::build(1, material, options.client_rules)
        .map_err(|error| EnvironmentProblem::Tls { environment: name.clone(), error })?;
    let environment = Environment {
        tls: TlsEnvironment::new(&name, host, epoch),
        stack: Stack::new(stack_options, options.handler.mounted()).with_accounting(Arc::new(metrics.clone())),
        metrics,
    };
    let listen = if options.listen.is_empty() { server.listen.clone() } else { options.listen };
    let subject = Subject { environment: Arc::new(environment), products: options.products };
    Ok(Built { subject, listen })
}

/// Which environments listen where. Two that cannot be told apart on one address are a problem.
fn assign(built: &[Built], problems: &mut Vec<EnvironmentProblem>) -> BTreeMap<SocketAddr, Vec<Arc<Environment>>> {
    let mut by_address: BTreeMap<SocketAddr, Vec<Arc<Environment>>> = BTreeMap::new();
    for Built { subject: Subject { environment, .. }, listen } in built {
        for address in listen.iter().copied() {
            let neighbours = by_address.entry(address).or_default();
            for neighbour in neighbours.iter() {
                let (one, other) = (neighbour.tls.host(), environment.tls.host());
                if one == other || one.is_none() || other.is_none() {
                    problems.push(EnvironmentProblem::Ambiguous {
                        environments: (neighbour.tls.name().to_string(), environment.tls.name().to_string()),
                        address,
                    });
                }
            }
            neighbours.push(Arc::clone(environment));
        }
    }
    by_address
}
