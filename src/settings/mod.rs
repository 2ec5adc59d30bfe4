//! The configuration: compiled-in defaults, a TOML file and environment variables in, validated [`Settings`] or a
//! [`Report`] of every problem out.
//!
//! Layers are merged by the `config` crate, the later over the earlier: `config/default.toml`, the file, Thales' asset
//! names (`CUSTOMER_ID`, ... for a single environment without a file), and variables such as
//! `ISSUER_HOST__ENVIRONMENTS__PREPROD__BACKEND__URL`. The merged tree is then read key by key. A key that nobody asked
//! for is a problem.

mod admin;
mod admin_place;
mod api_keys;
mod backend;
mod backends;
mod base_paths;
mod consistency;
mod deadlines;
mod environment;
mod host;
mod inbox;
mod interpreter;
mod key;
mod layers;
mod log;
mod missing;
mod moment;
mod name;
mod operations;
mod origin;
mod parts;
mod path;
mod pem_source;
mod products;
mod quantity;
mod reader;
mod reference;
mod reload;
mod report;
mod restart;
mod revocation;
mod salvage;
mod secret;
mod server;
mod sources;
mod suggestion;
mod token_clients;
mod tokens;
mod toml_layer;
mod traces;
mod typed;
mod variables;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::thales::Product;
pub use admin::{AdminSettings, AdminTlsSettings};
pub use admin_place::AdminPlace;
pub use api_keys::ApiKeySettings;
pub use backend::{BackendCredential, BackendProtocol, BackendSettings, EventSettings};
pub use deadlines::DeadlineSettings;
pub use environment::{ClientSubjectSettings, EnvironmentSettings, Resumption};
pub use inbox::{DeliverySettings, InboxSettings, StoreSettings};
pub use interpreter::{InterpreterSettings, UnknownCall};
pub use log::{LogFormat, LogSettings};
pub use origin::{Origin, Origins};
pub use parts::EnvironmentParts;
pub use pem_source::PemSource;
pub(crate) use quantity::format_size;
pub use reference::{DocumentedSetting, DocumentedTable, ShownValue, documented};
pub use reload::ReloadSettings;
pub use report::{Finding, Report};
pub use revocation::RevocationMode;
pub use secret::SecretSource;
pub use server::{Http2Settings, ProxyProtocolSettings, ServerSettings};
pub use sources::Sources;
pub use token_clients::{ClientSecretSettings, TokenClientSettings};
pub use tokens::{IdentityProviderSettings, TokenEndpointSettings, TokenIssuerSettings, TokenSettings};
pub use traces::TraceSettings;

use layers::Layers;
use path::directory;
use reader::{Reader, Section};
use toml_layer::Author;
use variables::Assets;

/// Every setting, its default and a line about it.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// A valid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[server]`.
    pub server: ServerSettings,
    /// `[admin]`.
    pub admin: AdminSettings,
    /// `[log]`.
    pub log: LogSettings,
    /// `[traces]`.
    pub traces: TraceSettings,
    /// `[reload]`.
    pub reload: ReloadSettings,
    /// `[inbox]`, where it has a url; without one notifications are forwarded.
    pub inbox: Option<InboxSettings>,
    /// `products_dir`: a directory with operations of the operator's own, `*.toml`. What is in it is not looked at here.
    pub products_dir: Option<PathBuf>,
    /// `[backends.NAME]`: further backends, by name.
    pub backends: Vec<(String, BackendSettings)>,
    /// `[environments.NAME]`, at least one, by name.
    pub environments: Vec<EnvironmentSettings>,
    /// What is allowed but deserves a look.
    pub warnings: Vec<String>,
    /// Where each setting was written.
    pub origins: Origins,
}

impl Settings {
    /// Reads and validates a configuration. Files that settings name are looked at, not read.
    ///
    /// # Errors
    ///
    /// A [`Report`] of all problems.
    pub fn load(sources: &Sources) -> Result<Self, Report> {
        let mut layers = Layers::default();
        let file = match sources.file.as_deref().map(|path| (path, sources::read_file(path))) {
            None => None,
            Some((path, Ok(text))) => Some((path, text)),
            Some((path, Err((problem, remedy)))) => {
                let origin = Origin::File { path: path.into(), line: None, column: None };
                layers.refuse("", &origin, problem, remedy);
                return Err(Report::new(layers.origins, layers.findings));
            }
        };
        let file = file.as_ref().map(|(path, text)| (*path, text.as_str()));
        load(layers, file, &sources.environment)
    }

    /// The addresses to open: every listener of every environment, once.
    #[must_use]
    pub fn listeners(&self) -> BTreeSet<SocketAddr> {
        self.environments.iter().flat_map(|environment| &environment.listen).copied().collect()
    }

    /// Every file that settings name, once: what to watch for changes. `products_dir` is none.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let of_environments = self.environments.iter().flat_map(EnvironmentSettings::files);
        let of_backends = self.backends.iter().flat_map(|(_, backend)| backend.files());
        let of_inbox = self.inbox.iter().flat_map(InboxSettings::files);
        let files: BTreeSet<&Path> = of_environments
            .chain(of_backends)
            .chain(self.admin.files())
            .chain(of_inbox)
            .chain(self.traces.files())
            .collect();
        files.into_iter().map(Path::to_path_buf).collect()
    }

    /// What an operator should know of where notifications are kept.
    #[must_use]
    pub fn inbox_warning(&self) -> Option<&'static str> {
        match &self.inbox {
            None => Some(
                "There is no inbox (inbox.url): notifications are forwarded, and acknowledged once the backend has them.",
            ),
            Some(inbox) if inbox.key_file.is_none() => Some(
                "inbox.key_file is not set: paths, queries, headers and bodies of notifications are kept in clear.",
            ),
            Some(_) => None,
        }
    }

    /// An empty report that knows where these settings were written, for checks of what they name.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::new(self.origins.clone(), Vec::new())
            .with_environments(self.environments.iter().map(EnvironmentParts::from).collect())
            .with_warnings(self.warnings.clone())
    }
}

/// The configuration that `text` would be as the file `path`, with these variables.
#[cfg(fuzzing)]
pub(crate) fn load_text(path: &Path, text: &str, environment: &[(OsString, OsString)]) -> Result<Settings, Report> {
    load(Layers::default(), Some((path, text)), environment)
}

/// The steps of loading, with the file already read.
fn load(layers: Layers, file: Option<(&Path, &str)>, environment: &[(OsString, OsString)]) -> Result<Settings, Report> {
    let (reader, read, assets) = read_layers(layers, file, environment)?;
    conclude(reader, read, &assets, file.is_some())
}

fn read_layers(
    mut layers: Layers,
    file: Option<(&Path, &str)>,
    environment: &[(OsString, OsString)],
) -> Result<(Reader, Read, Assets), Report> {
    toml_layer::add(&mut layers, DEFAULTS, Author::Default);
    if let Some((path, text)) = file
        && !toml_layer::add(&mut layers, text, Author::File(Arc::from(path)))
    {
        return Err(Report::new(layers.origins, layers.findings));
    }
    let variables = variables::readable(&mut layers, environment);
    let assets = variables::add_assets(&mut layers, &variables);
    variables::add_settings(&mut layers, &variables);

    let (entries, origins, findings) = layers.merge();
    let mut reader = Reader::new(origins, findings);
    let read = reader.read(entries, |root| read(root, &assets));
    Ok((reader, read, assets))
}

/// What was read, table by table; `None` where a table cannot be used.
struct Read {
    server: server::Server,
    admin: Option<AdminSettings>,
    log: Option<LogSettings>,
    traces: Option<TraceSettings>,
    reload: Option<ReloadSettings>,
    #[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
    inbox: Option<Option<InboxSettings>>,
    #[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
    products_dir: Option<Option<PathBuf>>,
    backends: Option<Vec<(String, BackendSettings)>>,
    environments: Vec<environment::Environment>,
}

fn read(root: &mut Section<'_>, assets: &Assets) -> Read {
    let server = root.within("server", server::read);
    let admin = root.within("admin", admin::read);
    let log = root.within("log", log::read);
    let traces = root.within("traces", traces::read);
    let reload = root.within("reload", reload::read);
    let inbox = root.within("inbox", inbox::read);
    let products_dir = root.optional("products_dir", directory);
    let backends = backends::read(root);
    let around =
        environment::Around { listen: &server.listen, backends: &backends.names, from_assets: *assets == Assets::Used };
    let environments = root.each_within("environments", |name, section| environment::read(name, section, &around));
    Read { server, admin, log, traces, reload, inbox, products_dir, backends: backends.settings, environments }
}

fn conclude(mut reader: Reader, read: Read, assets: &Assets, from_file: bool) -> Result<Settings, Report> {
    if let Assets::Unused(names) = assets {
        reader.warn(format!(
            "Environments are defined elsewhere, so these variables are not used: {}.",
            names.join(", ")
        ));
    }
    if read.environments.is_empty() {
        let names: Vec<&str> = variables::ASSETS.iter().filter_map(|asset| asset.variables.first()).copied().collect();
        let variables = format!("or set the variables {}.", names.join(", "));
        let (problem, remedy) = if from_file {
            ("No environment is defined, so there is nothing to serve.", "Write a table [environments.NAME],")
        } else {
            (
                "No configuration file was read, and variables define no environment: there is nothing to serve.",
                "Name the file (--config), in which a table [environments.NAME] stands,",
            )
        };
        reader.report("environments", problem, format!("{remedy} {variables}"));
    }
    let claims: Vec<_> = read.environments.iter().filter_map(|environment| environment.claim.clone()).collect();
    let listen = read.server.listen;
    consistency::repeated_addresses(&mut reader, "server.listen", &listen);
    for claim in claims.iter().filter(|claim| claim.listen != listen) {
        let key = format!("environments.{}.listen", claim.environment);
        consistency::repeated_addresses(&mut reader, &key, &claim.listen);
    }
    consistency::listeners(&mut reader, &claims, &listen, read.admin.as_ref());
    consistency::claims(&mut reader, &claims);
    let (environments, parts): (Vec<_>, Vec<_>) =
        read.environments.into_iter().map(|environment| (environment.settings, environment.parts)).unzip();
    let environments: Vec<_> = environments.into_iter().flatten().collect();
    if let Some(server) = &read.server.settings {
        let backends = read.backends.as_deref().unwrap_or_default();
        let inbox = read.inbox.as_ref().and_then(Option::as_ref);
        consistency::without_effect(&mut reader, server, &environments, backends, inbox);
    }

    let (origins, findings, warnings) = reader.finish();
    let logs = read.log.zip(read.traces);
    let tables = (read.server.settings, read.admin, logs, read.reload, read.inbox, read.products_dir, read.backends);
    match tables {
        (
            Some(server),
            Some(admin),
            Some((log, traces)),
            Some(reload),
            Some(inbox),
            Some(products_dir),
            Some(backends),
        ) if findings.is_empty() => Ok(Settings {
            server,
            admin,
            log,
            traces,
            reload,
            inbox,
            products_dir,
            backends,
            environments,
            warnings,
            origins,
        }),
        _ => Err(Report::new(origins, findings).with_environments(parts).with_warnings(warnings)),
    }
}
