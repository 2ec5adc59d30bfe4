//! What an environment makes of the calls that it gets: which it knows, who may make them beside a certificate, how long they
//! may take.

use std::path::Path;

use super::api_keys::{self, ApiKeySettings};
use super::base_paths;
use super::deadlines::{self, DeadlineSettings};
use super::operations;
use super::pem_source::PemSource;
use super::reader::Section;
use super::secret::SecretSource;
use super::tokens::{self, TokenIssuerSettings, TokenSettings};
use super::typed::one_of;
use crate::thales::Product;
use crate::thales::dialect::WrongKey;
use crate::thales::routes::OperationOverride;

/// Settings of an environment that are about calls. Their tables stand in the environment's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterpreterSettings {
    /// `unknown`: what becomes of a call that no operation knows.
    pub unknown: UnknownCall,
    /// `wrong_key`: what a caller of card on file gets whose API key is missing or wrong.
    pub wrong_key: WrongKey,
    /// `[environments.NAME.deadlines]`.
    pub deadlines: DeadlineSettings,
    /// `[environments.NAME.base_paths]`: for products of the environment, each once; may be empty texts.
    pub base_paths: Vec<(Product, String)>,
    /// `[environments.NAME.api_keys]`, by name; only with card on file. When empty, none is asked for.
    pub api_keys: Vec<ApiKeySettings>,
    /// `[environments.NAME.tokens]`, only with a D1 product; without them, none is asked for.
    pub tokens: Option<TokenSettings>,
    /// `[environments.NAME.operations]`, by name.
    pub operations: Vec<OperationOverride>,
}

impl InterpreterSettings {
    /// Every file that they name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let keys = self.api_keys.iter().map(|key| &key.key);
        let (pem, clients) = match self.tokens.as_ref().map(|tokens| &tokens.issuer) {
            None => (None, [].as_slice()),
            Some(TokenIssuerSettings::IdentityProvider(provider)) => (provider.jwks_ca.as_ref(), [].as_slice()),
            Some(TokenIssuerSettings::TokenEndpoint(endpoint)) => {
                (Some(&endpoint.signing_key), endpoint.clients.as_slice())
            }
        };
        let secrets = clients.iter().flat_map(|client| &client.secrets).map(|secret| &secret.secret);
        keys.chain(secrets).filter_map(SecretSource::path).chain(pem.and_then(PemSource::path))
    }
}

/// What becomes of a call that no operation knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownCall {
    /// It goes to the backend: Thales announces new operations, and losing one is worse.
    Forward,
    /// It is refused.
    Reject,
}

const UNKNOWN_CALLS: &[(&str, UnknownCall)] = &[("forward", UnknownCall::Forward), ("reject", UnknownCall::Reject)];
const WRONG_KEYS: &[(&str, WrongKey)] = &[("503", WrongKey::Retryable), ("401", WrongKey::Unauthorized)];

/// Products whose callers show an API key.
const WITH_API_KEYS: &[Product] = &[Product::Cof];
/// Products whose callers show a bearer token.
const WITH_TOKENS: &[Product] = &[Product::D1, Product::D1Ecom];

/// The end of a warning about a second key that nobody asks for.
const WITHOUT_SECOND_KEY: &str = ", so mutual TLS alone admits the callers.";

impl InterpreterSettings {
    /// Whether a warning of the settings is about a second key that nobody asks for: the readiness report tells of that by itself (O13).
    pub(crate) fn is_about_second_key(warning: &str) -> bool {
        warning.ends_with(WITHOUT_SECOND_KEY)
    }
}

/// Reads what the environment `name` says of calls. `products` are its own, where they could be read; `backends` the names in
/// `[backends]`.
pub(super) fn read(
    section: &mut Section<'_>,
    name: &str,
    products: Option<&[Product]>,
    backends: &[String],
) -> Option<InterpreterSettings> {
    let [api_keys_written, tokens_written, wrong_key_written] =
        ["api_keys", "tokens", "wrong_key"].map(|name| !section.written(&[name]).is_empty());
    let unknown = section.or("unknown", UnknownCall::Forward, one_of(UNKNOWN_CALLS));
    let wrong_key = section.or("wrong_key", WrongKey::Retryable, one_of(WRONG_KEYS));
    let deadlines = section.within("deadlines", deadlines::read);
    let base_paths = section.within("base_paths", |section| base_paths::read(section, products));
    let api_keys = api_keys::read(section);
    if api_keys_written && api_keys.as_ref().is_some_and(Vec::is_empty) {
        // Whoever writes the table means to ask for keys: it must not be as if it were not there.
        let remedy = format!("Write a table [{}.NAME] for each key, or take this one out.", section.key("api_keys"));
        section.report(Some("api_keys"), "There is no key in it.", remedy);
    }
    let tokens = section.within_if_written("tokens", |section| tokens::read(section, name));
    let operations = operations::read(section, products, backends);

    if let Some(products) = products {
        second_key(section, products, WITH_API_KEYS, "api_keys", api_keys_written);
        second_key(section, products, WITH_TOKENS, "tokens", tokens_written);
        if wrong_key_written && !api_keys_written {
            let [key, keys] = ["wrong_key", "api_keys"].map(|name| section.key(name));
            section.warn(format!("{key} has no effect without {keys}."));
        }
    }
    Some(InterpreterSettings {
        unknown: unknown?,
        wrong_key: wrong_key?,
        deadlines: deadlines?,
        base_paths: base_paths?,
        api_keys: api_keys?,
        tokens: tokens.map_or(Some(None), |tokens| tokens.map(Some))?,
        operations: operations?,
    })
}

/// Reports a second key (`name`) that no product of the environment asks for, and warns of products that go without theirs.
fn second_key(section: &mut Section<'_>, products: &[Product], with: &[Product], name: &str, written: bool) {
    let asking = products.iter().filter(|product| with.contains(product)).map(|product| product.name());
    let asking: Vec<&str> = asking.collect();
    match (asking.is_empty(), written) {
        (true, true) => {
            let with: Vec<&str> = with.iter().map(|product| product.name()).collect();
            let with = with.join(" and ");
            section.report(
                Some(name),
                format!("It is for the callers of {with}, and the environment has no such product."),
                format!("Take {name} out, or correct product."),
            );
        }
        (false, false) => {
            let (asking, of) = (asking.join(" and "), section.path().to_owned());
            section.warn(format!("{of}, {asking}: no {name}{WITHOUT_SECOND_KEY}"));
        }
        _ => {}
    }
}
