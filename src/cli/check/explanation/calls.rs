//! What an environment makes of its calls, told to people.

use std::fmt;
use std::time::SystemTime;

use super::{Explanation, joined};
use crate::auth::ApiKeys;
use crate::http::{Interpreter, UnknownOperations};
use crate::settings::{EnvironmentSettings, TokenIssuerSettings};
use crate::thales::{Evidence, Operation, Product};

impl Explanation {
    /// Tells of operations and second keys.
    pub(super) fn calls(&mut self, environment: &EnvironmentSettings, interpreter: &Interpreter) {
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
        self.api_keys(interpreter);
        self.tokens(environment, interpreter);
    }

    fn api_keys(&mut self, interpreter: &Interpreter) {
        let now = SystemTime::now();
        let keys = interpreter.options().api_keys.iter().flat_map(ApiKeys::listed);
        for (at, (name, expires)) in keys.enumerate() {
            let label = if at == 0 { "API keys" } else { "" };
            self.line(label, &format!("{name}{}", Life::of(expires, now)));
        }
    }

    fn tokens(&mut self, environment: &EnvironmentSettings, interpreter: &Interpreter) {
        let Some(settings) = &environment.interpreter.tokens else { return };
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
                    let secrets = client.secrets.iter();
                    let told = secrets.map(|secret| format!("{}{}", secret.name, Life::of(secret.expires, now)));
                    let told = told.collect::<Vec<_>>().join("; ");
                    self.line("", &format!("client {} (secrets: {told})", client.id));
                }
                let keys = interpreter.options().tokens.as_ref();
                let keys = keys.map(|tokens| tokens.key_ids(SystemTime::now())).unwrap_or_default();
                self.line("", &format!("keys: {}", joined(keys)));
            }
        }
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
