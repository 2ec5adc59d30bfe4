//! What an environment makes of its calls, told to people.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::time::SystemTime;

use super::{Explanation, joined};
use crate::auth::ApiKeys;
use crate::auth::secret::LiveSecret;
use crate::http::{Interpreter, UnknownOperations};
use crate::settings::{EnvironmentSettings, PemSource, SecretSource, TokenIssuerSettings};
use crate::thales::{Evidence, Operation, Product};

impl Explanation {
    /// Tells of operations and second keys; gives warnings about keys that have expired.
    pub(super) fn calls(&mut self, environment: &EnvironmentSettings, interpreter: &Interpreter) -> Vec<String> {
        let operations = interpreter.routes().operations();
        for (at, product) in environment.products.iter().enumerate() {
            let own = operations.iter().filter(|operation| operation.product == *product);
            let label = if at == 0 { "operations" } else { "" };
            self.line(label, &counted(*product, &own.map(AsRef::as_ref).collect::<Vec<_>>()));
        }
        for operation in operations.iter().filter(|operation| operation.evidence == Evidence::Operator) {
            let Operation { name, kind, method, .. } = operation.as_ref();
            self.line("", &format!("  {name}: {kind}, {method} {}", operation.full_path()));
        }
        let unknown = match interpreter.options().unknown {
            UnknownOperations::Forward if asks_for_second_key(interpreter) => {
                "go to the backend, once they have shown the second key"
            }
            UnknownOperations::Forward => "go to the backend",
            UnknownOperations::Reject => "are refused",
        };
        self.line("other calls", unknown);
        let mut warnings = self.api_keys(environment, interpreter);
        warnings.extend(self.tokens(environment, interpreter));
        warnings
    }

    fn api_keys(&mut self, environment: &EnvironmentSettings, interpreter: &Interpreter) -> Vec<String> {
        let now = SystemTime::now();
        let mut warnings = Vec::new();
        let keys = interpreter.options().api_keys.iter().flat_map(ApiKeys::listed);
        let mut all_expired = None;
        for (at, (name, expires)) in keys.enumerate() {
            let label = if at == 0 { "API keys" } else { "" };
            let life = Life::of(expires, now);
            all_expired = Some(all_expired != Some(false) && matches!(life, Life::Expired(_)));
            self.line(label, &format!("{name}{life}"));
            if let Life::Expired(at) = life {
                warnings.push(format!("{}: the API key {name} expired at {at}", environment.name));
            }
        }
        if all_expired == Some(true) {
            warnings.push(format!("{}: all API keys have expired: nobody who needs one is served", environment.name));
        }
        let keys = environment.interpreter.api_keys.iter().map(|key| (key.name.as_str(), &key.key));
        let alike = alike(keys).into_iter();
        warnings.extend(alike.map(|(one, other)| {
            format!("{}: the API keys {one} and {other} are the same: taking one out changes nothing", environment.name)
        }));
        warnings
    }

    fn tokens(&mut self, environment: &EnvironmentSettings, interpreter: &Interpreter) -> Vec<String> {
        let mut warnings = Vec::new();
        let Some(settings) = &environment.interpreter.tokens else { return warnings };
        let scope = if settings.scope.is_empty() {
            String::new()
        } else {
            format!(", with the scopes {}", joined(&settings.scope))
        };
        match &settings.issuer {
            TokenIssuerSettings::IdentityProvider(provider) => {
                self.line("tokens", &format!("of {}, for {}{scope}", provider.issuer, settings.audience));
            }
            TokenIssuerSettings::TokenEndpoint(endpoint) => {
                let lifetime = humantime::format_duration(endpoint.lifetime);
                self.line("tokens", &format!("made here, good for {lifetime}, for {}{scope}", settings.audience));
                let now = SystemTime::now();
                for client in &endpoint.clients {
                    let told = client.secrets.iter().map(|secret| {
                        let life = Life::of(secret.expires, now);
                        if let Life::Expired(at) = &life {
                            let (environment, id) = (&environment.name, &client.id);
                            let name = &secret.name;
                            warnings
                                .push(format!("{environment}: the secret {name} of the client {id} expired at {at}"));
                        }
                        format!("{}{life}", secret.name)
                    });
                    let told = told.collect::<Vec<_>>().join("; ");
                    self.line("", &format!("client {} (secrets: {told})", client.id));
                    let secrets = client.secrets.iter().map(|secret| (secret.name.as_str(), &secret.secret));
                    warnings.extend(alike(secrets).into_iter().map(|(one, other)| {
                        format!(
                            "{}: the secrets {one} and {other} of the client {} are the same: taking one out changes nothing",
                            environment.name, client.id
                        )
                    }));
                }
                let keys = interpreter.options().tokens.as_ref();
                let keys = keys.map(|tokens| tokens.key_ids(SystemTime::now())).unwrap_or_default();
                self.line("", &format!("keys: {}", joined(keys)));
            }
        }
        warnings
    }
}

/// How long a secret is good, behind its name.
enum Life {
    Unlimited,
    Until(String),
    Expired(String),
}

impl Life {
    fn of(expires: Option<SystemTime>, now: SystemTime) -> Self {
        let Some(expires) = expires else { return Self::Unlimited };
        let at = humantime::format_rfc3339_seconds(expires).to_string();
        if expires <= now { Self::Expired(at) } else { Self::Until(at) }
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => Ok(()),
            Self::Until(at) => write!(f, ", until {at}"),
            Self::Expired(at) => write!(f, ", EXPIRED at {at}"),
        }
    }
}

fn asks_for_second_key(interpreter: &Interpreter) -> bool {
    let options = interpreter.options();
    options.api_keys.is_some() || options.tokens.is_some()
}

/// Pairs of names whose secrets are the same.
fn alike<'s>(secrets: impl Iterator<Item = (&'s str, &'s SecretSource)>) -> Vec<(&'s str, &'s str)> {
    let (mut seen, mut alike) = (BTreeMap::new(), Vec::new());
    for (name, source) in secrets {
        let Some(digest) = digest(source) else { continue };
        match seen.entry(digest) {
            Entry::Occupied(first) => alike.push((*first.get(), name)),
            Entry::Vacant(place) => {
                place.insert(name);
            }
        }
    }
    alike
}

/// What is wrong with a secret has been told by whoever made the interpreter of it.
fn digest(source: &SecretSource) -> Option<[u8; 32]> {
    let of_text = |text: &str| LiveSecret::from_text("", text).ok().map(|secret| secret.digest);
    match source {
        SecretSource::Text(text) => of_text(text),
        SecretSource::Sha256(digest) => Some(*digest),
        SecretSource::File(path) => of_text(std::str::from_utf8(&PemSource::File(path.clone()).read().ok()?).ok()?),
    }
}

/// `cof: 5, of which 2 paths are shown by Thales and 3 follow the rule of their siblings`.
fn counted(product: Product, operations: &[&Operation]) -> String {
    let of = |evidence| operations.iter().filter(|operation| operation.evidence == evidence).count();
    let parts = [
        (of(Evidence::Portal), "shown by Thales"),
        (of(Evidence::ThirdParty), "shown by others"),
        (of(Evidence::NamingRule), "by the rule of their siblings"),
        (of(Evidence::Operator), "your own"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
    format!("{product}: {}, their paths {}; issuer-host explain {product}", operations.len(), joined(parts))
}
