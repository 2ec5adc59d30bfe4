//! From validated settings to options.

mod admin;
mod backend;
mod inbox;
mod interpretation;
mod second_keys;
mod texts;
mod traces;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::handler::Handler;
use crate::pki::RevocationMode;
use crate::pki::trust_anchors::AnchorRules;
use crate::server::{Deadlines, Http2Limits};
use crate::settings::{
    self, ClientSubjectSettings, EnvironmentParts, EnvironmentSettings, LogFormat, PemSource, Resumption, Settings,
};
use crate::telemetry;
use crate::tls::material::{MaterialKind, MaterialProblem};
use crate::tls::trigger::TriggerOptions;
use crate::tls::{ClientRules, MaterialSource, MaterialSources, SubjectRules, TlsMaterial, now};

use super::options::only_loopback;
use super::{AppOptions, EnvironmentOptions, ServerOptions};
use interpretation::{Interpretation, Known};

/// What is wrong with a setting whose meaning settings do not know: a PEM text, a subject pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProblem {
    /// The setting's key.
    pub key: String,
    /// What was found, and what to do.
    pub problem: String,
}

/// All settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProblems(pub Vec<SettingProblem>);

impl fmt::Display for SettingProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(|SettingProblem { key, problem }| format!("{key}: {problem}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for SettingProblems {}

/// What is wrong with settings, by what it keeps from taking force.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// With the admin listener, the inbox, traces and the files of operations.
    pub(crate) of_process: Vec<SettingProblem>,
    /// With environments, by their names.
    pub(crate) of_environments: BTreeMap<String, Vec<SettingProblem>>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.of_process.is_empty() && self.of_environments.is_empty()
    }
}

impl AppOptions {
    /// The server that settings describe; each environment forwards to its backend.
    ///
    /// # Errors
    /// All settings that cannot be used. Certificates and keys of the environments are read later, by [`App::bind`](super::App::bind).
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingProblems> {
        let (options, found) = Self::of_what_is_good(settings);
        if found.is_empty() {
            return Ok(options);
        }
        let mut problems = found.of_process;
        for problem in found.of_environments.into_values().flatten() {
            // What is wrong with the files of operations is said once for all.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        Err(SettingProblems(problems))
    }

    /// The server that settings describe, without what something is wrong with; and what that is. Neither the admin listener nor the
    /// inbox is anything that an environment is made from: what is wrong with one of them, or with traces, is held against no environment.
    pub(crate) fn of_what_is_good(settings: &Settings) -> (Self, Found) {
        let mut of_process = Vec::new();
        let inbox = inbox::setup(settings, &mut of_process);
        let admin = admin::options(&settings.admin, &mut of_process);
        let traces = traces::options(&settings.traces, &mut of_process);
        let mut shared = Vec::new();
        let known = Known::of(settings, &mut shared);
        // No environment can be made without them, and it is the fault of none.
        of_process.extend(shared.iter().cloned());
        let (mut environments, mut of_environments) = (Vec::new(), BTreeMap::new());
        for environment in &settings.environments {
            let mut problems = shared.clone();
            match EnvironmentOptions::from_settings(environment, known.as_ref(), &mut problems) {
                Some(options) if problems.is_empty() => environments.push(options),
                _ => {
                    of_environments.insert(environment.name.clone(), problems);
                }
            }
        }
        let options = Self { server: settings.into(), admin, inbox, log: None, traces, environments };
        (options, Found { of_process, of_environments })
    }

    /// Puts another handler in the place of an environment's backend: your own axum router, say. Notifications go to it as well, and
    /// into no inbox, but for those of operations that name a backend of their own. `None` when there is no such environment.
    #[must_use]
    pub fn with_handler(mut self, environment: &str, handler: Handler) -> Option<Self> {
        let options = self.environments.iter_mut().find(|options| options.name == environment)?;
        options.handler = handler;
        options.destinations.remove("");
        Some(self)
    }
}

impl EnvironmentOptions {
    /// One environment as its settings describe it; `None` when some of them cannot be used.
    fn from_settings(
        settings: &EnvironmentSettings,
        known: Option<&Known<'_>>,
        problems: &mut Vec<SettingProblem>,
    ) -> Option<Self> {
        let subject = subject_rules(&settings.name, &settings.client_subject, problems);
        let forward = backend::forward(&backend::key_of(&settings.name), &settings.backend, problems);
        let destination = backend::destination(&backend::key_of(&settings.name), &settings.backend, problems);
        let Interpretation { interpreter, others, mut destinations } = known?.interpretation(settings, problems)?;
        let (subject, forward) = (subject?, forward?);
        destinations.insert(String::new(), destination?);
        Some(Self {
            name: settings.name.clone(),
            products: settings.products.iter().map(|product| product.name().to_owned()).collect(),
            host: settings.host.clone(),
            listen: settings.listen.clone(),
            client_ca: (&settings.client_ca).into(),
            certificate_chain: (&settings.certificate_chain).into(),
            private_key: (&settings.private_key).into(),
            crl: settings.crl.iter().cloned().map(MaterialSource::File).collect(),
            revocation: settings.revocation.into(),
            endorsed_chain: settings.endorsed_chain.as_ref().map(MaterialSource::from),
            session_lifetime: (settings.resumption == Resumption::Reverified).then_some(settings.session_lifetime),
            client_rules: ClientRules {
                require_client_auth_eku: settings.require_client_auth_eku,
                subject,
                ..ClientRules::default()
            },
            allow_public_client_ca: settings.allow_public_client_ca,
            allow_sample_certificates: settings.allow_sample_certificates,
            forward_client_certificate: settings.forward_client_certificate,
            interpreter: Some(interpreter),
            others: Some(others),
            destinations,
            handler: Handler::Forward(forward),
        })
    }
}

/// The operator's files of operations in `directory`: `*.toml`, in the order of their names.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn product_paths(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        // Editors and Kubernetes leave hidden files and folders beside.
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Everything that is wrong with what the settings of an environment name, be the environment whole or not.
pub(crate) fn problems_of(parts: &EnvironmentParts) -> Vec<SettingProblem> {
    let mut problems = Vec::new();
    if let Some(patterns) = &parts.client_subject {
        let _ = subject_rules(&parts.name, patterns, &mut problems);
    }
    if let Some(backend) = &parts.backend {
        let _ = backend::forward(&backend::key_of(&parts.name), backend, &mut problems);
    }
    problems.extend(material_problems(parts));
    problems
}

/// What is wrong with the certificates and the key. A piece that is missing leaves the others to be looked at: an empty text
/// stands in for it, and what is said about that is not repeated.
fn material_problems(parts: &EnvironmentParts) -> Vec<SettingProblem> {
    let Err(error) = TlsMaterial::load(&material_sources(parts), now()) else { return Vec::new() };
    let of_parts = error.0.iter().filter_map(|problem| material_problem(parts, problem));
    of_parts.collect()
}

/// The sources of an environment's material, with an empty text for each piece that is missing.
pub(crate) fn material_sources(parts: &EnvironmentParts) -> MaterialSources {
    let source = |part: &Option<PemSource>| {
        part.as_ref().map_or_else(|| MaterialSource::inline(Vec::new()), MaterialSource::from)
    };
    MaterialSources {
        client_ca: source(&parts.client_ca),
        certificate_chain: source(&parts.certificate_chain),
        private_key: source(&parts.private_key),
        crl: parts.crl.iter().cloned().map(MaterialSource::File).collect(),
        revocation: parts.revocation.into(),
        endorsed_chain: parts.endorsed_chain.as_ref().map(MaterialSource::from),
        host: parts.host.clone(),
        anchor_rules: AnchorRules {
            allow_public_client_ca: parts.allow_public_client_ca,
            allow_sample_certificates: parts.allow_sample_certificates || only_loopback(&parts.listen),
        },
    }
}

/// A problem with a piece of material, with the file that it is in; `None` when the environment has no such piece.
pub(crate) fn material_problem(parts: &EnvironmentParts, problem: &MaterialProblem) -> Option<SettingProblem> {
    let part = match problem.kind {
        MaterialKind::ClientCa => Some(&parts.client_ca),
        MaterialKind::CertificateChain => Some(&parts.certificate_chain),
        MaterialKind::PrivateKey => Some(&parts.private_key),
        MaterialKind::EndorsedChain => Some(&parts.endorsed_chain),
        MaterialKind::Crl => None,
    };
    if part.is_some_and(Option::is_none) {
        return None;
    }
    let place = problem.file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
    let key = format!("environments.{}.{}", parts.name, problem.kind);
    Some(SettingProblem { key, problem: format!("{place}{}", problem.problem) })
}

fn subject_rules(
    environment: &str,
    patterns: &ClientSubjectSettings,
    problems: &mut Vec<SettingProblem>,
) -> Option<SubjectRules> {
    let before = problems.len();
    for (list, patterns) in [("allow", &patterns.allow), ("deny", &patterns.deny)] {
        for (at, pattern) in patterns.iter().enumerate() {
            // One by one, so that each that is wrong is named.
            if let Err(error) = SubjectRules::new(&[pattern], &[]) {
                let key = format!("environments.{environment}.client_subject.{list}[{at}]");
                problems.push(SettingProblem { key, problem: error.to_string() });
            }
        }
    }
    if problems.len() > before {
        return None;
    }
    SubjectRules::new(&patterns.allow, &patterns.deny).ok()
}

/// The beginning of a problem that lies in a file.
fn in_file(source: &PemSource) -> String {
    source.path().map(|path| format!("{}: ", path.display())).unwrap_or_default()
}

impl From<settings::RevocationMode> for RevocationMode {
    fn from(mode: settings::RevocationMode) -> Self {
        match mode {
            settings::RevocationMode::Off => Self::Off,
            settings::RevocationMode::IfCovered => Self::IfCovered,
            settings::RevocationMode::Require => Self::Require,
        }
    }
}

impl From<&PemSource> for MaterialSource {
    fn from(source: &PemSource) -> Self {
        match source {
            PemSource::File(path) => Self::File(path.clone()),
            PemSource::Inline(pem) => Self::inline(pem.to_vec()),
        }
    }
}

impl From<&Settings> for ServerOptions {
    fn from(Settings { server: settings, log, reload, .. }: &Settings) -> Self {
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
                retire_grace: settings.retire_grace,
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
            drain_delay: settings.drain_delay,
            drain_timeout: settings.drain_timeout,
            reload: TriggerOptions { watch: reload.watch, poll: reload.poll },
            access_events: log.access,
            access_sample: log.access_sample,
            log_level: log.level,
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

#[cfg(test)]
mod tests;
