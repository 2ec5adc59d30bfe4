//! From validated settings to options.

use crate::handler::forward::{ClientCredentialPem, Protocol};
use crate::handler::{Forward, ForwardOptions, Handler};
use crate::server::{Deadlines, Http2Limits};
use crate::settings::{
    BackendProtocol, BackendSettings, EnvironmentSettings, LogFormat, PemSource, ServerSettings, Settings,
};
use crate::telemetry;
use crate::tls::{ClientRules, MaterialSource, SubjectRules};

use super::{AppOptions, EnvironmentOptions, ServerOptions};

/// What is wrong with a setting whose meaning settings do not know: a PEM text, a subject pattern.
#[derive(Debug)]
pub struct SettingProblem {
    /// The setting's key.
    pub key: String,
    /// What was found, and what to do.
    pub problem: String,
}

impl AppOptions {
    /// The server that settings describe; each environment forwards to its backend.
    ///
    /// # Errors
    /// All settings that cannot be used.
    pub fn from_settings(settings: &Settings) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let mut environments = Vec::new();
        for environment in &settings.environments {
            match EnvironmentOptions::from_settings(environment) {
                Ok(options) => environments.push(options),
                Err(problem) => problems.extend(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { server: (&settings.server).into(), admin: Some(settings.admin.listen), environments })
    }

    /// Puts another handler in the place of an environment's backend: your own axum router, say. `None` when there is no such
    /// environment.
    #[must_use]
    pub fn with_handler(mut self, environment: &str, handler: Handler) -> Option<Self> {
        self.environments.iter_mut().find(|options| options.name == environment)?.handler = handler;
        Some(self)
    }
}

impl EnvironmentOptions {
    /// One environment as its settings describe it.
    ///
    /// # Errors
    /// All of its settings that cannot be used.
    pub fn from_settings(settings: &EnvironmentSettings) -> Result<Self, Vec<SettingProblem>> {
        let key = |key: &str| format!("environments.{}.{key}", settings.name);
        let mut problems = Vec::new();
        let subject = SubjectRules::new(&settings.client_subject.allow, &settings.client_subject.deny)
            .map_err(|error| problems.push(SettingProblem { key: key("client_subject"), problem: error.to_string() }))
            .ok();
        let forward = backend(&settings.backend)
            .map_err(|problem| problems.push(SettingProblem { key: key("backend"), problem }))
            .ok();
        let (Some(subject), Some(forward)) = (subject, forward) else { return Err(problems) };
        Ok(Self {
            name: settings.name.clone(),
            products: settings.products.iter().map(|product| product.name().to_owned()).collect(),
            host: settings.host.clone(),
            listen: settings.listen.clone(),
            client_ca: (&settings.client_ca).into(),
            certificate_chain: (&settings.certificate_chain).into(),
            private_key: (&settings.private_key).into(),
            client_rules: ClientRules { require_client_auth_eku: settings.require_client_auth_eku, subject },
            allow_public_client_ca: settings.allow_public_client_ca,
            allow_sample_certificates: settings.allow_sample_certificates,
            forward_client_certificate: settings.forward_client_certificate,
            handler: Handler::Forward(forward),
        })
    }
}

fn backend(settings: &BackendSettings) -> Result<Forward, String> {
    let read = |source: &PemSource| source.read().map_err(|error| format!("a file cannot be read: {error}"));
    let client_credential = match &settings.client_credential {
        None => None,
        Some(credential) => {
            Some(ClientCredentialPem { chain: read(&credential.certificate)?.to_vec(), key: read(&credential.key)? })
        }
    };
    let options = ForwardOptions {
        ca_pem: settings.ca.as_ref().map(read).transpose()?.map(|pem| pem.to_vec()),
        client_credential,
        connect_timeout: settings.connect_timeout,
        response_timeout: settings.response_timeout,
        max_idle: settings.max_idle_connections,
        idle_timeout: settings.idle_timeout,
        protocol: match settings.protocol {
            BackendProtocol::Auto => Protocol::Auto,
            BackendProtocol::Http1 => Protocol::Http1,
            BackendProtocol::Http2 => Protocol::Http2,
        },
        ..ForwardOptions::new(settings.url.to_string())
    };
    Forward::new(&options).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
        format!("{error}{cause}")
    })
}

impl From<&PemSource> for MaterialSource {
    fn from(source: &PemSource) -> Self {
        match source {
            PemSource::File(path) => Self::File(path.clone()),
            PemSource::Inline(pem) => Self::inline(pem.to_vec()),
        }
    }
}

impl From<&ServerSettings> for ServerOptions {
    fn from(settings: &ServerSettings) -> Self {
        Self {
            listen: settings.listen.clone(),
            max_connections: settings.max_connections,
            max_handshakes: settings.max_handshakes,
            max_handshakes_per_source: settings.max_handshakes_per_source,
            deadlines: Deadlines {
                handshake: settings.handshake_timeout,
                header: settings.header_timeout,
                request: settings.request_timeout,
                idle: settings.keep_alive_idle,
                max_age: settings.max_connection_age,
            },
            body_timeout: settings.body_timeout,
            max_body_size: settings.max_body_size,
            max_header_size: u32::try_from(settings.max_header_size).unwrap_or(u32::MAX),
            max_headers: settings.max_headers,
            http2: Http2Limits {
                max_concurrent_streams: settings.http2.max_concurrent_streams,
                stream_window: settings.http2.initial_stream_window,
                connection_window: settings.http2.initial_connection_window,
                ..Http2Limits::default()
            },
            proxy_protocol_from: settings.proxy_protocol.from.clone(),
            drain_timeout: settings.drain_timeout,
        }
    }
}

impl From<LogFormat> for telemetry::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Human => Self::Human,
            LogFormat::Json => Self::Json,
        }
    }
}
