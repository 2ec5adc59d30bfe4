//! What a server is made of; from settings, or put together by an embedder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::inbox::InboxSetup;
use crate::admin::AdminOptions;
use crate::handler::{Handler, Others};
use crate::http::{Interpreter, StackOptions};
use crate::inbox::destination::Destination;
use crate::pki::RevocationMode;
use crate::pki::trust_anchors::AnchorRules;
use crate::server::http1_framing::FramingLimits;
use crate::server::limits::HandshakeLimits;
use crate::server::proxy_protocol::ProxyProtocol;
use crate::server::{Deadlines, DoorRules, Http2Limits};
use crate::telemetry::{Level, LogLevel};
use crate::tls::session::MAX_LIFETIME;
use crate::tls::trigger::TriggerOptions;
use crate::tls::{ClientRules, EpochOptions, MaterialSource, MaterialSources};
use crate::traces::TraceOptions;

/// A whole server.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// What all environments share.
    pub server: ServerOptions,
    /// The listener for probes, metrics and administrators; `None` = no such listener.
    pub admin: Option<AdminOptions>,
    /// What keeps notifications; `None` = they go where every other call goes.
    pub inbox: Option<InboxSetup>,
    /// The level of the process' log, where a reload and the admin listener may change it; `None` = the log is nobody's business here.
    pub log: Option<LogLevel>,
    /// Where spans go; `None` = nothing is recorded.
    pub traces: Option<TraceOptions>,
    /// At least one.
    pub environments: Vec<EnvironmentOptions>,
}

/// What all environments share. The defaults are those of `config/default.toml`.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where environments listen that name no address of their own.
    pub listen: Vec<SocketAddr>,
    /// Connections at once; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Unfinished handshakes at once; the oldest gives way to a newcomer.
    pub max_handshakes: usize,
    /// The same for one source address (IPv6: one /64).
    pub max_handshakes_per_source: usize,
    /// How long things may take.
    pub deadlines: Deadlines,
    /// First to last byte of a request body.
    pub body_timeout: Duration,
    /// Largest request body, in bytes.
    pub max_body_size: u64,
    /// Largest request head, in bytes; for HTTP/2 the decoded header list.
    pub max_header_size: u32,
    /// Header fields of an HTTP/1.1 request.
    pub max_headers: usize,
    /// Limits of HTTP/2 connections.
    pub http2: Http2Limits,
    /// Networks of the load balancers that send a PROXY header; empty = no PROXY protocol.
    pub proxy_protocol_from: Vec<IpNet>,
    /// How long callers are served after the end was asked for, so that load balancers notice first.
    pub drain_delay: Duration,
    /// What requests in flight get at the end.
    pub drain_timeout: Duration,
    /// What asks for a reload, beside those who say so.
    pub reload: TriggerOptions,
    /// Whether requests are told of in the log.
    pub access_events: bool,
    /// Of how many requests that went well one is told of. Those that failed all are.
    pub access_sample: NonZeroU32,
    /// What the log tells, where it is ours.
    pub log_level: Level,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([0, 0, 0, 0], 8443))],
            max_connections: 10_000,
            max_handshakes: 1024,
            max_handshakes_per_source: 256,
            deadlines: Deadlines::default(),
            body_timeout: Duration::from_secs(30),
            max_body_size: 1024 * 1024,
            max_header_size: 64 * 1024,
            max_headers: 100,
            http2: Http2Limits::default(),
            proxy_protocol_from: Vec::new(),
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
            reload: TriggerOptions::default(),
            access_events: true,
            access_sample: NonZeroU32::MIN,
            log_level: Level::default(),
        }
    }
}

/// One environment: its own trust, credential and handler.
#[derive(Clone, Debug)]
pub struct EnvironmentOptions {
    /// `[a-z0-9_]+`; a label in logs and metrics.
    pub name: String,
    /// The products that Thales calls here, as shown in the status.
    pub products: Vec<String>,
    /// `ISSUER_HOST`, lower case, no port; `None` takes any name when alone on its listeners.
    pub host: Option<String>,
    /// Where it listens; empty = [`ServerOptions::listen`].
    pub listen: Vec<SocketAddr>,
    /// The Thales Client CA (O5).
    pub client_ca: MaterialSource,
    /// The server's chain, leaf first (O8).
    pub certificate_chain: MaterialSource,
    /// The server's private key.
    pub private_key: MaterialSource,
    /// Revocation lists of the client CA and of its intermediates.
    pub crl: Vec<MaterialSource>,
    /// What a client gets whose issuer has no list.
    pub revocation: RevocationMode,
    /// What Thales was given (O8): the server's chain has to end there. `None` = any chain will do.
    pub endorsed_chain: Option<MaterialSource>,
    /// How long TLS sessions may be resumed, an hour at the most; `None` = never.
    pub session_lifetime: Option<Duration>,
    /// Beyond the chain: subject patterns, clientAuth.
    pub client_rules: ClientRules,
    /// Accept trust anchors that are, or chain to, public roots. That admits the public.
    pub allow_public_client_ca: bool,
    /// Accept the sample CA although the server can be reached from other machines.
    pub allow_sample_certificates: bool,
    /// Pass the whole certificate on to the handler (RFC 9440).
    pub forward_client_certificate: bool,
    /// What knows the calls that come in; `None` = they are handed on as they are.
    pub interpreter: Option<Arc<Interpreter>>,
    /// Where operations go that name a backend of their own, and requests for access tokens.
    pub others: Option<Arc<Others>>,
    /// Where the inbox delivers to, by the name of a backend, the environment's own under an empty one. A notification without a
    /// destination is answered by a handler.
    pub destinations: BTreeMap<String, Arc<dyn Destination>>,
    /// Who answers.
    pub handler: Handler,
}

impl EnvironmentOptions {
    /// An environment with default rules, on all of the server's listeners.
    pub fn new(
        name: impl Into<String>,
        client_ca: MaterialSource,
        certificate_chain: MaterialSource,
        private_key: MaterialSource,
        handler: Handler,
    ) -> Self {
        Self {
            name: name.into(),
            products: Vec::new(),
            host: None,
            listen: Vec::new(),
            client_ca,
            certificate_chain,
            private_key,
            crl: Vec::new(),
            revocation: RevocationMode::IfCovered,
            endorsed_chain: None,
            session_lifetime: Some(MAX_LIFETIME),
            client_rules: ClientRules::default(),
            allow_public_client_ca: false,
            allow_sample_certificates: false,
            forward_client_certificate: false,
            interpreter: None,
            others: None,
            destinations: BTreeMap::new(),
            handler,
        }
    }

    /// The sources of the material, with the rules that follow from where the environment listens: the sample CA, whose keys
    /// everybody can have, is taken on loopback alone unless it is explicitly wanted elsewhere.
    pub(crate) fn material_sources(&self, server: &ServerOptions) -> MaterialSources {
        MaterialSources {
            client_ca: self.client_ca.clone(),
            certificate_chain: self.certificate_chain.clone(),
            private_key: self.private_key.clone(),
            crl: self.crl.clone(),
            revocation: self.revocation,
            endorsed_chain: self.endorsed_chain.clone(),
            host: self.host(),
            anchor_rules: AnchorRules {
                allow_public_client_ca: self.allow_public_client_ca,
                allow_sample_certificates: self.allow_sample_certificates || only_loopback(self.addresses(server)),
            },
        }
    }

    /// Where it listens.
    pub(super) fn addresses<'a>(&'a self, server: &'a ServerOptions) -> &'a [SocketAddr] {
        if self.listen.is_empty() { &server.listen } else { &self.listen }
    }

    /// The host as it is compared: lower case, without the dot at its end.
    pub(super) fn host(&self) -> Option<String> {
        self.host.as_deref().map(|host| host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase())
    }

    pub(super) fn epoch_options(&self) -> EpochOptions {
        EpochOptions { client_rules: self.client_rules.clone(), session_lifetime: self.session_lifetime }
    }

    pub(super) fn stack_options(&self, server: &ServerOptions) -> StackOptions {
        StackOptions {
            host: self.host.clone(),
            max_header_size: server.max_header_size,
            max_body_size: server.max_body_size,
            body_timeout: server.body_timeout,
            request_timeout: server.deadlines.request,
            forward_client_certificate: self.forward_client_certificate,
            access_events: server.access_events,
            access_sample: server.access_sample,
            interpreter: self.interpreter.clone(),
        }
    }
}

impl ServerOptions {
    /// What connections may do and how long.
    pub(super) fn door_rules(&self) -> DoorRules {
        let head_bytes = usize::try_from(self.max_header_size).unwrap_or(usize::MAX);
        DoorRules {
            proxy_protocol: ProxyProtocol::new(self.proxy_protocol_from.clone()),
            deadlines: self.deadlines,
            framing: FramingLimits { head_bytes, head_fields: self.max_headers, ..FramingLimits::default() },
            http2: Http2Limits { max_header_list_size: self.max_header_size, ..self.http2 },
            drain_delay: self.drain_delay,
            drain_timeout: self.drain_timeout,
        }
    }

    pub(super) fn handshake_limits(&self) -> HandshakeLimits {
        HandshakeLimits { total: self.max_handshakes, per_source: self.max_handshakes_per_source }
    }
}

/// Whether no other machine reaches any of these.
pub(super) fn only_loopback(listen: &[SocketAddr]) -> bool {
    listen.iter().all(|address| address.ip().is_loopback())
}
