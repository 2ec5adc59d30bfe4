//! Access tokens, from the token endpoint of the server that is called (RFC 6749 section 4.4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use serde_json::Value;
use zeroize::Zeroizing;

use super::request::{authorization, secret};
use super::{Arguments, operations};
use crate::cli::Error;
use crate::thales::operation::Role;
use crate::thales::{Operation, Product};

/// The tokens of a run, each until it expires.
pub(super) struct Tokens {
    /// `Basic`, id and secret.
    basic: Option<HeaderValue>,
    endpoints: BTreeMap<Product, Arc<Operation>>,
    held: BTreeMap<Product, Held>,
    /// Whose endpoints have given none: they are not asked again, since one that is asked in vain too often locks the caller out.
    refused: BTreeSet<Product>,
}

struct Held {
    /// `Bearer` and the token.
    authorization: HeaderValue,
    /// `None` = it was not said.
    expires: Option<Instant>,
}

/// What a call needs of a token.
pub(super) enum Need {
    /// None: its product has no tokens, or there is no client to get one for.
    Nothing,
    /// This one.
    Held(HeaderValue),
    /// One that has to be obtained there.
    ObtainAt(Arc<Operation>),
    /// One that is not to be had.
    Refused,
}

impl Tokens {
    pub(super) fn new(arguments: &Arguments, operations: &[Arc<Operation>]) -> Result<Self, Error> {
        // Where one operation is called, the endpoint is another one of its product.
        let products: BTreeSet<_> = operations.iter().map(|operation| operation.product).collect();
        let mut routes = Vec::new();
        for product in products {
            routes.extend(operations::of_product(product, arguments.base_path.as_deref())?);
        }
        let endpoints = routes
            .into_iter()
            .filter(|operation| matches!(operation.role, Role::TokenEndpoint { .. }))
            .map(|operation| (operation.product, operation))
            .collect::<BTreeMap<_, _>>();
        let basic = match (&arguments.token_client, &arguments.token_secret_file) {
            (Some(client), Some(file)) => {
                if endpoints.is_empty() {
                    return Err("--token-client: only calls of d1 and d1-ecom carry an access token".into());
                }
                Some(basic(client, &secret(file)?).ok_or("--token-client: no header can hold it")?)
            }
            _ => None,
        };
        Ok(Self { basic, endpoints, held: BTreeMap::new(), refused: BTreeSet::new() })
    }

    /// Whether there is a client to get tokens for.
    pub(super) fn has_client(&self) -> bool {
        self.basic.is_some()
    }

    /// Whether calls of `operation` may need a token, and there is no client to get one for.
    pub(super) fn are_missing(&self, operation: &Operation) -> bool {
        let endpoint = self.endpoints.get(&operation.product);
        !self.has_client() && endpoint.is_some_and(|endpoint| endpoint.name != operation.name)
    }

    /// How a token is asked for.
    pub(super) fn basic(&self) -> Option<&HeaderValue> {
        self.basic.as_ref()
    }

    /// What a call of `operation` needs at `now`.
    pub(super) fn need(&self, operation: &Operation, now: Instant) -> Need {
        let Some(endpoint) = self.endpoints.get(&operation.product).filter(|_| self.has_client()) else {
            return Need::Nothing;
        };
        if endpoint.name == operation.name {
            return Need::Nothing;
        }
        match self.held.get(&operation.product) {
            Some(held) if held.expires.is_none_or(|expires| now < expires) => Need::Held(held.authorization.clone()),
            _ if self.refused.contains(&operation.product) => Need::Refused,
            _ => Need::ObtainAt(Arc::clone(endpoint)),
        }
    }

    /// The endpoint of a product has given no token.
    pub(super) fn refuse(&mut self, product: Product) {
        self.refused.insert(product);
    }

    /// Keeps the token of an answer of the endpoint that came at `now`.
    pub(super) fn keep(&mut self, product: Product, body: &[u8], now: Instant) {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let token = answer.get("access_token").and_then(Value::as_str);
        let Some(authorization) = token.and_then(|token| authorization("Bearer", token)) else { return };
        let seconds = answer.get("expires_in").and_then(|seconds| match seconds {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        });
        let expires = seconds.and_then(|seconds| now.checked_add(Duration::from_secs(seconds)));
        self.held.insert(product, Held { authorization, expires });
    }
}

/// RFC 6749 section 2.3.1: id and secret are encoded as in a form before they are put together.
fn basic(client: &str, secret: &str) -> Option<HeaderValue> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encoded(client), encoded(secret)));
    authorization("Basic", &Zeroizing::new(STANDARD.encode(pair.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thales::Catalogue;

    fn tokens() -> Tokens {
        let operations = Catalogue::built_in().operations().iter();
        let endpoints = operations.filter(|operation| matches!(operation.role, Role::TokenEndpoint { .. }));
        Tokens {
            basic: basic("thales", "a secret"),
            endpoints: endpoints.map(|operation| (operation.product, Arc::new(operation.clone()))).collect(),
            held: BTreeMap::new(),
            refused: BTreeSet::new(),
        }
    }

    fn operation(product: Product, name: &str) -> &'static Operation {
        let mut operations = Catalogue::built_in().operations().iter();
        operations.find(|operation| operation.product == product && operation.name == name).unwrap()
    }

    #[test]
    fn a_token_is_used_until_it_expires_however_its_lifetime_is_written() {
        let call = operation(Product::D1, "getCardPin");
        for lifetime in ["900", "\"900\""] {
            let (mut tokens, now) = (tokens(), Instant::now());
            assert!(matches!(tokens.need(call, now), Need::ObtainAt(endpoint) if endpoint.name == "getToken"));
            tokens.keep(Product::D1, format!(r#"{{"access_token":"t","expires_in":{lifetime}}}"#).as_bytes(), now);
            let before = now + Duration::from_secs(899);
            assert!(matches!(tokens.need(call, before), Need::Held(value) if value == "Bearer t"));
            assert!(matches!(tokens.need(call, before + Duration::from_secs(2)), Need::ObtainAt(_)));
            assert!(matches!(tokens.need(operation(Product::D1Ecom, "notifyTokenUpdate"), before), Need::ObtainAt(_)));
        }
    }

    #[test]
    fn an_endpoint_that_has_given_no_token_is_not_asked_again() {
        let (mut tokens, now) = (tokens(), Instant::now());
        tokens.refuse(Product::D1);
        assert!(matches!(tokens.need(operation(Product::D1, "getCardPin"), now), Need::Refused));
        let other = tokens.need(operation(Product::D1Ecom, "notifyTokenUpdate"), now);
        assert!(matches!(other, Need::ObtainAt(_)), "that of another product may know the client");
        // What was obtained before is good until it expires.
        tokens.keep(Product::D1, br#"{"access_token":"t"}"#, now);
        assert!(matches!(tokens.need(operation(Product::D1, "getCardPin"), now), Need::Held(_)));
    }

    #[test]
    fn calls_without_tokens_need_none() {
        let (tokens, now) = (tokens(), Instant::now());
        assert!(matches!(tokens.need(operation(Product::Cof, "notifyTokenUpdate"), now), Need::Nothing));
        assert!(matches!(tokens.need(operation(Product::D1, "getToken"), now), Need::Nothing));
        assert!(!tokens.are_missing(operation(Product::D1, "getCardPin")));
        let without = Tokens { basic: None, ..tokens };
        for (product, name, missing) in [
            (Product::D1, "getCardPin", true),
            (Product::D1Ecom, "notifyTokenUpdate", true),
            (Product::D1, "getToken", false),
            (Product::Cof, "notifyTokenUpdate", false),
        ] {
            assert_eq!(without.are_missing(operation(product, name)), missing, "{product} {name}");
        }
        assert!(matches!(without.need(operation(Product::D1, "getCardPin"), now), Need::Nothing));
    }

    #[test]
    fn an_answer_without_a_token_gives_none() {
        let (mut tokens, now) = (tokens(), Instant::now());
        for body in ["", "{}", r#"{"access_token":7}"#, "{\"access_token\":\"a\\nb\"}"] {
            tokens.keep(Product::D1, body.as_bytes(), now);
            assert!(tokens.held.is_empty(), "{body}");
        }
    }
}
