//! What an environment knows of the calls that Thales makes to it, and what it demands of them on top of mutual TLS.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::http::HeaderName;

use super::access;
use crate::auth::api_key::ApiKeys;
use crate::auth::bearer::BearerTokens;
use crate::telemetry::OncePerSecond;
use crate::thales::dialect::{Dialect, WrongKey};
use crate::thales::operation::{IssuerId, Kind};
use crate::thales::routes::Routes;
use crate::thales::{Operation, Product};

/// What an interpreter is made of.
#[derive(Debug)]
pub struct InterpreterOptions {
    /// The operations that the environment answers to.
    pub routes: Routes,
    /// The ids that may stand where an operation names its issuer or merchant gateway.
    pub issuer_ids: Vec<String>,
    /// What becomes of a call that no operation knows.
    pub unknown: UnknownOperations,
    /// How long an answer may take, by kind.
    pub deadlines: KindDeadlines,
    /// What a caller of `cof` gets for a missing or wrong API key.
    pub wrong_key: WrongKey,
    /// The API keys of `cof`; `None` = mutual TLS is enough.
    pub api_keys: Option<ApiKeys>,
    /// What judges the bearer tokens of `d1` and `d1-ecom`; `None` = mutual TLS is enough.
    pub tokens: Option<BearerTokens>,
    /// A digest of everything that this was made from, so that one that would be the same can be left in place with what it
    /// remembers; `None` = it is like no other.
    pub digest: Option<[u8; 32]>,
}

impl InterpreterOptions {
    /// Knows `routes`, and demands nothing but one of `issuer_ids` where a call names one.
    #[must_use]
    pub fn new(routes: Routes, issuer_ids: Vec<String>) -> Self {
        Self {
            routes,
            issuer_ids,
            unknown: UnknownOperations::Forward,
            deadlines: KindDeadlines::default(),
            wrong_key: WrongKey::Retryable,
            api_keys: None,
            tokens: None,
            digest: None,
        }
    }
}

/// What becomes of an authenticated call that no operation knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownOperations {
    /// It goes to the backend: Thales announces new operations, and to lose one is worse than to pass it on.
    #[default]
    Forward,
    /// It is refused.
    Reject,
}

/// Until the head of an answer, by kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindDeadlines {
    /// Of notifications.
    pub notification: Duration,
    /// Of queries.
    pub query: Duration,
    /// Of commands.
    pub command: Duration,
}

impl Default for KindDeadlines {
    fn default() -> Self {
        Self { notification: Duration::from_secs(10), query: Duration::from_secs(30), command: Duration::from_secs(30) }
    }
}

/// Knows the calls of an environment.
pub struct Interpreter {
    options: InterpreterOptions,
    /// Where a call that no operation knows names its issuer, by product.
    id_places: Vec<(Product, IdPlace)>,
    /// What each line of the log says of an operation, in the order of the addresses at which the operations lie.
    in_words: Vec<(usize, String)>,
    /// So that callers who are refused do not flood the log.
    refusals: OncePerSecond,
}

/// Where an issuer's id stands in a call of a product that no operation knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IdPlace {
    /// In a header that must be there.
    Header(HeaderName),
    /// In a header that may be there.
    OptionalHeader(HeaderName),
    /// In the path, behind a segment of this name (in lower case).
    Behind(String),
}

impl Interpreter {
    /// An interpreter of `options`.
    #[must_use]
    pub fn new(options: InterpreterOptions) -> Self {
        let mut id_places = Vec::new();
        for operation in options.routes.operations() {
            let place = id_place(operation).map(|place| (operation.product, place));
            id_places.extend(place.filter(|place| !id_places.contains(place)));
        }
        let in_words = |operation: &Arc<Operation>| (address(operation), access::members_of(operation));
        let mut in_words: Vec<_> = options.routes.operations().iter().map(in_words).collect();
        in_words.sort_unstable();
        Self { options, id_places, in_words, refusals: OncePerSecond::default() }
    }

    /// The operations that it knows.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.options.routes
    }

    /// Gets ready for calls: keys that have to be fetched are fetched, or taken over from what was in force `before`.
    pub(crate) fn prepare(&self, before: Option<&Self>) {
        if let Some(tokens) = &self.options.tokens {
            tokens.prepare(before.and_then(|before| before.options.tokens.as_ref()), SystemTime::now());
        }
    }

    pub(crate) fn options(&self) -> &InterpreterOptions {
        &self.options
    }

    pub(crate) fn refusals(&self) -> &OncePerSecond {
        &self.refusals
    }

    pub(crate) fn id_places(&self, product: Product) -> impl Iterator<Item = &IdPlace> {
        self.id_places.iter().filter(move |(of, _)| *of == product).map(|(_, place)| place)
    }

    /// What each line of the log says of one of its operations.
    pub(crate) fn in_words(&self, operation: &Arc<Operation>) -> Option<&str> {
        let at = self.in_words.binary_search_by_key(&address(operation), |(address, _)| *address).ok()?;
        self.in_words.get(at).map(|(_, words)| words.as_str())
    }

    /// Whether calls of `product` have to show an API key or a token.
    pub(crate) fn wants_credential(&self, product: Product) -> bool {
        match product {
            Product::Cof => self.options.api_keys.is_some(),
            Product::D1 | Product::D1Ecom => self.options.tokens.is_some(),
            Product::Tsh | Product::TshAuxiliary | Product::Tsp | Product::Transit => false,
        }
    }

    /// How `product` wants to be answered.
    pub(crate) fn dialect(&self, product: Product) -> Dialect {
        Dialect::of(product).with_wrong_key(self.options.wrong_key)
    }

    /// How callers want to be answered of whom nobody knows which product they are: the one that loses events on a wrong status is
    /// the one to please.
    pub(crate) fn careful_dialect(&self) -> Option<Dialect> {
        let products = self.options.routes.products();
        let careful = products.iter().find(|product| **product == Product::Cof).or_else(|| products.first())?;
        Some(self.dialect(*careful))
    }

    /// Until the head of the answer to `operation`.
    pub(crate) fn deadline(&self, operation: &Operation) -> Duration {
        let KindDeadlines { notification, query, command } = self.options.deadlines;
        operation.deadline.unwrap_or(match operation.kind {
            Kind::Notification => notification,
            Kind::Query => query,
            Kind::Command => command,
        })
    }
}

/// Two are equal when they were made from the same; what they remember does not count.
impl PartialEq for Interpreter {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.options.digest.is_some() && self.options.digest == other.options.digest)
    }
}

impl Eq for Interpreter {}

impl fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interpreter").field("products", &self.options.routes.products()).finish_non_exhaustive()
    }
}

/// Where an operation lies; it stays there as long as its interpreter lives.
fn address(operation: &Arc<Operation>) -> usize {
    Arc::as_ptr(operation).addr()
}

/// Where the calls of the operation's product name their issuer, as far as this one tells.
fn id_place(operation: &Operation) -> Option<IdPlace> {
    match operation.issuer_id.as_ref()? {
        IssuerId::Header(name) => Some(IdPlace::Header(name.clone())),
        IssuerId::OptionalHeader(name) => Some(IdPlace::OptionalHeader(name.clone())),
        IssuerId::Path(parameter) => {
            let path = operation.full_path();
            let (before, _) = path.split_once(&format!("/{{{parameter}}}"))?;
            let segment = before.rsplit('/').next().filter(|segment| !segment.is_empty())?;
            Some(IdPlace::Behind(segment.to_ascii_lowercase()))
        }
    }
}
