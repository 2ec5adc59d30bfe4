//! What an environment makes of its calls, told to people.

use std::time::SystemTime;

use super::{Explanation, joined};
use crate::auth::ApiKeys;
use crate::http::{Interpreter, UnknownOperations};
use crate::settings::{EnvironmentSettings, TokenIssuerSettings};
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
            UnknownOperations::Forward => "go to the backend, once they have shown the second key",
            UnknownOperations::Reject => "are refused",
        };
        self.line("other calls", unknown);
        let warnings = self.api_keys(environment, interpreter);
        self.tokens(environment, interpreter);
        warnings
    }

    fn api_keys(&mut self, environment: &EnvironmentSettings, interpreter: &Interpreter) -> Vec<String> {
        let now = SystemTime::now();
        let mut warnings = Vec::new();
        let keys = interpreter.options().api_keys.iter().flat_map(ApiKeys::listed);
        for (at, (name, expires)) in keys.enumerate() {
            let label = if at == 0 { "API keys" } else { "" };
            let until = expires.map(|expires| humantime::format_rfc3339_seconds(expires).to_string());
            match (expires, until) {
                (Some(expires), Some(until)) if expires <= now => {
                    self.line(label, &format!("{name}, EXPIRED at {until}"));
                    warnings.push(format!("{}: the API key {name} expired at {until}", environment.name));
                }
                (_, Some(until)) => self.line(label, &format!("{name}, until {until}")),
                (_, None) => self.line(label, name),
            }
        }
        warnings
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
                let clients = endpoint.clients.iter().map(|client| {
                    let secrets = client.secrets.iter().map(|secret| secret.name.as_str());
                    format!("{} (secrets: {})", client.id, joined(secrets))
                });
                self.line("", &format!("clients: {}", joined(clients)));
                let keys = interpreter.options().tokens.as_ref();
                let keys = keys.map(|tokens| tokens.key_ids(SystemTime::now())).unwrap_or_default();
                self.line("", &format!("keys: {}", joined(keys)));
            }
        }
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
