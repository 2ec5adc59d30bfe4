//! From settings to what knows the calls: the catalogue, the routes of an environment, and the second keys of its callers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::backend;
use super::texts::texts;
use super::{SettingProblem, second_keys};
use crate::files;
use crate::handler::{Handler, Others};
use crate::http::{Interpreter, InterpreterOptions, KindDeadlines, UnknownOperations};
use crate::inbox::destination::Destination;
use crate::settings::{BackendSettings, EnvironmentSettings, PemSource, Settings, UnknownCall};
use crate::thales::catalogue::Catalogue;
use crate::thales::operation::Role;
use crate::thales::routes::{OperationOverride, RouteOptions, RouteProblem, Routes};

/// No file of operations may be longer, in bytes.
const LONGEST_PRODUCTS_FILE: u64 = 1 << 20;

/// What all environments share: what is known of Thales' calls, and the backends that operations may name.
pub(super) struct Known<'s> {
    catalogue: Catalogue,
    backends: BTreeMap<&'s str, &'s BackendSettings>,
}

/// What an environment makes of its calls.
pub(super) struct Interpretation {
    pub(super) interpreter: Arc<Interpreter>,
    pub(super) others: Arc<Others>,
    /// Where notifications of operations go that name a backend.
    pub(super) destinations: BTreeMap<String, Arc<dyn Destination>>,
}

impl<'s> Known<'s> {
    /// Reads the operator's files of operations.
    pub(super) fn of(settings: &'s Settings, problems: &mut Vec<SettingProblem>) -> Option<Self> {
        let files = match &settings.products_dir {
            None => Vec::new(),
            Some(directory) => product_files(directory, problems)?,
        };
        let backends = settings.backends.iter().map(|(name, backend)| (name.as_str(), backend)).collect();
        match Catalogue::with_files(&files) {
            Ok(catalogue) => Some(Self { catalogue, backends }),
            Err(found) => {
                problems.extend(
                    found.iter().map(|found| SettingProblem { key: "products_dir".into(), problem: found.to_string() }),
                );
                None
            }
        }
    }

    /// What `environment` makes of its calls, or what is wrong with it.
    pub(super) fn interpretation(
        &self,
        environment: &EnvironmentSettings,
        problems: &mut Vec<SettingProblem>,
    ) -> Option<Interpretation> {
        let settings = &environment.interpreter;
        let mut digest = Digest::new();
        // Names, paths and durations; secrets do not show in it, and come with what was read.
        digest.add(format!("{:?} {:?} {settings:?}", environment.products, environment.issuer_ids).as_bytes());
        digest.add(format!("{:?} {:?}", environment.host, environment.name).as_bytes());

        let routes = self.routes(environment, problems);
        // Not the files of operations: most of what they say is about products of others.
        digest.add(format!("{:?}", routes.as_ref().map(Routes::operations)).as_bytes());
        let api_keys = second_keys::api_keys(environment, &mut digest, problems);
        let tokens = second_keys::tokens(environment, &mut digest, problems);
        let backends = self.backends(environment, &mut digest, problems);
        let destinations = self.destinations(environment, problems);
        let (tokens, token_endpoint) = tokens?;
        if token_endpoint.is_some() {
            let wrong = settings.operations.iter().filter(|own| {
                own.backend.is_some() && routes.as_ref().is_some_and(|routes| names_token_endpoint(own, routes))
            });
            let before = problems.len();
            problems.extend(wrong.map(|own| {
                route_problem(
                    &environment.name,
                    &RouteProblem {
                        operation: Some(own.name.clone()),
                        field: Some("backend"),
                        problem: "this server makes the tokens, so no backend is asked for one".to_owned(),
                        remedy: "leave backend away, or take the token's signing key out of the environment".to_owned(),
                    },
                )
            }));
            if problems.len() > before {
                return None;
            }
        }
        let options = InterpreterOptions {
            unknown: match settings.unknown {
                UnknownCall::Forward => UnknownOperations::Forward,
                UnknownCall::Reject => UnknownOperations::Reject,
            },
            deadlines: KindDeadlines {
                notification: settings.deadlines.notification,
                query: settings.deadlines.query,
                command: settings.deadlines.command,
            },
            wrong_key: settings.wrong_key,
            api_keys: api_keys?,
            tokens,
            digest: Some(digest.finish()),
            ..InterpreterOptions::new(routes?, environment.issuer_ids.clone())
        };
        Some(Interpretation {
            interpreter: Arc::new(Interpreter::new(options)),
            others: Arc::new(Others::new(backends?, token_endpoint)),
            destinations: destinations?,
        })
    }

    fn routes(&self, environment: &EnvironmentSettings, problems: &mut Vec<SettingProblem>) -> Option<Routes> {
        let options = RouteOptions {
            products: environment.products.clone(),
            base_paths: environment.interpreter.base_paths.clone(),
            overrides: environment.interpreter.operations.clone(),
        };
        match Routes::compile(&self.catalogue, &options) {
            Ok(routes) => Some(routes),
            Err(found) => {
                problems.extend(found.iter().map(|found| route_problem(&environment.name, found)));
                None
            }
        }
    }

    /// The backends that operations of the environment name; each environment has connections of its own.
    fn backends(
        &self,
        environment: &EnvironmentSettings,
        digest: &mut Digest,
        problems: &mut Vec<SettingProblem>,
    ) -> Option<BTreeMap<String, Handler>> {
        let named = named_backends(environment);
        let mut backends = BTreeMap::new();
        for name in &named {
            let Some(settings) = self.backends.get(name) else { continue };
            let Some(forward) = backend::forward(&format!("backends.{name}"), settings, problems) else { continue };
            digest.add(name.as_bytes());
            digest.add(forward.digest());
            backends.insert((*name).to_owned(), Handler::Forward(forward));
        }
        (backends.len() == named.len()).then_some(backends)
    }

    /// The same as destinations of the inbox.
    fn destinations(
        &self,
        environment: &EnvironmentSettings,
        problems: &mut Vec<SettingProblem>,
    ) -> Option<BTreeMap<String, Arc<dyn Destination>>> {
        let named = named_backends(environment);
        let destination = |name: &str| {
            let settings = self.backends.get(name)?;
            Some((name.to_owned(), backend::destination(&format!("backends.{name}"), settings, problems)?))
        };
        let destinations: BTreeMap<_, _> = named.iter().copied().filter_map(destination).collect();
        (destinations.len() == named.len()).then_some(destinations)
    }
}

/// The backends that operations of an environment name.
fn named_backends(environment: &EnvironmentSettings) -> BTreeSet<&str> {
    environment.interpreter.operations.iter().filter_map(|operation| operation.backend.as_deref()).collect()
}

/// Whether an override is about a request for an access token.
fn names_token_endpoint(own: &OperationOverride, routes: &Routes) -> bool {
    let name = own.name.rsplit('/').next().unwrap_or_default();
    let mut operations = routes.operations().iter();
    operations.any(|row| matches!(row.role, Role::TokenEndpoint { .. }) && row.name.eq_ignore_ascii_case(name))
}

/// The operator's files of operations, in the order of their names.
fn product_files(directory: &Path, problems: &mut Vec<SettingProblem>) -> Option<Vec<(String, String)>> {
    let problem = |place: &Path, problem: &dyn std::fmt::Display| SettingProblem {
        key: "products_dir".into(),
        problem: format!("{}: {problem}", place.display()),
    };
    let paths = match super::product_paths(directory) {
        Ok(paths) => paths,
        Err(error) => {
            problems.push(problem(directory, &format_args!("it cannot be read: {error}")));
            return None;
        }
    };
    let sources: Vec<_> = paths.into_iter().map(|path| (path.display().to_string(), PemSource::File(path))).collect();
    let named: Vec<(&str, &PemSource)> = sources.iter().map(|(name, source)| (name.as_str(), source)).collect();
    let before = problems.len();
    let read = |source: &PemSource| match source.path() {
        Some(path) => Ok(files::read(path, LONGEST_PRODUCTS_FILE)?),
        None => source.read(),
    };
    let held = texts("products_dir", &named, read, problems);
    let mut files = Vec::new();
    for (name, text) in held {
        if let Ok(text) = std::str::from_utf8(&text) {
            files.push((name.to_owned(), text.to_owned()));
        } else {
            problems.push(problem(Path::new(name), &"it is not UTF-8; write it as TOML"));
        }
    }
    (problems.len() == before).then_some(files)
}

fn route_problem(environment: &str, found: &RouteProblem) -> SettingProblem {
    let operation = found.operation.as_ref().map(|name| {
        let quote = if name.contains('/') { "\"" } else { "" };
        format!(".operations.{quote}{name}{quote}")
    });
    let field = found.field.map(|field| format!(".{field}"));
    let key = format!("environments.{environment}{}{}", operation.unwrap_or_default(), field.unwrap_or_default());
    SettingProblem { key, problem: format!("{}: {}", found.problem, found.remedy) }
}

/// SHA-256 over everything that something was made from.
pub(super) struct Digest(Context);

impl Digest {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds a part, led by its length, so that no two lists of parts share an encoding.
    pub(super) fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        bytes
    }
}

#[cfg(test)]
mod tests;
